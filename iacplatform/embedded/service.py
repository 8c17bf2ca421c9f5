"""What an embedded server is, and the short directory its Unix socket needs."""

import shutil
import stat
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from iacplatform.embedded.processes import Child

PREFIX = "iacplatform-"
# A socket's path has at most 107 bytes (sockaddr_un); 47 are for the names below the base.
LONGEST_BASE = 60


@dataclass
class Service:
    """A server: its address, how it is started, and a question that is true once it answers."""

    url: str
    launch: Callable[[], Child]
    ready: Callable[[], bool]
    child: Child = field(init=False)

    def start(self) -> None:
        """Starts it, for the first time or after it has died; it may not answer yet."""
        self.child = self.launch()


@contextmanager
def socket_directory(record: Path) -> Iterator[Path]:
    """Makes a private directory with a short path, and removes it at the end.

    ``record`` becomes a link to it: after a kill, the next start removes what it points to.
    """
    _remove_recorded(record)
    base = Path(tempfile.gettempdir())
    if len(str(base)) > LONGEST_BASE or not traversable_by_all(base):
        base = Path("/tmp")  # noqa: S108  # mkdtemp chooses a name nobody can guess, mode 0700
    directory = Path(tempfile.mkdtemp(prefix=PREFIX, dir=base))
    record.symlink_to(directory)
    try:
        yield directory
    finally:
        _remove_recorded(record)


def traversable_by_all(path: Path) -> bool:
    """Says whether every user may go through ``path`` and all directories above it."""
    return all(place.stat().st_mode & stat.S_IXOTH for place in (path, *path.parents))


def _remove_recorded(record: Path) -> None:
    if not record.is_symlink():
        return
    directory = record.readlink()
    if directory.name.startswith(PREFIX):
        shutil.rmtree(directory, ignore_errors=True)
    record.unlink()
