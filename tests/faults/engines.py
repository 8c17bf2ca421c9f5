"""Engines that do not do what they are told, or die of something else than their worker."""

from tests.faults.cluster import Cluster
from tests.faults.counted_engine import LOUD_BYTES
from tests.faults.invariants import Expected, verify
from tests.faults.places import HELD_APPLYING, prepare, wait_held
from tests.faults.registry import Stopwatch, fault
from tests.faults.subjects import Subject, new_workspace, start_task
from tests.faults.waiting import demand

STOPPED_SECONDS = 2.0 + 5.0 + 4.0
"""The grace of a forced cancellation, that between SIGTERM and SIGKILL, and some for a busy machine."""


@fault(
    "17",
    "an engine that ignores SIGINT and SIGTERM is cancelled",
    "SIGKILL after the grace; what was made is in the state",
    harmless=True,
)
def stubborn(cluster: Cluster, watch: Stopwatch) -> None:
    """Only its death brings it to an end."""
    workspace_id = prepare(cluster, HELD_APPLYING)
    cluster.points.set("stubborn", "engine.apply", workspace_id)
    subject = start_task(cluster, workspace_id)
    wait_held(subject, HELD_APPLYING)
    watch.hit()
    subject.cancel("stop it", force=True)
    subject.wait_end(STOPPED_SECONDS)
    watch.over()
    log = log_of(subject)
    demand("SIGTERM" in log and "SIGKILL" in log, "the log does not say what it took to stop it")
    verify(subject, Expected("cancelled", applies=1))


@fault(
    "31",
    "an engine prints 5 MB without a newline and is killed",
    "the line is in the log whole; the task fails with a reason",
    harmless=True,
)
def loud(cluster: Cluster, watch: Stopwatch) -> None:
    """As the kernel does when memory runs out."""
    workspace_id = new_workspace(cluster)
    cluster.points.set("loud", "engine.apply", workspace_id)
    subject = start_task(cluster, workspace_id)
    subject.wait_reached("engine.apply")
    watch.hit()
    subject.kill_engine()
    subject.wait_end()
    watch.over()
    demand(subject.value("error_message"), "the task does not say why it has failed")
    longest = max(map(len, log_of(subject).splitlines()))
    demand(longest == LOUD_BYTES, f"the longest line of the log has {longest} characters")
    verify(subject, Expected("failed", applies=1))


def log_of(subject: Subject) -> str:
    """The whole log of a task."""
    rows = subject.cluster.sql(
        "SELECT content FROM workspaces_tasklog WHERE task_id = %s ORDER BY first_line",
        subject.task_id,
    )
    return "".join(content for (content,) in rows)
