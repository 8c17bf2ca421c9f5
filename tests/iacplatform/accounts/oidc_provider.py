"""An OpenID provider as a process of its own, for tests: ``python oidc_provider.py``.

It does what OpenID Connect Core 1.0 §3.1 and RFC 7636 ask of a provider, strictly: registered redirect
addresses, a client secret, S256 only, codes that work once. It has no password form: the "person"
answers ``/authorize`` by adding ``as=<JSON claims>`` to its address, and ``fault=<name>`` to make the
provider break one rule. (oidc-provider-mock of PyPI knows neither PKCE nor faults.) Its tokens are signed
by PyJWT, and so not by the library that checks them.
"""

import base64
import hashlib
import json
import secrets
import sys
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

CLIENT_ID = "iacplatform-test"
CLIENT_SECRET = "known to both sides and to nobody else"
Parameters = dict[str, str]
KEYS = {
    name: rsa.generate_private_key(public_exponent=65537, key_size=2048)
    for name in ("own", "other")
}
KEY_ID = "key-1"
codes: dict[str, dict[str, Any]] = {}
access_tokens: dict[str, dict[str, Any]] = {}

# What a fault changes in the claims of the ID token.
FAULTY_CLAIMS: dict[str, dict[str, Any]] = {
    "wrong_nonce": {"nonce": "of another sign-in"},
    "no_nonce": {"nonce": None},
    "wrong_audience": {"aud": "another-client"},
    "wrong_issuer": {"iss": "https://elsewhere.example.com"},
    "expired": {"iat": time.time() - 7200, "exp": time.time() - 3600},
    "no_subject": {"sub": None},
    "other_party": {"aud": [CLIENT_ID, "another-client"], "azp": "another-client"},
}


class Refused(Exception):
    """The request breaks a rule; the name is that of RFC 6749."""


