"""What a task triggers, over the REST API."""

from typing import Any

import pytest
from pytest_django import DjangoAssertNumQueries
from rest_framework.test import APIClient

from iacplatform.accounts.models import User
from tests.domain import a_task
from tests.factories import WorkspaceFactory
from tests.triggers.factories import applied_task, be_applied, link
from triggers.models import TaskTriggerExecution
from triggers.services.firing import fire_due
from workspaces.models import Workspace, WorkspaceTask
from workspaces.services.locks import lock_workspace
from workspaces.task_status import TaskStatus
from workspaces.transitions import transition

pytestmark = pytest.mark.django_db


@pytest.fixture
def target(workspace: Workspace) -> Workspace:
    made: Workspace = WorkspaceFactory.create(name="report")
    link(workspace, made)
    return made


def address(task: WorkspaceTask, execution: TaskTriggerExecution | None = None) -> str:
    base = f"/api/v1/workspaces/{task.workspace.workspace_id}/tasks/{task.pk}/trigger-executions"
    return f"{base}/{execution.execution_id}" if execution else base


def only(answer: Any) -> dict[str, Any]:
    (row,) = answer.json()["items"]
    return dict(row)


def test_what_a_task_will_trigger_and_has_triggered_is_shown(
    api: APIClient, workspace: Workspace, target: Workspace
) -> None:
    task = a_task(workspace)
    before = only(api.get(address(task)))
    be_applied(task)
    fire_due()
    after = only(api.get(address(task)))

    assert before["execution_id"].startswith("tte-")
    assert (before["status"], before["target_workspace_name"]) == ("pending", "report")
    assert (before["due_at"], before["target_task_id"]) == (None, None)
    assert after["execution_id"] == before["execution_id"]
    assert (after["status"], after["target_task_id"]) == ("triggered", target.tasks.get().pk)
    assert after["target_workspace_id"] == target.workspace_id
    assert after["source_task_id"] == task.pk
    execution = TaskTriggerExecution.objects.get()
    assert api.get(address(task, execution)).json() == after


def test_why_something_still_waits_is_shown(
    api: APIClient, workspace: Workspace, target: Workspace, member: User
) -> None:
    """F5: kept visibly."""
    lock_workspace(target, user=member, reason="Moving house")
    task = applied_task(workspace)
    fire_due()

    shown = only(api.get(address(task)))
    assert shown["status"] == "pending"
    assert shown["due_at"] is not None
    assert shown["message"] == "Waits: The workspace is locked by ada: Moving house"


def test_a_trigger_is_switched_off_for_one_task(
    api: APIClient, workspace: Workspace, target: Workspace
) -> None:
    """F41: before the apply, and only for this task."""
    task, other = a_task(workspace), a_task(workspace)
    at = address(task, task.trigger_executions.get())

    shown = api.put(at, {"temporarily_disabled": True}).json()
    assert (shown["temporarily_disabled"], shown["disabled_by"]) == (True, "ada")
    assert shown["disabled_at"] is not None
    shown = api.put(at, {"temporarily_disabled": False}).json()
    assert (shown["temporarily_disabled"], shown["disabled_by"]) == (False, "")
    api.put(at, {"temporarily_disabled": True})
    be_applied(task)
    be_applied(other)
    fire_due()

    assert only(api.get(address(task)))["status"] == "skipped"
    assert target.tasks.get().triggered_by.get().source_task == other


def test_a_trigger_is_not_switched_after_its_execution(
    api: APIClient, workspace: Workspace, target: Workspace
) -> None:
    """F41: toggle after execution → 409."""
    task = applied_task(workspace)
    fire_due()
    at = address(task, task.trigger_executions.get())

    for disabled in (True, False):
        answer = api.put(at, {"temporarily_disabled": disabled})
        assert (answer.status_code, answer.json()["code"]) == (409, "conflict")


def test_the_execution_of_another_task_is_not_found(
    api: APIClient, workspace: Workspace, target: Workspace
) -> None:
    """F41, F3: toggle of another task's execution → 404."""
    task, other = a_task(workspace), a_task(workspace)
    at = address(task, other.trigger_executions.get())

    answers = [api.get(at), api.put(at, {"temporarily_disabled": True})]

    assert {answer.status_code for answer in answers} == {404}
    assert not other.trigger_executions.get().temporarily_disabled


@pytest.mark.parametrize("body", [{}, {"temporarily_disabled": "perhaps"}])
def test_bad_input_names_the_field(
    api: APIClient, workspace: Workspace, target: Workspace, body: dict[str, Any]
) -> None:
    task = a_task(workspace)
    answer = api.put(address(task, task.trigger_executions.get()), body)

    assert (answer.status_code, list(answer.json()["fields"])) == (400, ["temporarily_disabled"])


def test_triggers_that_are_younger_than_the_task_are_shown_without_an_id(
    api: APIClient, workspace: Workspace
) -> None:
    """Reference §2.3: prepared rows; if none, virtual rows from enabled triggers."""
    task = a_task(workspace)
    link(workspace, WorkspaceFactory.create(name="report"))
    link(workspace, WorkspaceFactory.create(name="office"), enabled=False)

    shown = only(api.get(address(task)))
    assert (shown["execution_id"], shown["target_workspace_name"]) == (None, "report")
    assert not TaskTriggerExecution.objects.exists()
    assert api.get(address(task), {"status": "pending"}).json()["total"] == 1
    assert api.get(address(task), {"status": "skipped"}).json()["total"] == 0
    assert api.get(address(task), {"status": "later"}).status_code == 400

    transition(task, TaskStatus.RUNNING)
    transition(task, TaskStatus.FAILED)
    assert api.get(address(task)).json()["items"] == []


def test_executions_are_filtered_by_status(
    api: APIClient, workspace: Workspace, target: Workspace
) -> None:
    task = a_task(workspace)

    assert api.get(address(task), {"status": "skipped"}).json()["total"] == 0
    assert api.get(address(task), {"status": "pending"}).json()["total"] == 1
    assert api.get(address(task), {"status": "later"}).status_code == 400


def test_the_list_takes_a_fixed_number_of_queries(
    api: APIClient,
    workspace: Workspace,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    for _ in range(10):
        link(workspace, WorkspaceFactory.create())
    task = a_task(workspace)

    with django_assert_max_num_queries(11):
        assert api.get(address(task)).json()["total"] == 10
