"""The stages that this process is running now: their leases are renewed and requests to stop passed on."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from django.conf import settings

from executor.claims import Claim, Renewal, renew
from executor.core.cancellation import CancelToken
from executor.core.critical_sections import critical_sections
from workspaces.models import TaskStage, WorkspaceTask
from workspaces.task_status import Stage, StageStatus

FENCED = "the claim on this stage was taken away"
LEASE_LOST = "the claim on this stage could not be renewed"
STOPS = "the worker stops"


@dataclass
class _Attempt:
    claim: Claim
    cancel: CancelToken
    renewed_at: float  # time.monotonic() before the statement that renewed it


class RunningStages:
    """Claims of this process with the token through which each can be stopped.

    ``slots`` says how many this process runs at once; 0 where it is no worker.
    """

    def __init__(self) -> None:
        self.slots = 0
        self._lock = threading.Lock()
        self._attempts: dict[int, _Attempt] = {}
        self._draining = False

    @property
    def draining(self) -> bool:
        """Whether the worker stops, so that no stage should be begun."""
        return self._draining

    @contextmanager
    def register(self, claim: Claim) -> Iterator[CancelToken]:
        """Keeps a claim alive as long as the block runs."""
        attempt = _Attempt(claim, CancelToken(), time.monotonic())
        with self._lock:
            self._attempts[claim.token] = attempt
            if self._draining and not _is_critical(claim):
                attempt.cancel.hand_over(STOPS)
        try:
            yield attempt.cancel
        finally:
            with self._lock:
                del self._attempts[claim.token]
            attempt.cancel.close()

    def claims(self) -> list[Claim]:
        """The claims that this process holds, oldest first."""
        with self._lock:
            return [self._attempts[token].claim for token in sorted(self._attempts)]

    def renew_all(self) -> None:
        """Extends every lease and asks those stages to stop that were cancelled or taken away."""
        at = time.monotonic()
        for attempt, renewal in self._pass_on(renew):
            if renewal.extended:
                attempt.renewed_at = at

    def look_at_rows(self) -> None:
        """Asks those stages to stop that were cancelled or taken away; waits for no lock."""
        self._pass_on(_read)

    def _pass_on(self, ask: Callable[[list[int]], list[Renewal]]) -> list[tuple[_Attempt, Renewal]]:
        """Asks about every claim and passes on what is said; returns the attempts that still hold."""
        asked = [claim.token for claim in self.claims()]
        if not asked:
            return []
        said = {renewal.token: renewal for renewal in ask(asked)}
        with self._lock:
            still = [self._attempts[token] for token in asked if token in self._attempts]
        for attempt in still:
            _tell(attempt, said.get(attempt.claim.token))
        held = (attempt for attempt in still if attempt.claim.token in said)
        return [(attempt, said[attempt.claim.token]) for attempt in held]

    def give_up_expired(self) -> None:
        """Stops what could not be renewed for so long that another worker may take it over.

        An apply goes on: it is never run again, and whoever rescues its state waits for its end.
        """
        longest = settings.LEASE_SECONDS - settings.RENEW_SECONDS
        late = time.monotonic() - longest
        self._hand_over(
            LEASE_LOST,
            lambda attempt: attempt.renewed_at < late and attempt.claim.name != Stage.APPLYING,
        )

    def drain(self) -> None:
        """Hands over to other workers what is in no critical section, and what is begun from now on."""
        with self._lock:
            self._draining = True
        self._hand_over(STOPS, lambda attempt: not _is_critical(attempt.claim))

    def end_drain(self) -> None:
        """Stops even an apply: its engine ends gracefully and its state is saved."""
        self._hand_over(STOPS, lambda _: True)

    def _hand_over(self, reason: str, chosen: Callable[[_Attempt], bool]) -> None:
        with self._lock:
            for attempt in filter(chosen, self._attempts.values()):
                attempt.cancel.hand_over(reason)


def _is_critical(claim: Claim) -> bool:
    """Whether the stage is to be finished first; an apply is so before it has entered its section."""
    return claim.name == Stage.APPLYING or bool(critical_sections.inside(claim.task_id))


def _tell(attempt: _Attempt, renewal: Renewal | None) -> None:
    if renewal is None and attempt.claim.name == Stage.APPLYING:
        _tell_fenced_apply(attempt)
    elif renewal is None:
        attempt.cancel.request(FENCED)
    elif renewal.cancel_requested:
        attempt.cancel.request(renewal.cancel_reason, force=renewal.cancel_force)


def _tell_fenced_apply(attempt: _Attempt) -> None:
    """Stops an apply that was taken away only if a person forces it, never for our bookkeeping.

    Whoever took it over waits for the end of the engine, which only this process can stop.
    """
    forced = WorkspaceTask.objects.filter(pk=attempt.claim.task_id, cancel_force=True)
    reason = forced.values_list("cancel_reason", flat=True).first()
    if reason is not None:
        attempt.cancel.request(reason, force=True)


def _read(tokens: list[int]) -> list[Renewal]:
    held = TaskStage.objects.filter(token__in=tokens, status=StageStatus.RUNNING)
    return [
        Renewal(
            stage.token or 0,
            stage.task.cancel_requested_at is not None,
            stage.task.cancel_reason,
            stage.task.cancel_force,
            extended=False,
        )
        for stage in held.select_related("task").only(
            "token", "task__cancel_requested_at", "task__cancel_reason", "task__cancel_force"
        )
    ]


running_stages = RunningStages()
