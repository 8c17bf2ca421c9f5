"""What a stage has made outside its work directory, deleted again unless the stage is done.

Mission document 003 and reference §7.5. What was there before the stage is only *observed*, and never
deleted.
"""

import contextlib
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

CLEAN_SECONDS = 30.0

Delete = Callable[[], None]

_logger = logging.getLogger(__name__)


class NotThere(Exception):
    """What was to be deleted is not there: raised by a deletion, and as good as a success."""


@dataclass(frozen=True)
class _Key:
    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}"


class CleanupTracker:
    """Records what one attempt creates and observes; to be used from any thread.

    Names are shown in logs: they must be no secrets.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._deletions: dict[_Key, Delete | None] = {}
        self._cleaned = False

    def mark_created(self, kind: str, namespace: str, name: str, delete: Delete) -> None:
        """Records what this attempt has made; whether it was observed before does not matter."""
        with self._lock:
            self._deletions[_Key(kind, namespace, name)] = delete

    def mark_observed(self, kind: str, namespace: str, name: str) -> None:
        """Records what was there already, unless this attempt itself has made it."""
        with self._lock:
            self._deletions.setdefault(_Key(kind, namespace, name), None)

    def clean(self, seconds: float = CLEAN_SECONDS) -> list[str]:
        """Deletes what was created and returns a sentence for each thing that may still be there.

        All deletions run at the same time and have ``seconds`` together; one that hangs is left
        behind. Only the first call does anything.
        """
        deletions = [_Deletion(key, delete) for key, delete in self._take() if delete]
        deadline = time.monotonic() + seconds
        failures = [deletion.failure_at(deadline) for deletion in deletions]
        return [failure for failure in failures if failure]

    def _take(self) -> list[tuple[_Key, Delete | None]]:
        with self._lock:
            cleaned, self._cleaned = self._cleaned, True
            return [] if cleaned else list(self._deletions.items())


class _Deletion:
    """One deletion, begun in a thread of its own that does not keep the process from ending."""

    def __init__(self, key: _Key, delete: Delete) -> None:
        self._key, self._delete = key, delete
        self._failure = f"{key} could not be deleted in time."
        self._thread = threading.Thread(target=self._run, name="cleanup", daemon=True)
        # A host that has no thread left cannot delete anything more.
        with contextlib.suppress(RuntimeError):
            self._thread.start()

    def failure_at(self, deadline: float) -> str:
        """Waits for the end, no longer than to ``deadline``; returns what went wrong."""
        if self._thread.ident is not None:
            self._thread.join(max(0.0, deadline - time.monotonic()))
        return self._failure

    def _run(self) -> None:
        try:
            self._delete()
        except NotThere:
            self._failure = ""
        except Exception as error:  # noqa: BLE001 - whatever it is, the rest is cleaned
            self._failure = f"{self._key} could not be deleted: {error}"
            # The type has to do here: an error's text may repeat a secret.
            _logger.warning("%s could not be deleted: %s", self._key, type(error).__name__)
        else:
            self._failure = ""
