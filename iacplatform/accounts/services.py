"""Signing in, and the tokens of a user's programs."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db.models.functions import Now
from django.utils import timezone

from iacplatform.accounts.models import APIToken, User, new_token, token_digest
from iacplatform.common.errors import InvalidInput

HINT_LENGTH = 12
USE_IS_NOTED_EVERY = timedelta(minutes=1)


def create_api_token(
    user: User,
    *,
    name: str,
    expires_at: datetime | None = None,
    scopes: Sequence[str] = (),
    within: APIToken | None = None,
    **owner: Any,
) -> tuple[APIToken, str]:
    """Creates a token and returns it with its text, which cannot be had again.

    ``within`` is the token with which this one is asked for, which gives no more than it has itself;
    ``owner`` names the team or organization that it acts for, and who made it.

    Raises ``InvalidInput`` for an end that is past or after that of ``within``, or scopes that it has not.
    """
    if expires_at is not None and expires_at <= timezone.now():
        raise InvalidInput("expires_at", "must be in the future")
    if within is not None:
        _check_within(scopes, expires_at, within)
    text = new_token()
    token = APIToken.objects.create(
        user=user,
        name=name,
        digest=token_digest(text),
        hint=text[:HINT_LENGTH],
        expires_at=expires_at,
        scopes=sorted(set(scopes)),
        **owner,
    )
    return token, text


def _check_within(scopes: Sequence[str], expires_at: datetime | None, within: APIToken) -> None:
    """No token makes one that opens more or for longer: nor by naming nothing, which means all."""
    if within.expires_at is not None and (expires_at is None or expires_at > within.expires_at):
        raise InvalidInput("expires_at", "must not be after the end of the token you ask with")
    if not within.scopes:
        return
    if not scopes:
        raise InvalidInput("scopes", "name some: the token you ask with has not all of them")
    if more := sorted(set(scopes) - set(within.scopes)):
        raise InvalidInput("scopes", f"the token you ask with does not have {more[0]}")


def revoke_api_token(token: APIToken) -> None:
    """Ends a token at once; again does nothing."""
    APIToken.objects.filter(pk=token.pk, revoked_at=None).update(revoked_at=Now())


def find_api_token(text: str) -> APIToken | None:
    """The usable token with this text, its user loaded; notes that it was used."""
    now = timezone.now()
    tokens = APIToken.objects.usable(now).select_related("user")
    token = tokens.filter(digest=token_digest(text)).first()
    if token is None:
        return None
    if token.last_used_at is None or now - token.last_used_at > USE_IS_NOTED_EVERY:
        APIToken.objects.filter(pk=token.pk).update(last_used_at=now)
    return token
