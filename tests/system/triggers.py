"""Workspaces that trigger each other, on a running platform whose control worker comes and goes."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise

import psycopg

from iacplatform.embedded.client import JSON
from iacplatform.embedded.engine import write_archive
from iacplatform.embedded.stack import MANAGE, is_ready
from tests.system.platform import Platform, TaskUnderTest, WorkspaceUnderTest, wait_until

# For long chains, which are about hops and not about plans: each plan changes an output.
CHANGING_ENGINE = b"""#!/bin/sh
case "$1" in
  plan) echo a plan > plan.out ;;
  show) echo '{"format_version": "1.2", "output_changes":
    {"x": {"actions": ["create"], "before": null, "after": "1"}}}' ;;
  apply) echo '{"version": 4, "terraform_version": "1.9.5", "serial": 1,
    "lineage": "quick", "outputs": {}, "resources": []}' > terraform.tfstate ;;
esac
"""


def link(source: WorkspaceUnderTest, target: WorkspaceUnderTest) -> JSON:
    """Lets applies of one workspace start tasks of another."""
    answer = source.post("/run-triggers", {"target_workspace_id": target.workspace_id})
    return dict(answer["run_trigger"])


def chain(*workspaces: WorkspaceUnderTest) -> None:
    """Links each workspace with the next."""
    for source, target in pairwise(workspaces):
        link(source, target)


def changing_engine(platform: Platform) -> JSON:
    """An engine that takes no time and always changes something."""
    archive = platform.directory / "changing-engine.zip"
    engine = {"engine": "terraform", "version": "0.0.2"}
    checksum = write_archive(archive, CHANGING_ENGINE)
    platform.client.post(
        "/engine-versions", engine | {"download_url": archive.as_uri(), "checksum": checksum}
    )
    return engine


def tasks_of(workspace: WorkspaceUnderTest) -> list[TaskUnderTest]:
    """The tasks of a workspace, oldest first."""
    rows = workspace.get("/tasks", page_size=100)["items"]
    return [TaskUnderTest(workspace, row["id"]) for row in reversed(rows)]


def triggered_task(workspace: WorkspaceUnderTest, seconds: float = 60.0) -> TaskUnderTest:
    """The only task of a workspace, as soon as it is there."""
    wait_until(lambda: tasks_of(workspace) != [], "a task is triggered", seconds)
    (task,) = tasks_of(workspace)
    return task


def executions(task: TaskUnderTest) -> list[JSON]:
    """What a task triggers."""
    return list(task.get("/trigger-executions")["items"])


def kill_stage_worker(platform: Platform) -> None:
    """Kills the stage worker in the middle of whatever it does."""
    assert platform.worker is not None
    os.killpg(platform.worker.process.pid, signal.SIGKILL)
    platform.worker.process.wait()


def replace_stage_worker(platform: Platform) -> None:
    """Starts a stage worker; what the dead one held is free at once, not only when its lease ends."""
    platform.move_to(platform.host)
    end_leases(platform)


def end_leases(platform: Platform) -> None:
    """Frees what workers hold: for tests that are not about how long a lease lasts."""
    platform.sql("UPDATE workspaces_taskstage SET lease_until = now() WHERE status = 'running'")


def kill_control_worker(platform: Platform) -> None:
    """Kills what fires triggers, in the middle of whatever it does."""
    children = platform.stack.supervisor.children
    for child in [child for child in children if child.name == "control"]:
        os.killpg(child.process.pid, signal.SIGKILL)
        child.process.wait()
        children.remove(child)


def start_control_worker(platform: Platform) -> None:
    """Starts it again."""
    log = platform.stack.supervisor.run_dir / "control.log"
    log.unlink(missing_ok=True)
    command = [*MANAGE, "worker", "control"]
    platform.stack.supervisor.start("control", command, ready=lambda: is_ready(log))


@contextmanager
def holding(platform: Platform, statement: str, *values: object) -> Iterator[None]:
    """Keeps the locks that a statement takes for as long as the block runs."""
    url = platform.stack.environment["DATABASE_URL"]
    with psycopg.connect(url) as connection:
        connection.execute(statement, values)
        yield
        connection.rollback()


def wait_until_blocked(platform: Platform, beginning: str) -> None:
    """Waits until somebody's statement that begins so waits for a lock."""
    query = (
        "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
        " AND starts_with(query, %s)"
    )
    wait_until(lambda: platform.sql(query, beginning) != [(0,)], f"{beginning} is blocked")
