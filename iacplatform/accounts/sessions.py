"""How a login ends: an access token that is revoked, a password that changes."""

from datetime import UTC, datetime
from typing import Any

import jwt
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models.functions import Now

from iacplatform.accounts.models import User
from iacplatform.common.errors import Conflict, InvalidInput


class RevokedAccessToken(models.Model):
    """An access token that its user signed out of; the row goes when the token ends by itself.

    One row a logout, asked for in the query that finds the token's user. An identifier of a session in
    the user's row would end all of their sessions at once.
    """

    jti = models.CharField(primary_key=True, max_length=64)
    expires_at = models.DateTimeField(db_index=True)

    class Meta:
        app_label = "accounts"

    def __str__(self) -> str:
        return self.jti


def revoke_access_token(token: str) -> None:
    """Ends an access token that has been checked already; again does nothing."""
    claims: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    RevokedAccessToken.objects.get_or_create(
        jti=claims["jti"], defaults={"expires_at": datetime.fromtimestamp(claims["exp"], UTC)}
    )


def prune_revoked_access_tokens() -> int:
    """Forgets tokens that have ended by themselves; returns how many."""
    return RevokedAccessToken.objects.filter(expires_at__lt=Now()).delete()[0]


def change_password(user: User, *, current: str, new: str) -> None:
    """Sets a new password, which ends every session and access token of the user.

    Raises :class:`Conflict` for a user without one, who signs in elsewhere, and :class:`InvalidInput` for
    a wrong or an unsafe password.
    """
    if not user.has_usable_password():
        raise Conflict("This account has no password: it signs in with the OpenID provider")
    if not user.check_password(current):
        raise InvalidInput("current_password", "is wrong")
    try:
        validate_password(new, user)
    except ValidationError as error:
        raise InvalidInput("new_password", " ".join(error.messages)) from None
    user.set_password(new)
    user.save(update_fields=["password"])
