"""Users: creating and changing them, which superusers do."""

from typing import Any

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import transaction

from iacplatform.accounts.models import User
from iacplatform.common.conflicts import taken
from iacplatform.common.errors import Conflict, InvalidInput

TAKEN = "another user has this name"


class LastSuperuser(Conflict):
    """Somebody has to be able to create users and organizations."""

    code = "last_superuser"


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
    """Changes a user, and nothing that somebody else changes at the same time.

    Raises:
        Conflict: they are a service account, it is oneself that would lose access or get another password,
            or the name is taken.
        LastSuperuser: nobody would be left to administer the installation.
        InvalidInput: the password is unsafe.
    """
    if user.is_service:
        raise Conflict("This account stands for a team or an organization")
    if password is not None:
        if user.pk == by.pk:
            raise Conflict("Your own password is changed with auth/password")
        _set_password(user, password)
        changes["password"] = user.password
    with taken("accounts_user_username_key", "username", TAKEN), transaction.atomic():
        if {"is_active": False, "is_superuser": False}.items() & changes.items():
            _check_others_administer(user, by)
        for name, value in changes.items():
            setattr(user, name, value)
        user.save(update_fields=list(changes))


def _check_others_administer(user: User, by: User) -> None:
    """Looks under the locks of all superusers' rows, so that two cannot go at once."""
    if user.pk == by.pk:
        raise Conflict("You would shut yourself out: ask another superuser")
    active = User.objects.filter(is_superuser=True, is_active=True).order_by("pk")
    if {each.pk for each in active.select_for_update(no_key=True)} <= {user.pk}:
        raise LastSuperuser("The installation has no other superuser")


def _set_password(user: User, password: str | None) -> None:
    if password is None:
        user.set_unusable_password()
        return
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise InvalidInput("password", " ".join(error.messages)) from None
    user.set_password(password)
