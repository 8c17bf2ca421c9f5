"""Access tokens: what lets a service answer one question, and read what it is asked about (C5).

A JWT (RFC 7519, HS256 only) for one result. It opens that result's callback, plan JSON and resource
changes, and nothing else: its audience is not the API's, so that neither takes the other's tokens.
"""

import hmac
from datetime import timedelta
from uuid import uuid4

import jwt
from django.conf import settings
from django.utils import timezone

from iacplatform.accounts.access_tokens import ALGORITHM, ISSUER
from iacplatform.common.errors import DomainError, NotFound
from runtasks.models import RunTaskResult

AUDIENCE = "iacplatform-run-task"
REQUIRED = ["iss", "sub", "aud", "jti", "iat", "nbf", "exp", "result_id"]
# The result's own row ends the token; this only covers clocks that differ.
LEEWAY = timedelta(minutes=5)
LONGEST = timedelta(hours=24)


class TokenInvalid(DomainError):
    """The token was not made here, is expired, or is not the result's."""

    status = 401
    code = "not_authenticated"


class OtherResult(DomainError):
    """The token is another result's."""

    status = 403
    code = "permission_denied"


class ResultEnded(DomainError):
    """Nothing more is taken for the result, nor given."""

    status = 410
    code = "gone"


def issue_token(result: RunTaskResult) -> str:
    """A token that lives as long as the result may run, at most 24 hours."""
    now = timezone.now()
    lifetime = timedelta(seconds=result.max_run_seconds) + LEEWAY
    claims = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": result.result_id,
        "result_id": result.result_id,
        "task_id": result.task_id,
        "workspace_id": result.task.workspace.workspace_id,
        "stage": result.stage,
        "jti": str(uuid4()),
        "iat": now,
        "nbf": now - LEEWAY,
        "exp": now + min(lifetime, LONGEST),
    }
    return jwt.encode(claims, settings.JWT_SECRET, algorithm=ALGORITHM)


def open_result(result_id: str, token: str | None) -> RunTaskResult:
    """The result that a token opens, in the order of reference §6.1.8.

    Raises:
        TokenInvalid: there is no token, or it is expired, malformed or not signed by us.
        OtherResult: it is another result's.
        NotFound: there is no such result.
        ResultEnded: the result has ended, and the token with it.
    """
    if _claimed_result(token) != result_id:
        raise OtherResult("The token belongs to another result")
    rows = RunTaskResult.objects.select_related("task__workspace").defer("request_payload")
    result = rows.filter(result_id=result_id).first()
    if result is None:
        raise NotFound(f"There is no result {result_id}")
    if not result.is_open:
        raise ResultEnded(f"The result has ended as {result.status}")
    if not hmac.compare_digest(result.access_token or "", token or ""):
        raise TokenInvalid("The token is not the one of this result")
    return result


def _claimed_result(token: str | None) -> str:
    if not token:
        raise TokenInvalid("Send the access token of the webhook as a bearer token")
    try:
        claims = jwt.decode(
            token,
            settings.JWT_SECRET,
            algorithms=[ALGORITHM],
            issuer=ISSUER,
            audience=AUDIENCE,
            options={"require": REQUIRED},
        )
    except jwt.InvalidTokenError as error:
        raise TokenInvalid("The token is malformed, expired or not signed here") from error
    return str(claims["result_id"])
