"""Asking an external source, and trying one out."""

from dataclasses import dataclass
from typing import Any

from iacplatform.common.outbound import OutboundFailed, OutboundRefused, send
from workspaces.cmdb.models import ExternalSource, HTTPMethod
from workspaces.cmdb.models.resource import CONTENT
from workspaces.cmdb.services.mapping import AnswerError, Inventory, read_inventory

TIMEOUT_SECONDS = 45.0
TRIAL_SECONDS = 15.0
MAX_ANSWER_BYTES = 16 * 1024**2
MIN_SECRET = 8
"""Characters: shorter header values are no secrets, and would be found everywhere in an answer."""
PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})
"""Statuses that may be others later."""
SAMPLES = 5


class Unavailable(Exception):
    """The source cannot answer now; ``after`` are the seconds after which it wants to be asked again."""

    def __init__(self, status: int, after: float | None) -> None:
        super().__init__(f"The source answered {status}")
        self.after = after


@dataclass(frozen=True)
class Trial:
    """How a source answers now; ``problem`` is empty where its answer can be used."""

    problem: str
    inventory: Inventory

    @property
    def samples(self) -> list[dict[str, Any]]:
        """The first resources, with those fields that have a value."""
        rows = list(self.inventory.rows.values())[:SAMPLES]
        return [
            {"primary_key_value": row.primary_key_value}
            | {name: value for name in CONTENT if (value := getattr(row, name))}
            for row in rows
        ]


def fetch(source: ExternalSource, *, timeout: float = TIMEOUT_SECONDS) -> Inventory:
    """What a source answers within ``timeout`` seconds.

    Raises what :func:`iacplatform.common.outbound.send` raises, :class:`Unavailable` where it may answer
    later, and :class:`AnswerError` for an answer that cannot be used.
    """
    headers = {"Accept": "application/json"}
    body = source.request_body.encode() if source.http_method == HTTPMethod.POST else b""
    if body:
        headers["Content-Type"] = "application/json"
    response = send(
        source.http_method,
        source.api_endpoint,
        headers=headers | source.auth_headers,
        body=body,
        timeout=timeout,
        max_response_bytes=MAX_ANSWER_BYTES,
        secrets=_secrets(source),
    )
    if response.status in PASSING:
        raise Unavailable(response.status, response.retry_after)
    if not 200 <= response.status < 300:
        raise AnswerError(f"The source answered {response.status}")
    if response.truncated:
        raise AnswerError(f"The answer has more than {MAX_ANSWER_BYTES:,} bytes")
    return read_inventory(source, response.body)


def _secrets(source: ExternalSource) -> list[str]:
    """The header values, and what follows ``Bearer`` in them."""
    parts = [part for value in source.auth_headers.values() for part in (value, value.split()[-1])]
    return [part for part in parts if len(part) >= MIN_SECRET]


def try_out(source: ExternalSource) -> Trial:
    """Asks a source, while somebody waits, and keeps nothing of it; never raises for its answer."""
    try:
        return Trial("", fetch(source, timeout=TRIAL_SECONDS))
    except (OutboundFailed, OutboundRefused, Unavailable, AnswerError) as error:
        return Trial(str(error), Inventory())
