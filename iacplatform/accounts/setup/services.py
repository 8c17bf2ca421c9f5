"""Setting up an installation: once, by whoever has the token, even when two try at the same time."""

import secrets

from django.conf import settings
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db.models.functions import Now
from django.utils.crypto import constant_time_compare

from iacplatform.accounts.models import (
    DEFAULT_ORGANIZATION,
    Membership,
    Organization,
    User,
    token_digest,
)
from iacplatform.accounts.setup.models import ONLY, Setup
from iacplatform.common.errors import Conflict, Forbidden, InvalidInput
from iacplatform.common.locks import exclusive

LOCK = "iacplatform.setup"
CLOSED = "The platform has been set up"


def setup_needed() -> bool:
    """Whether nobody has been made administrator yet, by set-up or otherwise.

    An administrator who is inactive counts: who locks themselves out does not open the door to others.
    """
    completed = Setup.objects.filter(completed_at__isnull=False)
    return not (completed.exists() or User.objects.filter(is_superuser=True).exists())


def new_setup_token() -> str:
    """Makes the token that set-up asks for, in place of an earlier one, and returns its text.

    Raises :class:`Conflict` once the platform has been set up.
    """
    token = secrets.token_urlsafe(32)
    with exclusive(LOCK):
        _check_open()
        Setup.objects.update_or_create(pk=ONLY, defaults={"token_digest": token_digest(token)})
    return token


def set_up(
    *, username: str, password: str, email: str, organization_name: str = "", token: str = ""
) -> User:
    """Makes the first administrator and names the organization.

    Raises :class:`Conflict` once there is one, :class:`Forbidden` for a wrong token and
    :class:`InvalidInput` for what is no user name, e-mail address or safe password.
    """
    with exclusive(LOCK):
        _check_open()
        _check_token(token)
        user = _administrator(username, password, email)
        organization = Organization.objects.get_or_create(name=DEFAULT_ORGANIZATION)[0]
        if organization_name:
            organization.display_name = organization_name
            organization.save(update_fields=["display_name"])
        Membership.objects.create(organization=organization, user=user)
        close_setup()
    return user


def close_setup() -> None:
    """Says that there is an administrator, so that set-up is closed for ever."""
    Setup.objects.get_or_create(pk=ONLY)
    open_rows = Setup.objects.filter(completed_at=None)
    open_rows.update(completed_at=Now(), token_digest="")


def _check_open() -> None:
    if not setup_needed():
        raise Conflict(CLOSED)


def _check_token(token: str) -> None:
    """Compares digests, so that neither a length nor a beginning can be found by the time it takes."""
    row = Setup.objects.filter(pk=ONLY).first()
    known = [row.token_digest] if row and row.token_digest else []
    if settings.SETUP_TOKEN:
        known.append(token_digest(settings.SETUP_TOKEN))
    if not known:
        raise Forbidden("There is no set-up token yet: run `manage.py setup_token`")
    given = token_digest(token)
    if not any(constant_time_compare(given, each) for each in known):
        raise Forbidden("The set-up token is wrong")


def _administrator(username: str, password: str, email: str) -> User:
    user = User(username=username, email=email, is_staff=True, is_superuser=True)
    user.set_password(password)
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise InvalidInput("password", " ".join(error.messages)) from None
    try:
        user.full_clean()
    except ValidationError as error:
        field, sentences = next(iter(error.message_dict.items()))
        raise InvalidInput(field, " ".join(sentences)) from None
    user.save()
    return user
