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
    is not free within ``seconds``, :class:`TaskCancelled` when a stop is requested meanwhile, and
    :class:`FileNotFoundError` when the folder is gone.
    """
    fd = _lock(path, cancel, time.monotonic() + seconds)
    try:
        yield fd
    finally:
        os.close(fd)


def _lock(path: Path, cancel: CancelToken, deadline: float) -> int:
    """Locks the file that is at ``path`` then: who held it before may have removed it with its folder."""
    while True:
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            _acquire(fd, cancel, deadline)
        except BaseException:
            os.close(fd)
            raise
        if _is_at(path, fd):
            return fd
        os.close(fd)


def _is_at(path: Path, fd: int) -> bool:
    try:
        return os.path.samestat(os.fstat(fd), os.lstat(path))
    except FileNotFoundError:
        return False


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
