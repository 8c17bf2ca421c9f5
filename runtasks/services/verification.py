"""Trying a service: when a RunTask is saved, and when somebody asks (reference §6.1.10)."""

import json
from dataclasses import dataclass
from typing import Any

from iacplatform.common.errors import DomainError
from iacplatform.common.outbound import (
    OutboundFailed,
    OutboundRefused,
    OutboundResponse,
)
from runtasks.models import RunTask
from runtasks.services.payload import sample_payload
from runtasks.services.webhooks import USER_AGENT, post

TEST_AGENT = f"{USER_AGENT} (Connection Test)"
TIMEOUT_SECONDS = 10.0
SHOWN_BYTES = 4096


class VerificationFailed(DomainError):
    """The service does not accept requests, so that its RunTask is not saved."""

    status = 422
    code = "verification_failed"

    def __init__(self, reason: str) -> None:
        message = f"The service did not accept a test request: {reason}"
        super().__init__(message, fields={"endpoint_url": message})


@dataclass(frozen=True)
class Trial:
    """How a service took a test request; ``problem`` is empty where it accepted it."""

    problem: str
    status: int | None = None
    body: bytes = b""
    seconds: float = 0.0

    @property
    def hmac_error(self) -> str:
        """What the service says about the signature, in a member of its JSON answer."""
        try:
            answer = json.loads(self.body)
        except ValueError:
            return ""
        return str(answer.get("hmac_error") or "") if isinstance(answer, dict) else ""


def verify(run_task: RunTask) -> None:
    """Raises :class:`VerificationFailed` unless the service answers a test request with 2xx."""
    trial = try_out(run_task, run_task.endpoint_url)
    if trial.problem:
        raise VerificationFailed(trial.problem)


def try_out(run_task: RunTask, url: str) -> Trial:
    """Sends a test request to ``url``, signed with the RunTask's key; never raises for its answer."""
    try:
        response = post(
            url, sample_payload(), run_task, user_agent=TEST_AGENT, timeout=TIMEOUT_SECONDS
        )
    except (OutboundRefused, OutboundFailed) as error:
        return Trial(problem=str(error))
    return _trial(response)


def _trial(response: OutboundResponse) -> Trial:
    accepted = 200 <= response.status < 300
    return Trial(
        problem="" if accepted else f"it answered {response.status}",
        status=response.status,
        body=response.body,
        seconds=response.duration,
    )


def report(run_task: RunTask, url: str) -> dict[str, Any]:
    """Sends a test request and tells all about it, in the shape of reference §6.1.10."""
    trial = try_out(run_task, url)
    success = not trial.problem
    said = {"message": "The service accepted the test request"} if success else _failure(trial)
    return {
        "success": success,
        **said,
        "status_code": trial.status,
        "response_body": trial.body[:SHOWN_BYTES].decode(errors="replace"),
        "duration_ms": round(trial.seconds * 1000),
        "hmac_configured": bool(run_task.hmac_key),
        "hmac_verified": not trial.hmac_error if run_task.hmac_key else None,
    }


def _failure(trial: Trial) -> dict[str, str]:
    return {
        "error": "The service did not accept the test request",
        "error_details": trial.hmac_error or trial.problem,
    }


def address_for_tests(run_task: RunTask) -> str:
    """Where a saved RunTask's service takes tests: ``/test`` below its address."""
    address, mark, query = run_task.endpoint_url.partition("?")
    return f"{address.rstrip('/')}/test{mark}{query}"
