"""The stages that this process is running now, and what keeps their claims alive."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from executor.claims import Claim, Renewal, renew
from executor.core.cancellation import CancelToken
from workspaces.task_status import Stage

FENCED = "the claim on this stage was taken away"


class RunningStages:
    """Claims of this process with the token through which each can be stopped."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._stages: dict[int, tuple[Claim, CancelToken]] = {}

    @contextmanager
    def register(self, claim: Claim) -> Iterator[CancelToken]:
        """Keeps a claim alive as long as the block runs."""
        cancel = CancelToken()
        with self._lock:
            self._stages[claim.token] = (claim, cancel)
        try:
            yield cancel
        finally:
            with self._lock:
                del self._stages[claim.token]
            cancel.close()

    def renew_all(self) -> None:
        """Extends every lease and asks those stages to stop that were cancelled or taken away."""
        with self._lock:
            mine = dict(self._stages)
        if not mine:
            return
        renewed = {renewal.token: renewal for renewal in renew(list(mine))}
        with self._lock:
            for token in self._stages.keys() & mine.keys():
                _pass_on(*self._stages[token], renewed.get(token))


def _pass_on(claim: Claim, cancel: CancelToken, renewal: Renewal | None) -> None:
    if renewal is None and claim.name != Stage.APPLYING:
        cancel.request(FENCED)
    elif renewal is None:
        return  # an apply is never stopped for our bookkeeping: whoever took it over waits for its end
    elif renewal.cancel_requested:
        cancel.request(renewal.cancel_reason)


running_stages = RunningStages()
