"""Old and new code at once."""

from tests.faults.cluster import HOSTS, Cluster
from tests.faults.invariants import Expected, verify
from tests.faults.places import ALL
from tests.faults.processes import changed
from tests.faults.registry import Stopwatch, fault
from tests.faults.subjects import new_workspace, start_task
from tests.faults.waiting import demand

STAGE = "planning"
TASKS = 4


@fault("25", "a worker whose code does not know a stage", "never claims it; the others do")
def rolling(cluster: Cluster, watch: Stopwatch) -> None:
    """One host runs code in which one of the stages does not exist."""
    old = HOSTS[0]
    with changed([cluster.processes[old]], FAULT_UNKNOWN_STAGE=STAGE):
        watch.hit()
        workspaces = [new_workspace(cluster) for _ in range(TASKS)]
        subjects = [start_task(cluster, workspace_id) for workspace_id in workspaces]
        for subject in subjects:
            subject.wait_end()
        watch.over()
        rows = [row for subject in subjects for row in subject.stages()]
        owners = {row.owner for row in rows if row.name == STAGE}
        demand(owners == {HOSTS[1]}, f"{STAGE} was run by {owners}")
        demand(any(row.owner == old for row in rows), f"{old} did nothing: nothing was tested")
        for subject in subjects:
            verify(subject, Expected("applied", resources=ALL, applies=1))
