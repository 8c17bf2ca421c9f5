"""The checks put to the test: they accept a task that nothing has happened to, and see what is wrong."""

from tests.faults.cluster import Cluster
from tests.faults.invariants import Expected, verify
from tests.faults.places import ALL, APPLYING, made_at_all, met_in
from tests.faults.processes import changed
from tests.faults.registry import Stopwatch, fault
from tests.faults.subjects import Subject, new_workspace, start_task
from tests.faults.waiting import Violation, demand, until

HINTS = 4
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
        found = _violation(cluster)
        watch.over()
    demand(TWICE in found, f"the checks see nothing but {found!r}")


def _violation(cluster: Cluster) -> str:
    """What the checks say of a task whose hints come again and again while it is applied."""
    subject = met_in(cluster, APPLYING)
    until(lambda: _applies_after_hints(subject) > 1, "an apply runs twice")
    subject.wait_end()
    try:
        verify(subject, Expected("applied", resources=made_at_all(APPLYING), applies=1))
    except Violation as violation:
        return str(violation)
    return ""


def _applies_after_hints(subject: Subject) -> int:
    subject.publish(HINTS)
    return len(subject.cluster.journal.starts("apply", task=subject.task_id))
