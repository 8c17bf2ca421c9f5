"""Celery's thread pool, for workers that take a message only when they have a free slot.

With ``worker_disable_prefetch`` the consumer stops reading while all slots are taken. When a thread
ends, nothing wakes the event loop, which sleeps until its next timer: up to seconds in which a slot is
free and nobody asks for work. So each end of a task writes to an eventfd that the loop listens to.
"""

import os
from concurrent.futures import Future
from typing import Any

from celery.concurrency.thread import TaskPool


class ThreadPool(TaskPool):
    """A thread pool that tells the worker's event loop when a slot is free again."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._freed = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)

    def register_with_event_loop(self, loop: Any) -> None:
        """Called by Celery whenever the loop (re)starts."""
        loop.add_reader(self._freed, self._note)

    def on_apply(self, *args: Any, **kwargs: Any) -> Any:
        """Runs a Celery task in a thread."""
        result = super().on_apply(*args, **kwargs)
        result.f.add_done_callback(self._tell)
        return result

    def _tell(self, _: "Future[Any]") -> None:
        os.eventfd_write(self._freed, 1)

    def _note(self) -> None:
        """The loop is awake, and that is all it takes: it now looks whether it may consume."""
        os.eventfd_read(self._freed)
