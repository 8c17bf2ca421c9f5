"""The state of a running apply, handed to the platform each time the engine writes it.

Terraform writes its local state after every resource; OpenTofu 1.7 and later at most every 20 s.
Neither writes it atomically: a reader may find half a file, or an empty one.
"""

import contextlib
import logging
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass

from executor.core.accessor import AttemptLost, DataAccessor
from executor.core.workdir import STATE_FILE, WorkDirectory
from iacplatform.terraform.exceptions import StateError
from iacplatform.terraform.state import read_state

LOOK_SECONDS = 0.2
RETRY_SECONDS = 0.05
# With a look in between, a change is on its way within a second.
CHECKPOINT_SECONDS = 0.8
# Reading and storing a large state takes no more than a third of the time.
REST_FACTOR = 2
JOIN_SECONDS = 5.0

_Signature = tuple[int, int, int]

_logger = logging.getLogger(__name__)


@contextlib.contextmanager
def checkpoints(accessor: DataAccessor, workdir: WorkDirectory) -> Iterator[None]:
    """Checkpoints each change of the state file while the block runs, from a thread of its own.

    Only a whole state of the same lineage with a higher serial than the last is given to
    ``accessor``. The last change before the end of the block may be left out.
    """
    watch = _Watch(accessor, workdir)
    thread = threading.Thread(target=watch.run, name="state-checkpoints", daemon=True)
    # A host that has no thread left applies without checkpoints.
    with contextlib.suppress(RuntimeError):
        thread.start()
    try:
        yield
    finally:
        watch.stopped.set()
        if thread.ident is not None:
            thread.join(JOIN_SECONDS)


class _Watch:
    """What is known of the state file, and of the last checkpoint."""

    def __init__(self, accessor: DataAccessor, workdir: WorkDirectory) -> None:
        self._accessor = accessor
        self._workdir = workdir
        self._failed = False
        self._torn: _Signature | None = None
        # What the engine begins with is no news to the platform.
        self._seen = self._signature()
        begun_with = _read_whole(workdir)
        self._last = begun_with and begun_with[1]
        self.stopped = threading.Event()

    def run(self) -> None:
        """Looks until it is stopped, or the platform takes nothing of this attempt any more."""
        rest = LOOK_SECONDS
        while not self.stopped.wait(rest):
            started = time.monotonic()
            try:
                least = self._look()
            except AttemptLost:
                return
            except Exception as error:  # noqa: BLE001 - whatever it is, the engine goes on
                self._report(error)
                # How long it waited in vain says nothing of what a checkpoint costs.
                rest = CHECKPOINT_SECONDS
            else:
                rest = max(least, REST_FACTOR * (time.monotonic() - started))

    def _look(self) -> float:
        """Checkpoints the state if it has changed; returns the least seconds to the next look."""
        found = self._signature()
        if found is None or found == self._seen:
            return LOOK_SECONDS
        state = _read_whole(self._workdir)
        if state is None:
            # What has not changed since the last look will not become whole by itself.
            self._seen = found if found == self._torn else self._seen
            self._torn = found
            return RETRY_SECONDS
        content, identity = state
        if self._last is not None and not identity.follows(self._last):
            self._seen = found
            return LOOK_SECONDS
        self._accessor.checkpoint_state(content)
        self._seen, self._last, self._failed = found, identity, False
        return CHECKPOINT_SECONDS

    def _signature(self) -> _Signature | None:
        try:
            found = (self._workdir.path / STATE_FILE).lstat()
        except FileNotFoundError:
            return None
        return found.st_mtime_ns, found.st_size, found.st_ino

    def _report(self, error: Exception) -> None:
        if not self._failed:
            # The type has to do: an error's text may repeat the state.
            _logger.warning(
                "The state in %s could not be checkpointed: %s; trying again",
                self._workdir.path,
                type(error).__name__,
            )
        self._failed = True


@dataclass(frozen=True)
class _Identity:
    lineage: str
    serial: int

    def follows(self, other: "_Identity") -> bool:
        return self.lineage == other.lineage and self.serial > other.serial


def _read_whole(workdir: WorkDirectory) -> tuple[bytes, _Identity] | None:
    """Returns the state file and what it is known by; ``None`` if it is missing or not whole."""
    content = workdir.read(STATE_FILE)
    try:
        state = read_state(content or b"")
    except StateError:
        return None
    return (content or b""), _Identity(state.lineage, state.serial)
