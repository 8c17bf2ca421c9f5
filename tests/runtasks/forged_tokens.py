"""Tokens that should open nothing."""

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
from django.conf import settings

from iacplatform.accounts.access_tokens import issue_access_token
from runtasks.models import RunTaskResult
from tests.domain import a_user
from tests.factories import api_token


def forged_tokens(result: RunTaskResult) -> dict[str, str]:
    """What is wrong with a token → the token."""
    claims = jwt.decode(result.access_token or "", options={"verify_signature": False})
    past = datetime.now(UTC) - timedelta(seconds=1)
    eve = a_user("eve")
    return {
        "malformed": "not.a.token",
        "unsigned": f"{_encoded({'alg': 'none', 'typ': 'JWT'})}.{_encoded(claims)}.",
        "foreign": jwt.encode(claims, "x" * 64, algorithm="HS256"),
        "other algorithm": _signed(claims, algorithm="HS512"),
        "expired": _signed(claims | {"exp": past}),
        "not yet valid": _signed(claims | {"nbf": past + timedelta(hours=1)}),
        "other audience": _signed(claims | {"aud": "iacplatform-api"}),
        "other issuer": _signed(claims | {"iss": "elsewhere"}),
        "without a result": _signed({key: claims[key] for key in claims if key != "result_id"}),
        "well signed, never issued": _signed(claims | {"jti": "again"}),
        "of a login": issue_access_token(eve),
        "of the API": api_token(eve),
    }


def _signed(claims: dict[str, Any], algorithm: str = "HS256") -> str:
    return jwt.encode(claims, settings.JWT_SECRET, algorithm=algorithm)


def _encoded(part: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()