class Provider(BaseHTTPRequestHandler):
    """One request to the provider."""

    server: "Server"

    def do_GET(self) -> None:  # the base class calls it so
        """Metadata, keys, the authorization endpoint, claims of a user."""
        parts = urlsplit(self.path)
        self._answer(PAGES.get(parts.path), {k: v[0] for k, v in parse_qs(parts.query).items()})

    def do_POST(self) -> None:
        """The token endpoint."""
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        page = _token if self.path == "/token" else None
        self._answer(page, {name: each[0] for name, each in parse_qs(body).items()})

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Says nothing."""

    def _answer(self, page: Any, parameters: Parameters) -> None:
        if page is None:
            self.send_error(404)
            return
        try:
            answer = page(self, parameters)
        except Refused as error:
            self.json({"error": str(error)}, 401 if str(error) == "invalid_client" else 400)
            return
        if isinstance(answer, str):
            self.send_response(302)
            self.send_header("Location", answer)
            self.send_header("Content-Length", "0")
            self.end_headers()
        else:
            self.json(answer)

    def json(self, body: dict[str, Any], status: int = 200) -> None:
        """Answers with JSON."""
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


class Server(ThreadingHTTPServer):
    """Knows its own name and the addresses it may send people back to."""

    issuer: str
    redirect_uris: list[str]


def _metadata(provider: Provider, _: Parameters) -> dict[str, Any]:
    issuer = provider.server.issuer
    return {
        "issuer": issuer,
        "authorization_endpoint": f"{issuer}/authorize",
        "token_endpoint": f"{issuer}/token",
        "userinfo_endpoint": f"{issuer}/userinfo",
        "jwks_uri": f"{issuer}/keys",
        "response_types_supported": ["code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256", "HS256", "none"],
        "token_endpoint_auth_methods_supported": ["client_secret_basic"],
        "code_challenge_methods_supported": ["S256"],
    }


def _keys(_: Provider, __: Parameters) -> dict[str, Any]:
    public = RSAAlgorithm.to_jwk(KEYS["own"].public_key(), as_dict=True)
    return {"keys": [{**public, "kid": KEY_ID, "alg": "RS256", "use": "sig"}]}


def _authorize(provider: Provider, asked: Parameters) -> str:
    required = ("state", "nonce", "code_challenge", "as")
    if asked.get("client_id") != CLIENT_ID or asked.get("response_type") != "code":
        raise Refused("unauthorized_client")
    if asked.get("redirect_uri") not in provider.server.redirect_uris:
        raise Refused("invalid_request")
    if asked.get("code_challenge_method") != "S256" or not all(map(asked.get, required)):
        raise Refused("invalid_request")
    if "openid" not in asked.get("scope", "").split():
        raise Refused("invalid_scope")
    if asked.get("fault") == "denied":
        answer = {"error": "access_denied", "state": asked["state"]}
    else:
        code = secrets.token_urlsafe(16)
        codes[code] = {**asked, "until": time.time() + 60}
        answer = {"code": code, "state": asked["state"]}
    return f"{asked['redirect_uri']}?{urlencode(answer)}"


def _token(provider: Provider, asked: Parameters) -> dict[str, Any]:
    _check_client(provider.headers.get("Authorization", ""))
    grant = codes.pop(asked.get("code", ""), None)  # works once
    if grant is None or grant["until"] < time.time():
        raise Refused("invalid_grant")
    digest = hashlib.sha256(asked.get("code_verifier", "").encode()).digest()
    challenge = base64.urlsafe_b64encode(digest).decode().rstrip("=")
    if (challenge, asked.get("redirect_uri")) != (grant["code_challenge"], grant["redirect_uri"]):
        raise Refused("invalid_grant")
    person = json.loads(grant["as"])
    access_token = secrets.token_urlsafe(16)
    access_tokens[access_token] = {**person, "fault": grant.get("fault")}
    answer = {"access_token": access_token, "token_type": "Bearer", "expires_in": 300}
    if grant.get("fault") != "no_id_token":
        answer["id_token"] = _id_token(provider.server.issuer, grant, person)
    return answer


def _check_client(header: str) -> None:
    try:
        name, _, secret = base64.b64decode(header.removeprefix("Basic ")).decode().partition(":")
    except ValueError:
        raise Refused("invalid_client") from None
    if (name, secret.replace("+", " ").replace("%20", " ")) != (CLIENT_ID, CLIENT_SECRET):
        raise Refused("invalid_client")


def _id_token(issuer: str, grant: dict[str, Any], person: dict[str, Any]) -> str:
    fault = grant.get("fault", "")
    now = int(time.time())
    claims = {"iss": issuer, "aud": CLIENT_ID, "iat": now, "exp": now + 300}
    told = person if fault != "thin" else {"sub": person["sub"]}
    claims |= {"nonce": grant["nonce"], **told, **FAULTY_CLAIMS.get(fault, {})}
    claims = {name: value for name, value in claims.items() if value is not None}
    headers = {"kid": "key-2" if fault == "unknown_key" else KEY_ID}
    if fault == "unsigned":
        return jwt.encode(claims, "", algorithm="none", headers=headers)
    if fault == "signed_by_secret":
        return jwt.encode(claims, CLIENT_SECRET, algorithm="HS256", headers=headers)
    key = KEYS["other" if fault in ("other_key", "unknown_key") else "own"]
    return jwt.encode(claims, key, algorithm="RS256", headers=headers)


def _userinfo(provider: Provider, _: Parameters) -> dict[str, Any]:
    token = provider.headers.get("Authorization", "").removeprefix("Bearer ")
    person = access_tokens.get(token)
    if person is None:
        raise Refused("invalid_token")
    told = {name: value for name, value in person.items() if name != "fault"}
    return {**told, "sub": "somebody else"} if told.get("liar") else told


PAGES: dict[str, Callable[[Provider, Parameters], Any]] = {
    "/.well-known/openid-configuration": _metadata,
    "/keys": _keys,
    "/authorize": _authorize,
    "/userinfo": _userinfo,
}


def main() -> None:
    """Serves until it is killed; the first line it prints is the issuer."""
    server = Server(("127.0.0.1", 0), Provider)
    server.issuer = f"http://127.0.0.1:{server.server_port}"
    server.redirect_uris = sys.argv[1:]
    sys.stdout.write(server.issuer + "\n")
    sys.stdout.flush()
    server.serve_forever()


if __name__ == "__main__":
    main()
