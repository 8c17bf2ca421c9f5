"""The clock of the platform: beats that are there twice, not at all, or whose time jumps."""

import operator
import time

from tests.faults.cluster import BEATS, Cluster
from tests.faults.invariants import Expected, verify
from tests.faults.places import ALL, PLANNING, let_go, met_in, owner_of
from tests.faults.registry import Stopwatch, fault
from tests.faults.waiting import demand, until

SWEPT_SECONDS = 4.0 + 5.0 + 4.0
"""A lease, the time between two sweeps of a control worker, and some for a busy machine."""
HOUR = 3600
TICK_SECONDS = 2.0
TICK = "Sending due task sweep"


@fault("13", "two beats tick, a worker dies", "the ticks do no harm; the task goes on")
def two(cluster: Cluster, watch: Stopwatch) -> None:
    """As always here."""
    _wait_ticks(cluster)
    _go_on_without_worker(cluster, watch)


@fault("13", "no beat, a worker dies", "a control worker's own sweep is enough")
def none(cluster: Cluster, watch: Stopwatch) -> None:
    """Both are killed, and come back when it is over."""
    for name in BEATS:
        cluster.processes[name].kill()
    _go_on_without_worker(cluster, watch)


@fault("13", "one of two beats killed, a worker dies", "the other beat is enough")
def one(cluster: Cluster, watch: Stopwatch) -> None:
    """Nobody needs that one."""
    cluster.processes[BEATS[0]].kill()
    _go_on_without_worker(cluster, watch)


@fault("13", "the beats' clocks jump an hour ahead and back", "a task goes on without them")
def jump(cluster: Cluster, watch: Stopwatch) -> None:
    """A beat that has ticked in the future waits for it to come, and is of no use until then."""
    clocks = [cluster.points.directory / name for name in BEATS]
    for clock in clocks:
        clock.write_text(str(HOUR))
    _wait_ticks(cluster)
    for clock in clocks:
        clock.unlink()
    _wait_silence(cluster)
    _go_on_without_worker(cluster, watch)
    for name in BEATS:
        # With what it knows of the future, another start would be as useless.
        cluster.processes[name].kill()
        for known in cluster.directory.glob(f"{name}.d*"):
            known.unlink()


def _wait_ticks(cluster: Cluster) -> None:
    before = _ticks(cluster)
    until(lambda: all(map(operator.gt, _ticks(cluster), before)), "both beats tick")


def _wait_silence(cluster: Cluster) -> None:
    time.sleep(TICK_SECONDS)
    before = _ticks(cluster)
    time.sleep(2 * TICK_SECONDS)
    demand(
        _ticks(cluster) == before, "the beats did not feel their clocks jump: nothing was tested"
    )


def _ticks(cluster: Cluster) -> list[int]:
    logs = [cluster.processes[name].child.log for name in BEATS]
    return [log.read_text(errors="replace").count(TICK) for log in logs]


def _go_on_without_worker(cluster: Cluster, watch: Stopwatch) -> None:
    """Kills a worker in the middle of a plan: only a sweep can see that."""
    subject = met_in(cluster, PLANNING)
    worker = owner_of(subject, PLANNING)
    watch.hit()
    worker.kill()
    let_go(subject, PLANNING)
    subject.wait_for(
        lambda: any(row.attempts > 1 for row in subject.stages()), "goes on", SWEPT_SECONDS
    )
    watch.over()
    worker.start()
    subject.wait_end()
    verify(subject, Expected("applied", resources=ALL, applies=1))
