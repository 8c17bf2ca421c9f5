"""The directory a task's engine works in, and what a later stage may find there."""

import errno
import json
import os
import re
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal

from executor.core import file_lock
from executor.core.cancellation import CancelToken
from executor.core.exceptions import StageError, WorkDirectoryBusyError

PLAN_FILE = "plan.out"
STATE_FILE = "terraform.tfstate"
LOCK_FILE = ".terraform.lock.hcl"
OWN_FOLDER = ".iacplatform"
MARKER_FILE = ".iacplatform.json"
ENGINE_LOCK = ".lock"

Step = Literal["files", "init", "plan"]
_SAFE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}")


@dataclass(frozen=True)
class Marker:
    """Says on which host and from which snapshot (a digest) the steps here were completed."""

    host: str = ""
    snapshot: str = ""
    steps: list[Step] = field(default_factory=list)


class WorkDirectory:
    """``{root}/{workspace_id}/{task_id}``: only its owner may enter or read what is in it."""

    def __init__(self, root: Path, workspace_id: str, task_id: int) -> None:
        """Raises :class:`ValueError` for a workspace id that cannot name a folder."""
        if not _SAFE_NAME.fullmatch(workspace_id):
            raise ValueError(f"A workspace id cannot be {workspace_id!r}.")
        self.path = root / workspace_id / str(int(task_id))
        self._engine_lock: int | None = None

    @property
    def plugin_cache(self) -> Path:
        """The plugin cache of this directory's own engine."""
        return self.path / OWN_FOLDER / "plugins"

    @property
    def inherited_fds(self) -> tuple[int, ...]:
        """The descriptors an engine must inherit: the lock, so that it lasts while one lives."""
        return () if self._engine_lock is None else (self._engine_lock,)

    @property
    def attempts(self) -> Path:
        """Where each attempt keeps its log and its engine's output until the platform has them."""
        return self.path / OWN_FOLDER / "output"

    def exists(self) -> bool:
        """Says whether the directory is there."""
        return self.path.is_dir()

    def create(self) -> None:
        """Makes the directory with mode 0700; raises :class:`StageError` if it is not ours."""
        self._make()
        for folder in (self.path, self.path / OWN_FOLDER, self.attempts):
            folder.mkdir(mode=0o700, exist_ok=True)
            found = folder.lstat()
            if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
                raise StageError(f"{folder} is not a directory of this user.")
            folder.chmod(0o700)

    def _make(self) -> None:
        while True:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with suppress(FileNotFoundError):  # who cleans up has just removed the empty folder
                return self.path.mkdir(mode=0o700, exist_ok=True)

    @contextmanager
    def lock(self, cancel: CancelToken, seconds: float) -> Iterator[None]:
        """Keeps every other engine out; the engines started meanwhile hold the lock as well.

        Raises :class:`WorkDirectoryBusyError` when an earlier one is still alive after ``seconds``.
        """
        try:
            with file_lock.exclusive(self.path / ENGINE_LOCK, cancel, seconds) as self._engine_lock:
                yield
        except file_lock.LockHeldError:
            message = f"An engine of an earlier attempt is still running in {self.path}."
            raise WorkDirectoryBusyError(message) from None
        finally:
            self._engine_lock = None

    def clear(self) -> None:
        """Removes everything but the lock and the platform's own folder."""
        (self.path / MARKER_FILE).unlink(missing_ok=True)
        for entry in os.scandir(self.path):
            if entry.name not in {ENGINE_LOCK, OWN_FOLDER}:
                _remove(Path(entry.path))

    def write(self, name: str, content: bytes | str) -> None:
        """Writes a file of this directory whole or not at all, with mode 0600."""
        write_private(self.path / name, content)

    def read(self, name: str) -> bytes | None:
        """Returns a file's content, ``None`` when it is not there or a link.

        Raises :class:`OSError` where that cannot be told: a state must not be taken for missing.
        """
        try:
            fd = os.open(self.path / name, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        except OSError as error:
            if error.errno in {errno.ENOENT, errno.ELOOP}:
                return None
            raise
        with os.fdopen(fd, "rb") as file:
            return file.read()

    def remove_file(self, name: str) -> None:
        """Removes a file or a folder of this directory, if it is there."""
        _remove(self.path / name)

    def marker(self) -> Marker:
        """Returns what has been completed here; nothing when the marker is missing or broken."""
        try:
            return Marker(**json.loads(self.read(MARKER_FILE) or b"{}"))
        except (ValueError, TypeError):
            return Marker()

    def completed(self, step: Step, host: str, snapshot: str) -> bool:
        """Says whether ``step`` was completed here, on this host and from this snapshot."""
        marker = self.marker()
        return (marker.host, marker.snapshot) == (host, snapshot) and step in marker.steps

    def complete(self, step: Step, host: str, snapshot: str) -> None:
        """Records that ``step`` is complete; what another host or snapshot left is forgotten."""
        marker = self.marker()
        same = (marker.host, marker.snapshot) == (host, snapshot)
        steps = [done for done in marker.steps if same and done != step]
        self.write(MARKER_FILE, json.dumps(asdict(Marker(host, snapshot, [*steps, step]))))

    def remove(self) -> None:
        """Removes the directory with all that is in it; links are removed, never followed.

        To be called under the lock, which goes last: nobody enters what is half removed. Who comes in
        that moment makes a new one; then the empty directory stays, and is theirs to remove.
        """
        if self.path.is_symlink() or not self.exists():
            return _remove(self.path)
        self.path.chmod(0o700)
        for path in sorted(self.path.iterdir(), key=lambda path: path.name == ENGINE_LOCK):
            _remove(path)
        try:
            self.path.rmdir()
        except OSError as error:
            if error.errno != errno.ENOTEMPTY:
                raise
        return None


def write_private(path: Path, content: bytes | str) -> None:
    """Writes ``path`` whole or not at all, with mode 0600 whatever the umask."""
    data = content.encode() if isinstance(content, str) else content
    draft = path.with_name(f".{path.name}.{os.getpid()}.new")
    fd = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    with os.fdopen(fd, "wb") as file:
        os.fchmod(fd, 0o600)
        file.write(data)
    draft.replace(path)


def _remove(path: Path) -> None:
    if path.is_symlink() or path.is_file():
        path.unlink()
        return
    if not path.exists():
        return
    try:
        shutil.rmtree(path)
    except PermissionError:
        _make_writable(path)
        shutil.rmtree(path)


def _make_writable(folder: Path) -> None:
    """Undoes what a module cache did that makes its folders read-only."""
    folder.chmod(0o700)
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                _make_writable(Path(entry.path))
