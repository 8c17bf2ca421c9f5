"""Every event, by every path on which a task can begin and end, with real workers and sockets."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.system.configurations import command, half_failing, resources
from tests.system.notifications import in_the_platform, logs, receiver, tell
from tests.system.platform import TaskUnderTest, WorkspaceUnderTest
from tests.system.run_task_service import RunTaskService, accepts, fails
from tests.system.run_tasks import RunTaskPlatform

pytestmark = pytest.mark.timeout(240)
Path = Callable[[RunTaskPlatform, WorkspaceUnderTest], TaskUnderTest]

ONE = resources(one="1")
LARGE = {"resource": {"terraform_data": {"many": {"count": 4000, "input": "${count.index}"}}}}
SLOW = {"resource": {"terraform_data": {"slow": command("exec sleep 60")}}}
WRONG = resources(one="${terraform_data.missing.output}")
BY_THE_SYSTEM = """
from workspaces.models import Workspace
from workspaces.services.tasks import create_task
from workspaces.task_status import TaskType
workspace = Workspace.objects.get(workspace_id="{workspace_id}")
print(create_task(workspace, user=None, task_type=TaskType.PLAN_ONLY).pk)
"""
DRIFT = """
from django.db import transaction
from workspaces.models import WorkspaceTask
from workspaces.task_events import EventName, TaskEvent, announce
task = WorkspaceTask.objects.get(pk={task_id})
with transaction.atomic():
    announce(TaskEvent(
        EventName.DRIFT_DETECTED, task, "drift:{task_id}", "drift", "2 resources drifted", {{"drift_count": 2}}
    ))
