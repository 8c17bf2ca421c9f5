"""Talking to the provider: the authorization code flow with PKCE, ``state`` and ``nonce``, by Authlib.

Authlib keeps state, nonce and code verifier in the browser's session, and checks the ID token. What it
sends goes through :mod:`iacplatform.common.outbound`, under the rules of every outbound request.
"""

import time
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

import requests
from authlib.integrations.base_client import OAuthError
from authlib.integrations.django_client import DjangoOAuth2App, OAuth
from authlib.integrations.requests_client import OAuth2Session
from django.conf import settings
from joserfc.errors import JoseError
from requests.structures import CaseInsensitiveDict

from iacplatform.common import outbound
from iacplatform.common.outbound.client import OUR_HEADERS

NAME = "oidc"
SCOPE = "openid profile email"
TIMEOUT_SECONDS = 10.0
LEEWAY_SECONDS = 60
METADATA_SECONDS = 300  # how long what the provider says of itself is believed
LOOPBACK = {"localhost", "127.0.0.1", "::1"}
# Asymmetric ones only: with a secret or with none, somebody else could sign (RFC 8725 §3.1).
ALGORITHMS = [
    "RS256",
    "RS384",
    "RS512",
    "PS256",
    "PS384",
    "PS512",
    "ES256",
    "ES384",
    "ES512",
    "EdDSA",
]


class ProviderAway(Exception):
    """The provider does not answer, or what it answers makes no sense: it may work later."""


class SignInRefused(Exception):
    """This attempt to sign in leads nowhere; the sentence is for the person and gives nothing away."""


class OutboundSession(OAuth2Session):  # type: ignore[misc]
    """A session whose requests are sent by the platform's one outbound client.

    No redirects, no private addresses unless allowed, no credentials from files, a limit of time and size.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.trust_env = False

    def send(self, request: requests.PreparedRequest, **_: Any) -> requests.Response:
        """Sends it; raises ``OutboundFailed`` or ``OutboundRefused``."""
        body = request.body or b""
        headers = {
            name: value
            for name, value in request.headers.items()
            if name.lower() not in OUR_HEADERS
        }
        answer = outbound.send(
            request.method or "GET",
            request.url or "",
            headers=headers,
            body=body.encode() if isinstance(body, str) else body,
            timeout=TIMEOUT_SECONDS,
        )
        response = requests.Response()
        response.status_code = answer.status
        response.headers = CaseInsensitiveDict(answer.headers)
        response.request = request
        response.url = request.url or ""
        response._content = answer.body  # noqa: SLF001  # as requests' own adapters for tests do
        return response


class OutboundApp(DjangoOAuth2App):  # type: ignore[misc]
    """Authlib's Django client, with our session."""

    client_cls = OutboundSession


class _OAuth(OAuth):  # type: ignore[misc]
    oauth2_client_cls = OutboundApp


def is_configured() -> bool:
    """Whether people may sign in with a provider."""
    return bool(settings.OIDC_ISSUER and settings.OIDC_CLIENT_ID)


def redirect_to_provider(request: Any, redirect_uri: str) -> Any:
    """The redirect that begins a sign-in; raises :class:`ProviderAway`."""
    try:
        return _client().authorize_redirect(request, redirect_uri)
    except FAILURES as error:
        raise ProviderAway(_told(error)) from error


def claims_of_callback(request: Any) -> dict[str, Any]:
    """What the provider vouches for, once everything has been checked.

    The state must be of this browser and is used up; the code is exchanged; signature, issuer, audience,
    nonce and times of the ID token must be right. Raises :class:`SignInRefused` or :class:`ProviderAway`.
    """
    if request.GET.get("iss", settings.OIDC_ISSUER) != settings.OIDC_ISSUER:
        raise SignInRefused("The answer came from another provider")  # RFC 9207
    try:
        client = _client()
        token = client.authorize_access_token(
            request, claims_options=_expected(), leeway=LEEWAY_SECONDS
        )
        claims = dict(token.get("userinfo") or {})
        return _completed(client, token, claims)
    except (OAuthError, JoseError) as error:
        raise SignInRefused(_told(error)) from error
    except FAILURES as error:
        raise ProviderAway(_told(error)) from error


FAILURES = (
    outbound.OutboundFailed,
    outbound.OutboundRefused,
    requests.RequestException,
    RuntimeError,
    ValueError,
    KeyError,
    TypeError,
)


def _expected() -> dict[str, dict[str, Any]]:
    return {
        "iss": {"essential": True, "value": settings.OIDC_ISSUER},
        "aud": {"essential": True, "value": settings.OIDC_CLIENT_ID},
        "sub": {"essential": True},
    }


def _completed(client: Any, token: Any, claims: dict[str, Any]) -> dict[str, Any]:
    """The claims, with those that this provider tells only at its user info endpoint."""
    if not claims.get("sub"):
        raise SignInRefused("The provider sent no ID token")
    wanted = {settings.OIDC_USERNAME_CLAIM, settings.OIDC_GROUPS_CLAIM} - {""}
    if wanted <= set(claims) or not client.server_metadata.get("userinfo_endpoint"):
        return claims
    told = dict(client.userinfo(token=token))
    if told.get("sub") != claims["sub"]:
        raise SignInRefused("The provider told of somebody else")  # Core 1.0, §5.3.2
    return {**told, **claims}


def _client() -> Any:
    """The client, with the provider's metadata no older than :data:`METADATA_SECONDS`."""
    window = int(time.monotonic() // METADATA_SECONDS)
    return _made(settings.OIDC_ISSUER, settings.OIDC_CLIENT_ID, settings.OIDC_CLIENT_SECRET, window)


@lru_cache(maxsize=2)
def _made(issuer: str, client_id: str, client_secret: str, _window: int) -> Any:
    parts = urlsplit(issuer)
    if parts.scheme != "https" and parts.hostname not in LOOPBACK:
        raise ValueError("OIDC_ISSUER must begin with https://")
    client = _OAuth().register(
        NAME,
        client_id=client_id,
        client_secret=client_secret or None,
        server_metadata_url=f"{issuer.rstrip('/')}/.well-known/openid-configuration",
        client_kwargs={"scope": SCOPE, "code_challenge_method": "S256"},
    )
    metadata = client.load_server_metadata()
    if metadata.get("issuer") != issuer:
        raise ValueError("The provider calls itself by another name than OIDC_ISSUER")
    offered = metadata.get("id_token_signing_alg_values_supported", ["RS256"])
    metadata["id_token_signing_alg_values_supported"] = [
        each for each in ALGORITHMS if each in offered
    ]
    methods = metadata.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
    if client_secret and "client_secret_basic" not in methods and "client_secret_post" in methods:
        client.client_kwargs["token_endpoint_auth_method"] = "client_secret_post"
    return client


def _told(error: Exception) -> str:
    """A sentence for the log of the processes; a code or a token is never part of it."""
    return f"{type(error).__name__}: {error}"[:300]
