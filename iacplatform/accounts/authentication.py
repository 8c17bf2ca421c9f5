"""Who is calling: an API token (``iac_…``) or a login's access token in ``Authorization: Bearer``."""

from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from iacplatform.accounts.access_tokens import AccessTokenInvalid, user_of_access_token
from iacplatform.accounts.models import TOKEN_PREFIX, APIToken, User
from iacplatform.accounts.rules import Rule, check_scopes
from iacplatform.accounts.services import find_api_token

REFUSED = "The token is unknown, expired or revoked."


def bearer_token(request: Request) -> str | None:
    """The token of the ``Authorization`` header, ``None`` where there is none (RFC 6750 §2.1)."""
    kind, _, token = get_authorization_header(request).decode("latin-1").partition(" ")
    return token.strip() if kind.lower() == "bearer" else None


def user_for_token(token: str, rule: Rule) -> User:
    """The user that a token stands for.

    Raises ``AuthenticationFailed``, and ``PermissionDenied`` where it was made for less than the rule asks for.
    """
    user, found = _identify(token)
    check_scopes(found, rule)
    return user


def _identify(token: str) -> tuple[User, APIToken | str]:
    if token.startswith(TOKEN_PREFIX):
        found = find_api_token(token)
        if found is None:
            raise AuthenticationFailed(REFUSED)
        return found.user, found
    try:
        return user_of_access_token(token), token
    except AccessTokenInvalid as error:
        raise AuthenticationFailed(REFUSED) from error


class BearerAuthentication(BaseAuthentication):
    """Finds the user of a bearer token; a wrong one is refused, not taken for no token."""

    def authenticate(self, request: Request) -> tuple[User, APIToken | str] | None:
        """The user and the token that names them; raises ``AuthenticationFailed``."""
        token = bearer_token(request)
        return None if token is None else _identify(token)

    def authenticate_header(self, request: Request) -> str:
        """Makes answers to nobody a 401."""
        return 'Bearer realm="api"'
