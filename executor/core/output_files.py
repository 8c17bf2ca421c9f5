"""The files that engines write their output to, which outlive whoever supervises the engine.

A file keeps what a pipe loses with its reader, and an engine never waits for one that is slow.
"""

import ctypes
import errno
import os
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from executor.core.exceptions import StageError

Outputs = tuple[int, int]
"""Descriptors of the files for stdout and stderr."""

RESERVED_BYTES = 256 * 1024
"""Kept free for each file, so that an engine can still say that the disk is full."""

_FLAGS = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
_FALLOC_FL_KEEP_SIZE = 1
_IN_MODIFY = 2
_MFD_CLOEXEC = 1
_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT})

_libc = ctypes.CDLL(None, use_errno=True)


@contextmanager
def named_outputs(stdout: Path, stderr: Path) -> Iterator[Outputs]:
    """Makes two files that only their owner may read, and that stay.

    Raises :class:`StageError` when the disk is full.
    """
    with ExitStack() as opened:
        with room_needed():
            fds = [_open(path, opened) for path in (stdout, stderr)]
        yield fds[0], fds[1]


@contextmanager
def memory_outputs() -> Iterator[Outputs]:
    """Makes two files in memory, for what is read in one piece and would be worthless in part.

    An engine does not always say that it could not write its output to a disk.
    """
    with ExitStack() as opened:
        fds = [_open_in_memory(opened) for _ in range(2)]
        yield fds[0], fds[1]


def watch_growth(files: Iterable[int]) -> int | None:
    """Returns a descriptor that is readable when a file has grown, to be closed by the caller.

    ``None`` where the kernel has none to give: there are few (inotify(7), ``max_user_instances``).
    """
    watch: int = _libc.inotify_init1(os.O_CLOEXEC | os.O_NONBLOCK)
    if watch < 0:
        return None
    for file in files:
        if _libc.inotify_add_watch(watch, f"/proc/self/fd/{file}".encode(), _IN_MODIFY) < 0:
            os.close(watch)
            return None
    return watch


def forget_growth(watch: int) -> None:
    """Makes a descriptor of :func:`watch_growth` unreadable until a file grows again."""
    with suppress(BlockingIOError):
        os.read(watch, 65536)


def _open(path: Path, opened: ExitStack) -> int:
    fd = os.open(path, _FLAGS, 0o600)
    opened.callback(os.close, fd)
    os.fchmod(fd, 0o600)
    _reserve(fd)
    return fd


def _open_in_memory(opened: ExitStack) -> int:
    # Not every build of Python has os.memfd_create.
    fd: int = _libc.memfd_create(b"output", _MFD_CLOEXEC)
    if fd < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    opened.callback(os.close, fd)
    return fd


def _reserve(fd: int) -> None:
    """Raises :class:`OSError` when the disk is full; some file systems cannot reserve at all."""
    size = ctypes.c_int64(RESERVED_BYTES)
    if _libc.fallocate(fd, _FALLOC_FL_KEEP_SIZE, ctypes.c_int64(0), size) == 0:
        return
    number = ctypes.get_errno()
    if number in _NO_ROOM:
        raise OSError(number, os.strerror(number))


@contextmanager
def room_needed() -> Iterator[None]:
    """Says that the disk is full, by a :class:`StageError`, where it is."""
    try:
        yield
    except OSError as error:
        if error.errno not in _NO_ROOM:
            raise
        message = "The disk of the work directory is full: the engine cannot be started."
        raise StageError(message) from error
