"""How a worker process hears of cancellations: by the keys of its tasks, else by their rows (design §5)."""

import time
from collections.abc import Iterable

import structlog
from redis import RedisError

from executor.claims import Claim
from executor.running import RunningStages
from workspaces import cancel_signal

WATCH_SECONDS = 0.2
ROWS_SECONDS = 0.5
REFRESH_SECONDS = cancel_signal.CLAIM_SECONDS / 3
logger = structlog.get_logger(__name__)


class CancelWatcher:
    """Compares the keys of a process's running stages with what they held; for one thread.

    Whatever changes in a key only makes it look at the rows. A claim that is gone is made anew: the row
    says that the stage runs.
    """

    def __init__(self, running: RunningStages) -> None:
        self._running = running
        self._seen: dict[int, str] = {}  # task id → what its key held last
        self._refresh_at: dict[int, float] = {}  # task id → when its claim is prolonged
        self._look_at_rows = False
        self._redis_away = False
        self._rows_at = 0.0

    def watch(self) -> None:
        """Looks once. While nothing runs, Redis and PostgreSQL are asked nothing."""
        self._running.give_up_expired()
        claims = {claim.task_id: claim for claim in self._running.claims()}
        try:
            self._let_go(self._seen.keys() - claims.keys())
            self._compare(claims.values())
        except RedisError as error:
            self._note_redis(away=True, error=str(error))
        else:
            self._note_redis(away=False)
        if self._redis_away and time.monotonic() - self._rows_at >= ROWS_SECONDS:
            self._look_at_rows = True
        if self._look_at_rows:
            self._rows_at = time.monotonic()
            self._running.look_at_rows()
            self._look_at_rows = False

    def _let_go(self, ended: Iterable[int]) -> None:
        """Deletes the claim, or the cancellation that was obeyed, of tasks whose work here has ended."""
        for task_id in ended:
            cancel_signal.release(task_id, self._seen[task_id])
            del self._seen[task_id]
            self._refresh_at.pop(task_id, None)

    def _compare(self, claims: Iterable[Claim]) -> None:
        claims = list(claims)
        if not claims:
            return
        values = cancel_signal.values([claim.task_id for claim in claims])
        for claim, value in zip(claims, values, strict=True):
            before = self._seen.get(claim.task_id)
            now = self._claim(claim, value)
            if now not in (before, _own(claim)) or (before and not value):
                self._look_at_rows = True
            self._seen[claim.task_id] = now

    def _claim(self, claim: Claim, value: str | None) -> str:
        """Sees to it that the key holds this claim if it may, and returns what it holds."""
        own = _own(claim)
        if value == own and time.monotonic() < self._refresh_at.get(claim.task_id, 0.0):
            return own
        if value and value == self._seen.get(claim.task_id) and cancel_signal.is_marker(value):
            return value
        found = cancel_signal.claim(claim.task_id, claim.host, claim.token)
        self._refresh_at[claim.task_id] = time.monotonic() + REFRESH_SECONDS
        return found or own

    def _note_redis(self, *, away: bool, error: str = "") -> None:
        if away and not self._redis_away:
            logger.warning("cancel_keys_unreadable", error=error)
        if self._redis_away and not away:
            logger.info("cancel_keys_readable")
        self._redis_away = away


def _own(claim: Claim) -> str:
    return cancel_signal.claim_value(claim.host, claim.token)
