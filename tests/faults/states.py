"""States that cannot be stored."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.faults.cluster import Cluster
from tests.faults.engines import log_of
from tests.faults.invariants import Expected, current_state, verify
from tests.faults.places import ALL
from tests.faults.registry import Stopwatch, fault
from tests.faults.subjects import Subject, new_workspace, start_task
from tests.faults.waiting import demand

TRIES = 5
NOT_SAVED = "State save failed"
REFUSE = """
CREATE FUNCTION refuse_state() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'no state today'; END $$;
CREATE TRIGGER refuse_state BEFORE INSERT ON workspaces_stateversion FOR EACH ROW
    WHEN (NEW.workspace_id = {workspace}) EXECUTE FUNCTION refuse_state()
"""
ALLOW = "DROP TRIGGER refuse_state ON workspaces_stateversion; DROP FUNCTION refuse_state()"


@fault(
    "29",
    "the state cannot be saved, five times",
    "locked, said, backed up for its owner only; saved again: applied",
    harmless=True,
)
def unsaved(cluster: Cluster, watch: Stopwatch) -> None:
    """PostgreSQL refuses every state version of one workspace."""
    workspace_id = new_workspace(cluster)
    with _refused_states(cluster, workspace_id):
        subject = start_task(cluster, workspace_id)
        watch.hit()
        subject.wait_end()
    tries = log_of(subject).count("The state could not be saved")
    demand(tries == TRIES, f"it was tried {tries} times")
    verify(subject, Expected("failed", lock=NOT_SAVED, resources=frozenset(), applies=1))
    backup = _backup(subject)
    cluster.client.post(f"{subject.path}/retry-state-save")
    watch.over()
    verify(subject, Expected("applied", resources=ALL, applies=1))
    demand(json.loads(backup) == current_state(subject), "the backup is not the state")


@contextmanager
def _refused_states(cluster: Cluster, workspace_id: str) -> Iterator[None]:
    ((number,),) = cluster.sql(
        "SELECT id FROM workspaces_workspace WHERE workspace_id = %s", workspace_id
    )
    cluster.sql(REFUSE.format(workspace=number))
    try:
        yield
    finally:
        cluster.sql(ALLOW)


def _backup(subject: Subject) -> str:
    """The content of the backup that the lock's reason names."""
    ((reason,),) = subject.cluster.sql(
        "SELECT lock_reason FROM workspaces_workspace WHERE workspace_id = %s", subject.workspace_id
    )
    backup = Path(reason.rpartition(" ")[2])
    demand(backup.is_file(), f"there is no backup at {backup}")
    demand(backup.stat().st_mode & 0o777 == 0o600, "others may read the backup")
    return backup.read_text()
