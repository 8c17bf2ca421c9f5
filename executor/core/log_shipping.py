"""Log lines and resource progress on their way from a stage to the platform, in batches."""

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from executor.core.accessor import AttemptLost, DataAccessor, LogLine, ResourceProgress

PUBLISH_SECONDS = 0.05
PROGRESS_SECONDS = 0.2
STORE_SECONDS = 1.0

_MAX_ITEMS = 2000
_MAX_CHARACTERS = 1024 * 1024
_RETRY_SECONDS = 0.5

_logger = logging.getLogger(__name__)


class _Batch:
    """Items that leave together, at most ``delay`` seconds after the first of them came."""

    def __init__(self, send: Callable[[Sequence[Any]], None], delay: float, *, kept: bool) -> None:
        self._send = send
        self._delay = delay
        self._kept = kept
        self._items: list[Any] = []
        self._characters = 0
        self.due: float | None = None

    def add(self, item: Any, characters: int) -> bool:
        """Takes an item; says whether the batch has become due earlier than it was."""
        self._items.append(item)
        self._characters += characters
        full = len(self._items) >= _MAX_ITEMS or self._characters >= _MAX_CHARACTERS
        if self.due is None or (full and self.due > time.monotonic()):
            self.due = time.monotonic() + (0 if full else self._delay)
            return True
        return False

    def take(self) -> list[Any]:
        """Returns what is to be sent now."""
        items, self._items = self._items, []
        self._characters, self.due = 0, None
        return items

    def send(self, items: list[Any]) -> list[Any]:
        """Sends in pieces; returns what failed and has to be sent again."""
        for start in range(0, len(items), _MAX_ITEMS):
            try:
                self._send(items[start : start + _MAX_ITEMS])
            except AttemptLost:
                raise
            except Exception as error:  # noqa: BLE001 - whatever it is, the engine goes on
                # The type has to do: an error's text may repeat the lines.
                _logger.warning("%s of a stage's log failed", type(error).__name__)
                return items[start:] if self._kept else []
        return []

    def put_back(self, items: list[Any]) -> None:
        """Keeps what could not be sent, before what has come since."""
        if items:
            self._items[:0] = items
            self.due = time.monotonic() + _RETRY_SECONDS


class LogShipper:
    """Publishes lines within 50 ms, stores them within 1 s, reports progress within 200 ms.

    A thread does so, which sleeps while there is nothing to do; what is left at the end is sent by
    the thread that calls :meth:`close`. So a stage that ends at once never uses the platform from a
    second thread. What could not be stored or reported is sent again, in order, and never dropped.
    """

    def __init__(self, accessor: DataAccessor, flush_wait: float) -> None:
        """``flush_wait`` is how many seconds :meth:`close` goes on trying."""
        self._flush_wait = flush_wait
        self._publish = _Batch(accessor.publish_lines, PUBLISH_SECONDS, kept=False)
        self._store = _Batch(accessor.store_lines, STORE_SECONDS, kept=True)
        self._progress = _Batch(accessor.report_progress, PROGRESS_SECONDS, kept=True)
        self._batches = (self._publish, self._progress, self._store)
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._closing = False
        self._lost: AttemptLost | None = None

    def add_line(self, line: LogLine) -> None:
        """Takes a line of the log."""
        self._add(line, len(line.text), self._publish, self._store)

    def add_progress(self, progress: ResourceProgress) -> None:
        """Takes what has become of a resource."""
        self._add(progress, len(progress.error), self._progress)

    def close(self) -> None:
        """Sends what is left.

        Raises :class:`ConnectionError` when the platform did not take it in time, and
        :class:`AttemptLost` when it takes nothing of this attempt any more.
        """
        with self._changed:
            self._closing = True
            self._changed.notify()
        if self._thread:
            self._thread.join()
        deadline = time.monotonic() + self._flush_wait
        while self._ship(self._batches):
            if time.monotonic() >= deadline:
                raise ConnectionError("The log could not be stored.")
            time.sleep(_RETRY_SECONDS)
        if self._lost:
            raise self._lost

    def _add(self, item: Any, characters: int, *batches: _Batch) -> None:
        with self._changed:
            earlier = [batch.add(item, characters) for batch in batches]
            if any(earlier):
                self._changed.notify()
            if self._thread is None:
                self._start()

    def _start(self) -> None:
        thread = threading.Thread(target=self._run, name="task-log", daemon=True)
        # A host that has no thread left gets its lines when the log is closed.
        with contextlib.suppress(RuntimeError):
            thread.start()
            self._thread = thread

    def _run(self) -> None:
        while due := self._wait():
            self._ship(due)

    def _wait(self) -> list[_Batch]:
        """Sleeps until a batch is due; returns nothing at the end."""
        with self._changed:
            while not self._closing:
                now = time.monotonic()
                times = [batch.due for batch in self._batches if batch.due is not None]
                if times and min(times) <= now:
                    return [each for each in self._batches if each.due and each.due <= now]
                self._changed.wait(min(times) - now if times else None)
        return []

    def _ship(self, batches: Sequence[_Batch]) -> bool:
        """Sends these batches; says whether something has to be sent again."""
        failed = False
        for batch in batches:
            with self._changed:
                items = batch.take()
            try:
                rest = [] if self._lost else batch.send(items)
            except AttemptLost as error:
                self._lost, rest = error, []
            with self._changed:
                batch.put_back(rest)
            failed = failed or bool(rest)
        return failed
