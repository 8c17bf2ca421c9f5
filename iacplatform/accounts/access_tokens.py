"""Access tokens: what a login gives, a signed JWT of some hours (RFC 7519, HS256 only)."""

from datetime import timedelta
from uuid import uuid4

import jwt
from django.conf import settings
from django.db.models import Exists
from django.utils import timezone
from django.utils.crypto import constant_time_compare

from iacplatform.accounts.models import User
from iacplatform.accounts.sessions import RevokedAccessToken

ALGORITHM = "HS256"
ISSUER = "iacplatform"
AUDIENCE = "iacplatform-api"
REQUIRED = ["iss", "sub", "iat", "exp", "aud", "jti", "session"]


class AccessTokenInvalid(Exception):
    """The token was not made here, is expired, or its user may no longer use it."""


def issue_access_token(user: User) -> str:
    """A token that is valid for ``JWT_LIFETIME_SECONDS`` or until the user's password changes."""
    now = timezone.now()
    claims = {
        "iss": ISSUER,
        "sub": str(user.pk),
        "iat": now,
        "exp": now + timedelta(seconds=settings.JWT_LIFETIME_SECONDS),
        "aud": AUDIENCE,
        "jti": str(uuid4()),
        "session": user.get_session_auth_hash(),
    }
    return jwt.encode(claims, settings.JWT_SECRET, algorithm=ALGORITHM)


def user_of_access_token(token: str) -> User:
    """The user whom a token was issued to; raises :class:`AccessTokenInvalid`."""
    try:
        claims = jwt.decode(
            token,
            settings.JWT_SECRET,
            algorithms=[ALGORITHM],
            issuer=ISSUER,
            audience=AUDIENCE,
            options={"require": REQUIRED},
        )
        revoked = RevokedAccessToken.objects.filter(jti=str(claims["jti"]))
        users = User.objects.filter(~Exists(revoked), pk=int(claims["sub"]), is_active=True)
        user = users.first()
    except (jwt.InvalidTokenError, ValueError) as error:
        raise AccessTokenInvalid from error
    if user is None or not constant_time_compare(claims["session"], user.get_session_auth_hash()):
        raise AccessTokenInvalid
    return user
