"""Users: creating and changing them, which superusers do."""

from typing import Any

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError

from iacplatform.accounts.models import User
from iacplatform.common.conflicts import taken
from iacplatform.common.errors import Conflict, InvalidInput

TAKEN = "another user has this name"


def create_account(*, password: str | None = None, **fields: Any) -> User:
    """Creates a user; without a password they sign in with the OpenID provider.

    Raises ``InvalidInput`` for an unsafe password, ``Conflict`` for a name that is taken.
    """
    user = User(**fields)
    _set_password(user, password)
    with taken("accounts_user_username_key", "username", TAKEN):
        user.save()
    return user


def update_account(user: User, *, by: User, password: str | None = None, **changes: Any) -> None:
    """Changes a user.

    Raises:
        Conflict: they are a service account, the name is taken, or a superuser would shut themselves out.
        InvalidInput: the password is unsafe.
    """
    if user.is_service:
        raise Conflict("This account stands for a team or an organization")
    shut_out = {"is_active": False, "is_superuser": False}.items() & changes.items()
    if user.pk == by.pk and shut_out:
        raise Conflict("You would shut yourself out: ask another superuser")
    for name, value in changes.items():
        setattr(user, name, value)
    if password is not None:
        _set_password(user, password)
    with taken("accounts_user_username_key", "username", TAKEN):
        user.save()


def _set_password(user: User, password: str | None) -> None:
    if password is None:
        user.set_unusable_password()
        return
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise InvalidInput("password", " ".join(error.messages)) from None
    user.set_password(password)
