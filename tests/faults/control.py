"""The checks put to the test: they accept a task that nothing has happened to, and see what is wrong."""

from tests.faults.cluster import Cluster
from tests.faults.invariants import Expected, verify
from tests.faults.places import ALL
from tests.faults.processes import changed
from tests.faults.registry import Stopwatch, fault
from tests.faults.subjects import new_workspace, start_task
from tests.faults.waiting import Violation, demand

TRIES = 3
HINTS = 20
TWICE = "the engine applied"


def self_check(cluster: Cluster) -> None:
    """Raises :class:`Violation` unless a task is applied and the checks find nothing, without a fault."""
    subject = start_task(cluster, new_workspace(cluster))
    subject.wait_end()
    verify(subject, Expected("applied", resources=ALL, applies=1))


@fault("28", "negative control: claims without guards", "the checks see that an apply ran twice")
def unguarded(cluster: Cluster, watch: Stopwatch) -> None:
    """Anybody may claim anything, any number of times, and is told to again and again."""
    with changed(cluster.workers, FAULT_UNGUARDED="yes"):
        watch.hit()
        found = [_violation(cluster) for _ in range(TRIES)]
        watch.over()
    demand(any(TWICE in each for each in found), f"nothing was seen but {found}")


def _violation(cluster: Cluster) -> str:
    """What the checks say of a task whose every hint is sent many times."""
    subject = start_task(cluster, new_workspace(cluster))
    while not subject.has_ended():
        subject.publish(HINTS)
    try:
        verify(subject, Expected("applied", resources=ALL, applies=1))
    except Violation as violation:
        return str(violation)
    return ""
