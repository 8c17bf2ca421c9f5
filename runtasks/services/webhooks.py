"""Sending webhooks: what the outbox calls, with neither a lock nor a transaction held.

The service may fetch the plan, and may even answer by callback, before it answers the webhook.
"""

import json
from datetime import timedelta
from functools import partial
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.db.models.functions import Now

from iacplatform.common.outbound import OutboundResponse, send
from iacplatform.common.outbox import Delivery, GiveUp, RetryLater
from iacplatform.common.signing import hmac_hex, prefixed_signature
from runtasks.models import ResultStatus, RunTask, RunTaskResult, SignatureFormat
from runtasks.services.results import settle

USER_AGENT = "IaC-Platform/1.0"
SIGNATURE_HEADER = "X-TFC-Task-Signature"
MAX_ANSWER_BYTES = 64 * 1024
# Request Timeout, Too Early, Too Many Requests: the 4xx that say "again, later" (RFC 9110, 8470, 6585).
PASSING_REFUSALS = frozenset({408, 425, 429})
LONGEST_WAIT_SECONDS = 60.0


def deliver(delivery: Delivery) -> None:
    """Sends the webhook of a result, unless it was answered or has ended meanwhile.

    Raises ``GiveUp`` where the service refuses for good, ``RetryLater`` for any other answer but 2xx,
    and what :func:`iacplatform.common.outbound.send` raises.
    """
    rows = RunTaskResult.objects.select_related("run_task")
    result = rows.filter(**delivery.payload, status=ResultStatus.PENDING).first()
    if result is None:
        return
    connection.close()  # none is kept while the service takes its time
    payload = {**result.request_payload, "access_token": result.access_token}
    response = post(
        result.endpoint_url,
        payload,
        result.run_task,
        timeout=settings.RUN_TASK_WEBHOOK_TIMEOUT_SECONDS,
        secret=result.access_token,
    )
    if not 200 <= response.status < 300:
        raise _refusal(response)
    _note_acceptance(result)


def _refusal(response: OutboundResponse) -> GiveUp | RetryLater:
    """A 4xx is the service's last word: asking again would only hold the task up."""
    reason = f"The service answered {response.status}"
    if 400 <= response.status < 500 and response.status not in PASSING_REFUSALS:
        return GiveUp(reason)
    asked = response.retry_after
    return RetryLater(reason, after=None if asked is None else min(asked, LONGEST_WAIT_SECONDS))


def post(
    url: str,
    payload: dict[str, Any],
    run_task: RunTask | None,
    *,
    timeout: float,
    secret: str | None = None,
    user_agent: str = USER_AGENT,
) -> OutboundResponse:
    """POSTs a payload, signed if the RunTask has a key; ``secret`` is masked in the answer.

    The body is as compact as JavaScript writes JSON: some services sign what they have parsed again.
    """
    body = json.dumps(payload, ensure_ascii=False, separators=(",", ":")).encode()
    key = run_task.hmac_key if run_task else None
    headers = {"Content-Type": "application/json", "User-Agent": user_agent}
    if run_task is not None and key:
        headers[SIGNATURE_HEADER] = signature(key, body, run_task.signature_format)
    return send(
        "POST",
        url,
        headers=headers,
        body=body,
        timeout=timeout,
        max_response_bytes=MAX_ANSWER_BYTES,
        secrets=[secret] if secret else [],
    )


def signature(key: str, body: bytes, signature_format: str) -> str:
    """HMAC-SHA512 of the raw body, as the RunTask wants it written."""
    write = hmac_hex if signature_format == SignatureFormat.HEX else prefixed_signature
    return write(key, body, "sha512")


def _note_acceptance(result: RunTaskResult) -> None:
    """The service has it, and its time without progress begins; a callback may have been faster."""
    RunTaskResult.objects.filter(pk=result.pk, status=ResultStatus.PENDING).update(
        status=ResultStatus.RUNNING,
        started_at=Now(),
        timeout_at=Now() + timedelta(seconds=result.timeout_seconds),
        updated_at=Now(),
    )


def give_up(delivery: Delivery, reason: str) -> None:
    """Ends a result whose webhook nobody accepted as an error, which a failed check is not (O4).

    Called in the transaction that marks the entry dead.
    """
    unsent = RunTaskResult.objects.filter(**delivery.payload, status=ResultStatus.PENDING)
    gates = list(unsent.values_list("gate_id", flat=True))
    if unsent.close(ResultStatus.ERROR, f"The webhook could not be delivered: {reason}"):
        transaction.on_commit(partial(settle, gates[0]))
