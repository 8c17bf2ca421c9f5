"""Cancelling over the REST API."""

from collections.abc import Callable

import pytest
from rest_framework.test import APIClient

from iacplatform.accounts.levels import Level
from iacplatform.accounts.models import User
from tests.domain import claimed, finish_plan, finish_stage
from tests.factories import TaskFactory, WorkspaceFactory, member_with
from workspaces.models import Workspace, WorkspaceTask
from workspaces.services.queue import start_next
from workspaces.services.tasks import create_task, start_apply
from workspaces.task_status import TaskType

pytestmark = pytest.mark.django_db


def a_running_task(workspace: Workspace) -> WorkspaceTask:
    task = create_task(workspace, user=None, task_type=TaskType.PLAN_AND_APPLY)
    start_next(workspace.pk)
    task.refresh_from_db()
    return task


def test_a_task_is_cancelled_with_a_reason(api: APIClient, base: str, workspace: Workspace) -> None:
    task = a_running_task(workspace)

    answer = api.post(f"{base}/tasks/{task.pk}/cancel", {"reason": "wrong branch"})

    assert answer.status_code == 200
    assert (answer.json()["status"], answer.json()["error_message"]) == (
        "cancelled",
        "wrong branch",
    )
    comments = api.get(f"{base}/tasks/{task.pk}/comments").json()["items"]
    assert [comment["action_type"] for comment in comments] == ["cancel"]


def test_an_apply_needs_force_and_says_so(api: APIClient, base: str, workspace: Workspace) -> None:
    task = a_running_task(workspace)
    finish_plan(task, add=1, has_changes=True)
    start_apply(task, actor="ada")
    for _ in ("fetching", "init", "restoring_plan"):
        finish_stage(task)
    claimed(task)

    refused = api.post(f"{base}/tasks/{task.pk}/cancel")
    forced = api.post(f"{base}/tasks/{task.pk}/cancel", {"force": True})

    assert (refused.status_code, refused.json()["code"]) == (409, "requires_force")
    assert refused.json()["requires_force"] is True
    assert (forced.status_code, forced.json()["status"]) == (200, "running")
    asked = {name: forced.json()[f"cancel_{name}"] for name in ("requested_by", "force", "reason")}
    assert asked == {"requested_by": "ada", "force": True, "reason": "cancelled by ada"}
    assert forced.json()["cancel_requested_at"] is not None


def test_a_task_that_has_ended_is_a_conflict(
    api: APIClient, base: str, workspace: Workspace
) -> None:
    task = a_running_task(workspace)
    api.post(f"{base}/tasks/{task.pk}/cancel")

    assert api.post(f"{base}/tasks/{task.pk}/cancel").status_code == 409


def test_a_task_of_another_workspace_is_not_found(api: APIClient, base: str) -> None:
    """F3: a child is looked up with its workspace."""
    task = TaskFactory.create(workspace=WorkspaceFactory.create())

    assert api.post(f"{base}/tasks/{task.pk}/cancel").status_code == 404


@pytest.mark.parametrize("body", [{"force": "perhaps"}, {"reason": 5 * ["x"]}])
def test_a_wrong_value_is_named(
    api: APIClient, base: str, workspace: Workspace, body: dict[str, object]
) -> None:
    task = a_running_task(workspace)

    answer = api.post(f"{base}/tasks/{task.pk}/cancel", body)

    assert answer.status_code == 400
    assert set(answer.json()["fields"]) == set(body)


def test_the_earlier_changes_of_a_pending_task_are_cancelled(
    api: APIClient, base: str, workspace: Workspace
) -> None:
    """F11: not the later ones."""
    first = a_running_task(workspace)
    finish_plan(first, add=1, has_changes=True)
    Workspace.objects.filter(pk=workspace.pk).update(is_locked=False)
    earlier, task, later = (
        create_task(workspace, user=None, task_type=TaskType.PLAN_AND_APPLY) for _ in range(3)
    )
    Workspace.objects.filter(pk=workspace.pk).update(is_locked=True)

    answer = api.post(f"{base}/tasks/{task.pk}/cancel-previous")

    assert (answer.status_code, answer.json()) == (200, {"cancelled_count": 2})
    rows = dict(WorkspaceTask.objects.values_list("pk", "status"))
    assert {rows[first.pk], rows[earlier.pk]} == {"cancelled"}
    assert rows[later.pk] == "pending"
    workspace.refresh_from_db()
    assert not workspace.is_locked


def test_only_a_pending_task_has_something_to_push_aside(
    api: APIClient, base: str, workspace: Workspace
) -> None:
    task = a_running_task(workspace)

    answer = api.post(f"{base}/tasks/{task.pk}/cancel-previous")

    assert (answer.status_code, answer.json()["code"]) == (409, "conflict")


def test_cancelling_what_is_before_a_task_of_another_workspace_is_not_found(
    api: APIClient, base: str
) -> None:
    """F3: a child is looked up with its workspace."""
    task = TaskFactory.create(workspace=WorkspaceFactory.create())

    assert api.post(f"{base}/tasks/{task.pk}/cancel-previous").status_code == 404


@pytest.mark.parametrize(("level", "status"), [(Level.PLAN, 403), (Level.WRITE, 200)])
def test_force_takes_the_level_write(
    base: str,
    workspace: Workspace,
    client_of: Callable[[User], APIClient],
    level: Level,
    status: int,
) -> None:
    task = a_running_task(workspace)
    finish_plan(task, add=1, has_changes=True)
    start_apply(task, actor="ada")
    claimed(task)
    client = client_of(member_with(level, workspace=workspace))
    answer = client.post(f"{base}/tasks/{task.pk}/cancel", {"force": True}, format="json")
    assert answer.status_code == status
    task.refresh_from_db()
    assert (task.cancel_requested_at is not None) == (status == 200)
