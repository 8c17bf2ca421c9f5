"""Log lines and resource progress on their way from a stage to the platform, in batches."""

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from executor.core.accessor import AttemptLost, DataAccessor, LogLine, ResourceProgress
from executor.core.spool import Spool

PUBLISH_SECONDS = 0.05
PROGRESS_SECONDS = 0.2
STORE_SECONDS = 1.0

_MAX_ITEMS = 2000
_MAX_WEIGHT = 1024 * 1024
_MAX_WAITING_WEIGHT = 32 * 1024 * 1024
_RETRY_SECONDS = 0.5

_logger = logging.getLogger(__name__)


class _Batch:
    """Items that leave together, at most ``delay`` seconds after the first of them came.

    An item's weight is about the bytes that it takes in memory.
    """

    def __init__(
        self,
        send: Callable[[Sequence[Any]], None],
        weigh: Callable[[Any], int],
        delay: float,
        *,
        kept: bool,
    ) -> None:
        self._send = send
        self._weigh = weigh
        self._delay = delay
        self._kept = kept
        self._items: list[Any] = []
        self._retry_at = 0.0
        self.weight = 0
        self.due: float | None = None

    def add(self, items: Sequence[Any]) -> bool:
        """Takes items; says whether the batch has become due earlier than it was."""
        self._items += items
        self.weight += sum(map(self._weigh, items))
        full = len(self._items) >= _MAX_ITEMS or self.weight >= _MAX_WEIGHT
        due = max(self._retry_at, time.monotonic() + (0 if full else self._delay))
        if self.due is not None and self.due <= due:
            return False
        self.due = due
        return True

    def take(self) -> list[Any]:
        """Returns what is to be sent now."""
        items, self._items = self._items, []
        self.due = None
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

    def settle(self, items: list[Any], left: list[Any]) -> None:
        """Ends what :meth:`take` began: what is ``left`` stays, before what has come since."""
        self.weight -= sum(map(self._weigh, items[: len(items) - len(left)]))
        if left:
            self._items[:0] = left
            self.due = self._retry_at = time.monotonic() + _RETRY_SECONDS


class LogShipper:
    """Publishes lines within 50 ms, stores them within 1 s, reports progress within 200 ms.

    A thread does so, which sleeps while there is nothing to do; what is left at the end is sent by
    the thread that calls :meth:`close`. So a stage that ends at once never uses the platform from a
    second thread. What could not be stored or reported is sent again, in order, and never dropped.
    """

    def __init__(self, accessor: DataAccessor, flush_wait: float, spool: Spool) -> None:
        """``flush_wait`` is how many seconds :meth:`close` goes on trying.

        ``spool`` is told which lines the platform has.
        """
        self._accessor = accessor
        self._flush_wait = flush_wait
        self._spool = spool
        self._publish = _Batch(accessor.publish_lines, _line_weight, PUBLISH_SECONDS, kept=False)
        self._store = _Batch(self._store_lines, _line_weight, STORE_SECONDS, kept=True)
        self._progress = _Batch(
            accessor.report_progress, _progress_weight, PROGRESS_SECONDS, kept=True
        )
        self._batches = (self._publish, self._progress, self._store)
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._closing = False
        self._lost: AttemptLost | None = None
        self.stored_line = 0

    def add_lines(self, lines: Sequence[LogLine]) -> None:
        """Takes lines of the log."""
        self._add(lines, self._publish, self._store)

    def add_progress(self, progress: ResourceProgress) -> None:
        """Takes what has become of a resource."""
        self._add([progress], self._progress)

    def has_room(self) -> bool:
        """Says whether more lines may come; while the platform is away, memory must not run out."""
        return self._store.weight < _MAX_WAITING_WEIGHT

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

    def _store_lines(self, lines: Sequence[LogLine]) -> None:
        last = lines[-1].number
        self._accessor.store_lines(lines)
        self._spool.note_stored(last)
        self.stored_line = last

    def _add(self, items: Sequence[Any], *batches: _Batch) -> None:
        with self._changed:
            earlier = [batch.add(items) for batch in batches]
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
                left = [] if self._lost else batch.send(items)
            except AttemptLost as error:
                self._lost, left = error, []
            with self._changed:
                batch.settle(items, left)
            failed = failed or bool(left)
        return failed


def _line_weight(line: LogLine) -> int:
    return 200 + len(line.text)


def _progress_weight(progress: ResourceProgress) -> int:
    return 200 + len(progress.error)
