"""The request to stop, as the thread that supervises an engine sees it."""

import os
import threading

from executor.core.exceptions import TaskCancelled


class CancelToken:
    """Carries one request to stop from any thread to the stage that runs.

    A user's request cancels the task; a hand-over asks the stage to stop because its worker does.
    A request can be sharpened to ``force`` later, a hand-over to a request. ``fileno()`` and
    ``force_fileno()`` become readable once that is asked, and stay so: a selector wakes at once,
    without polling.
    """

    def __init__(self) -> None:
        self._requested = threading.Event()
        self._lock = threading.Lock()
        self._fd = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._force_fd = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._closed = False
        self.reason = ""
        self.force = False
        self.handed_over = False

    @property
    def requested(self) -> bool:
        """Says whether the stage shall stop."""
        return self._requested.is_set()

    def request(self, reason: str, *, force: bool = False) -> None:
        """Cancels the stage; the first user's reason stays, ``force`` may come later."""
        with self._lock:
            if self._closed:
                return
            if not self.requested or self.handed_over:
                self._stop(reason, handed_over=False)
            if force and not self.force:
                self.force = True
                os.eventfd_write(self._force_fd, 1)

    def hand_over(self, reason: str) -> None:
        """Asks the stage to stop so that another worker can take it; no more than a cancel asks."""
        with self._lock:
            if not self._closed and not self.requested:
                self._stop(reason, handed_over=True)

    def _stop(self, reason: str, *, handed_over: bool) -> None:
        self.reason, self.handed_over = reason, handed_over
        if not self.requested:
            self._requested.set()
            os.eventfd_write(self._fd, 1)

    def fileno(self) -> int:
        """Returns a descriptor that is readable once a stop is requested."""
        return self._fd

    def force_fileno(self) -> int:
        """Returns a descriptor that is readable once a stop without grace is requested."""
        return self._force_fd

    def wait(self, seconds: float) -> None:
        """Sleeps; raises :class:`TaskCancelled` as soon as a stop is requested."""
        self._requested.wait(seconds)
        self.raise_if_requested()

    def raise_if_requested(self) -> None:
        """Raises :class:`TaskCancelled` with the reason when a stop is requested."""
        if self.requested:
            raise TaskCancelled(self.reason)

    def close(self) -> None:
        """Gives the descriptors back; a request after that is ignored."""
        with self._lock:
            if not self._closed:
                self._closed = True
                os.close(self._fd)
                os.close(self._force_fd)
