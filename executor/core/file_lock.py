"""Exclusive locks between processes: ``flock``, which the kernel releases with the last holder."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from executor.core.cancellation import CancelToken

_RETRY_SECONDS = 0.1


class LockHeldError(Exception):
    """Another process holds the lock and did not let go of it in time."""


@contextmanager
def exclusive(path: Path, cancel: CancelToken, seconds: float) -> Iterator[int]:
    """Holds an exclusive lock on ``path`` and gives its descriptor.

    A process that inherits the descriptor holds the lock too. Raises :class:`LockHeldError` when it
    is not free within ``seconds`` and :class:`TaskCancelled` when a stop is requested meanwhile.
    """
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        _acquire(fd, cancel, time.monotonic() + seconds)
        yield fd
    finally:
        os.close(fd)


def _acquire(fd: int, cancel: CancelToken, deadline: float) -> None:
    while True:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                raise LockHeldError from None
            cancel.wait(_RETRY_SECONDS)
        else:
            return