"""


def cancelled(task: TaskUnderTest, **body: object) -> TaskUnderTest:
    task.workspace.post(f"/tasks/{task.task_id}/cancel", dict(body))
    assert task.wait() == "cancelled"
    return task


def confirmed(task: TaskUnderTest) -> TaskUnderTest:
    task.confirm()
    task.wait()
    return task


def plan_only(_: RunTaskPlatform, workspace: WorkspaceUnderTest) -> TaskUnderTest:
    return workspace.run("plan_only")


def drift_check(_: RunTaskPlatform, workspace: WorkspaceUnderTest) -> TaskUnderTest:
    return workspace.run("drift_check")


def by_the_system(platform: RunTaskPlatform, workspace: WorkspaceUnderTest) -> TaskUnderTest:
    code = BY_THE_SYSTEM.format(workspace_id=workspace.workspace_id)
    task = TaskUnderTest(workspace, int(in_the_platform(platform, code)))
    task.wait()
    return task


def approved(_: RunTaskPlatform, workspace: WorkspaceUnderTest) -> TaskUnderTest:
    return confirmed(workspace.run())


def run(_: RunTaskPlatform, workspace: WorkspaceUnderTest) -> TaskUnderTest:
    task = workspace.start()
    task.wait()
    return task


def without_changes(_: RunTaskPlatform, workspace: WorkspaceUnderTest) -> TaskUnderTest:
    workspace.apply()
    return workspace.run()


def fails_in_init(_: RunTaskPlatform, workspace: WorkspaceUnderTest) -> TaskUnderTest:
    workspace.upload({"main.tf": 'terraform {\n  required_version = ">= 99.0"\n}\n'})
    task = workspace.run()
    assert task.get()["stage"] == "init"
    return task


def fails_at_a_run_task(platform: RunTaskPlatform, workspace: WorkspaceUnderTest) -> TaskUnderTest:
    check = platform.run_task(workspace.get()["description"])
    body = {"run_task_id": check["run_task_id"], "stage": "post_plan"}
    workspace.post("/run-tasks", body | {"enforcement_level": "mandatory"})
    return workspace.run()


def cancelled_pending(_: RunTaskPlatform, workspace: WorkspaceUnderTest) -> TaskUnderTest:
    first, second = workspace.start(), workspace.start()
    first.wait("apply_pending")
    return cancelled(second)


def cancelled_plan(_: RunTaskPlatform, workspace: WorkspaceUnderTest) -> TaskUnderTest:
    task = workspace.start()
    task.wait_for_stage("planning")
    return cancelled(task)


def cancelled_approval(_: RunTaskPlatform, workspace: WorkspaceUnderTest) -> TaskUnderTest:
    return cancelled(workspace.run())


def cancelled_apply(_: RunTaskPlatform, workspace: WorkspaceUnderTest) -> TaskUnderTest:
    task = workspace.start()
    task.wait_for_stage("applying", "apply")
    return cancelled(task, force=True)


def drifted(platform: RunTaskPlatform, workspace: WorkspaceUnderTest) -> TaskUnderTest:
    task = workspace.run("plan_only")
    in_the_platform(platform, DRIFT.format(task_id=task.task_id))
    return task


BEGUN = ["task_created", "task_planning"]
ASKED = [*BEGUN, "approval_required"]
APPLYING = [*BEGUN, "task_planned", "task_applying"]
AUTO = {"auto_apply": True}
# What happens, to which workspace, and the events of it in their order.
PATHS: dict[str, tuple[Path, dict[str, Any], list[str]]] = {
    "plan only": (plan_only, {"code": ONE}, [*BEGUN, "task_planned"]),
    "drift check": (drift_check, {"code": ONE}, [*BEGUN, "task_planned"]),
    "created by the system": (by_the_system, {"code": ONE}, [*BEGUN, "task_planned"]),
    "approved": (approved, {"code": ONE}, [*ASKED, "task_applying", "task_completed"]),
    "applied automatically": (run, {"code": ONE, **AUTO}, [*APPLYING, "task_completed"]),
    "without changes": (without_changes, {"code": ONE}, [*BEGUN, "task_planned"]),
    "failed in init": (fails_in_init, {}, [*BEGUN, "task_failed"]),
    "failed in planning": (run, {"code": WRONG}, [*BEGUN, "task_failed"]),
    "failed at a run task": (fails_at_a_run_task, {"code": ONE}, [*BEGUN, "task_failed"]),
    "failed in applying": (run, {"code": half_failing(), **AUTO}, [*APPLYING, "task_failed"]),
    "cancelled pending": (cancelled_pending, {"code": ONE}, ["task_created", "task_cancelled"]),
    "cancelled planning": (cancelled_plan, {"code": LARGE}, [*BEGUN, "task_cancelled"]),
    "cancelled waiting": (cancelled_approval, {"code": ONE}, [*ASKED, "task_cancelled"]),
    "cancelled applying": (cancelled_apply, {"code": SLOW, **AUTO}, [*APPLYING, "task_cancelled"]),
    "not approved in time": (
        run,
        {"code": ONE, "approval_timeout_seconds": 1},
        [*ASKED, "task_cancelled", "approval_timeout"],
    ),
    "drift detected": (drifted, {"code": ONE}, [*BEGUN, "task_planned", "drift_detected"]),
}


@pytest.mark.parametrize("name", PATHS)
def test_each_event_of_each_path_arrives_once_and_in_order(
    run_task_platform: RunTaskPlatform, service: RunTaskService, name: str
) -> None:
    """F40, H5, M5: what was told is what happened, and every message of it was accepted."""
    act, fields, events = PATHS[name]
    told = receiver(run_task_platform, service, accepts)
    verdict = service.address("verdict", fails)
    workspace = tell(
        run_task_platform.workspace(description=verdict, **fields), told.notification_id
    )

    task = act(run_task_platform, workspace)

    told.told_of(task, events)
    run_task_platform.until(
        lambda: (
            [(log["event"], log["status"]) for log in logs(task)]
            == [(event, "success") for event in events]
        ),
        "all messages are logged as accepted",
    )
    last = told.hooks(task)[-1]
    assert last.headers["X-IaC-Event"] == events[-1]
    assert last.payload["task"]["status"] == task.status
    assert last.payload["workspace"]["id"] == workspace.workspace_id


def test_all_ten_events_are_on_these_paths() -> None:
    """F40: none is never told."""
    assert len({event for _, _, events in PATHS.values() for event in events}) == 10
