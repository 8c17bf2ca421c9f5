"""Callbacks: what a service says about a result, once or again and again (reference §6.1.8)."""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models.functions import Coalesce, Now

from iacplatform.common.errors import DomainError
from runtasks.models import ResultStatus, RunTaskOutcome, RunTaskResult
from runtasks.services.results import settle
from runtasks.services.tokens import ResultEnded

MAX_OUTCOMES = 250


class TooManyOutcomes(DomainError):
    """A result has at most :data:`MAX_OUTCOMES` outcomes."""

    status = 422


@dataclass(frozen=True)
class Outcome:
    """One finding, as it was sent; ``tags`` maps a name to a list of ``{"label", "level"}``."""

    outcome_id: str
    description: str = ""
    body: str = ""
    url: str = ""
    tags: dict[str, list[dict[str, str]]] = field(default_factory=dict)


@dataclass(frozen=True)
class Callback:
    """What a service says: ``running`` is a heartbeat, ``passed`` and ``failed`` are final."""

    status: str
    message: str | None = None
    url: str | None = None
    outcomes: tuple[Outcome, ...] = ()


def receive(result: RunTaskResult, callback: Callback) -> None:
    """Stores what a service says; a final answer moves the task on before this returns.

    Of two final answers at once, one counts and the other raises.

    Raises:
        ResultEnded: somebody else ended the result first.
        TooManyOutcomes: with these, the result would have more than :data:`MAX_OUTCOMES`.
    """
    is_final = callback.status != ResultStatus.RUNNING
    with transaction.atomic():
        # First, for it locks the row: the outcomes belong to whoever has changed the result.
        if not (_end if is_final else _note_progress)(result, callback):
            raise ResultEnded("The result has ended")
        _store_outcomes(result, callback.outcomes)
    if is_final:
        settle(result.gate_id)


def _end(result: RunTaskResult, callback: Callback) -> bool:
    rows = RunTaskResult.objects.filter(pk=result.pk)
    started_at = Coalesce("started_at", Now())
    changes = _said(callback, "url")
    status = ResultStatus(callback.status)
    message = result.message if callback.message is None else callback.message
    return bool(rows.close(status, message, started_at=started_at, **changes))


def _note_progress(result: RunTaskResult, callback: Callback) -> bool:
    """A heartbeat: the time without progress begins anew, the time altogether does not."""
    return bool(
        RunTaskResult.objects.open()
        .filter(pk=result.pk)
        .update(
            status=ResultStatus.RUNNING,
            started_at=Coalesce("started_at", Now()),
            last_heartbeat_at=Now(),
            timeout_at=Now() + timedelta(seconds=result.timeout_seconds),
            updated_at=Now(),
            **_said(callback, "message", "url"),
        )
    )


def _said(callback: Callback, *names: str) -> dict[str, Any]:
    """The fields that the service gave; what it leaves out stays as it was."""
    return {name: said for name in names if (said := getattr(callback, name)) is not None}


def _store_outcomes(result: RunTaskResult, outcomes: tuple[Outcome, ...]) -> None:
    """Adds outcomes, and overwrites those whose id the result has already (F33)."""
    if not outcomes:
        return
    newest = {outcome.outcome_id: outcome for outcome in outcomes}
    rows = [RunTaskOutcome(result=result, **vars(outcome)) for outcome in newest.values()]
    RunTaskOutcome.objects.bulk_create(
        rows,
        update_conflicts=True,
        unique_fields=["result", "outcome_id"],
        update_fields=["description", "body", "url", "tags"],
    )
    if result.outcomes.count() > MAX_OUTCOMES:
        message = f"A result has at most {MAX_OUTCOMES} outcomes"
        raise TooManyOutcomes(message, fields={"data.relationships.outcomes.data": message})
