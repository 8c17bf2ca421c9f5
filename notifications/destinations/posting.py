"""Posting JSON to an address that a user typed, as four of the destinations do."""

import json
from collections.abc import Collection, Mapping
from typing import Any

from iacplatform.common.outbound import OutboundFailed, OutboundRefused, OutboundResponse, send
from notifications.destinations.answer import Answer
from notifications.models import NotificationConfig

USER_AGENT = "IaC-Platform/1.0"
MASK = "***"
MAX_ANSWER_BYTES = 16 * 1024
HEADERS = {"Content-Type": "application/json", "User-Agent": USER_AGENT}


def encode(payload: Mapping[str, Any]) -> bytes:
    """A payload as the bytes that are sent, and signed."""
    return json.dumps(payload).encode()


def post(
    config: NotificationConfig,
    body: bytes,
    headers: Mapping[str, str] = HEADERS,
    *,
    timeout: float,
    hidden: Collection[str] = (),
) -> Answer:
    """POSTs ``body``; every 2xx accepts it. The values of the ``hidden`` headers are masked in the answer.

    ``timeout`` seconds are for all of it. Never raises for what the network or the receiver does.
    """
    shown = {name: MASK if name in hidden else value for name, value in headers.items()}
    secrets = [config.secret or "", config.endpoint_url or "", *(headers[n] for n in hidden)]
    try:
        response = send(
            "POST",
            config.endpoint_url or "",
            headers=headers,
            body=body,
            timeout=timeout,
            max_response_bytes=MAX_ANSWER_BYTES,
            secrets=secrets,
        )
    except OutboundFailed as failure:
        return Answer(str(failure), headers=shown)
    except OutboundRefused as refusal:
        return Answer(str(refusal), headers=shown, hopeless=True)
    return Answer(
        _problem(response.status),
        status=response.status,
        body=response.body.decode(errors="replace"),
        headers=shown,
        seconds=response.duration,
        retry_after=_retry_after(response),
    )


def _problem(status: int) -> str:
    if 200 <= status < 300:
        return ""
    if 300 <= status < 400:
        return f"The receiver answered {status}: redirects are not followed"
    return f"The receiver answered {status}"


def _retry_after(response: OutboundResponse) -> float | None:
    return response.retry_after if response.status in {429, 503} else None
