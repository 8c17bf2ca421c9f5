"""A disk that is full: a small file system in memory, or no file that may grow where none can be mounted."""

import contextlib
import re
import resource
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from tests.faults.cluster import HOSTS, Cluster
from tests.faults.hosts import CHECKPOINT_SECONDS, DOUBTFUL, made_before, resolve
from tests.faults.invariants import Expected, verify
from tests.faults.places import APPLYING, met_in
from tests.faults.registry import Stopwatch, fault
from tests.faults.servers import family
from tests.faults.subjects import new_workspace, start_task
from tests.faults.waiting import demand

SIZE = "4m"
BALLAST = "ballast"
FULL = re.compile("disk|No space left|File too large")
MANY_RESOURCES = 40
NO_LIMIT = resource.RLIM_INFINITY
Fill = Callable[[], None]


@fault("23", "disk full before a task begins", "it fails with a reason, once")
def full_before(cluster: Cluster, watch: Stopwatch) -> None:
    """Not even the configuration can be written."""
    with _small_disks(cluster) as fill:
        fill()
        subject = start_task(cluster, new_workspace(cluster))
        watch.hit()
        subject.wait_end()
        watch.over()
        demand(all(row.attempts == 1 for row in subject.stages()), "a stage was tried again")
        said = subject.value("error_message")
        demand(FULL.search(said), f"the task does not say that the disk is full, but {said!r}")
        verify(subject, Expected("failed", applies=0))


@fault(
    "23", "disk full in applying", "it fails with a reason; state of the last second's checkpoint"
)
def full_in_applying(cluster: Cluster, watch: Stopwatch) -> None:
    """The engine cannot write its state any more, and has already cut off the old one."""
    with _small_disks(cluster) as fill:
        subject = met_in(cluster, APPLYING, resources=MANY_RESOURCES)
        made = made_before(subject, time.time() - CHECKPOINT_SECONDS)
        watch.hit()
        fill()
        subject.wait_end()
        watch.over()
        lock = Expected("failed", lock=DOUBTFUL, resources=made, applies=1, directory=True)
        verify(subject, lock)
        resolve(subject)
        verify(subject, Expected("failed", resources=made, applies=1))


@contextlib.contextmanager
def _small_disks(cluster: Cluster) -> Iterator[Fill]:
    roots = [cluster.work_root(host) for host in HOSTS]
    with contextlib.ExitStack() as mounted:
        try:
            for root in roots:
                root.mkdir(mode=0o700, parents=True, exist_ok=True)
                mounted.enter_context(_small_disk(root))
        except (OSError, subprocess.CalledProcessError):
            mounted.callback(_limit_files, cluster, NO_LIMIT)
            yield lambda: _limit_files(cluster, 0)
        else:
            yield lambda: _fill(roots)


@contextlib.contextmanager
def _small_disk(root: Path) -> Iterator[None]:
    options = f"size={SIZE},mode=0700"
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", root], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", root], check=True)


def _fill(roots: Iterable[Path]) -> None:
    """Leaves no byte: the last piece that fits may be a small one."""
    for root in roots:
        with (root / BALLAST).open("ab", buffering=0) as ballast:
            for piece in (65536, 4096, 1):
                with contextlib.suppress(OSError):
                    while True:
                        ballast.write(bytes(piece))


def _limit_files(cluster: Cluster, size: int) -> None:
    """Lets no file of a worker or of its engines grow beyond ``size`` bytes."""
    for worker in cluster.workers:
        for pid in family(worker.child.process.pid):
            with contextlib.suppress(ProcessLookupError):
                resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, NO_LIMIT))
