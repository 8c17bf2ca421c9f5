"""Saving a state again over the REST API."""

import pytest
from rest_framework.test import APIClient

from tests.factories import WorkspaceFactory
from tests.interruptions import a_state, an_unsaved_task
from workspaces.models import WorkspaceTask
from workspaces.services.state import save_state_version

pytestmark = pytest.mark.django_db
BEFORE = a_state(1, "a")
AFTER = a_state(3, "a", "b")


def address(task: WorkspaceTask) -> str:
    """Where a task's state is saved again."""
    place = f"/api/v1/workspaces/{task.workspace.workspace_id}/tasks/{task.pk}"
    return f"{place}/retry-state-save"


def test_a_state_is_saved_again_and_the_task_is_applied(api: APIClient) -> None:
    """F9: retry-state-save repairs the task."""
    task = an_unsaved_task(AFTER, before=BEFORE)

    answer = api.post(address(task))

    assert answer.status_code == 200, answer.content
    body = answer.json()
    assert (body["task"]["id"], body["task"]["status"]) == (task.pk, "applied")
    assert body["task"]["error_message"] == ""
    assert (body["state_version"]["version"], body["state_version"]["serial"]) == (2, 3)
    assert body["state_version"]["created_by"] == "ada"
    assert "delete it" in body["note"]
    assert "content" not in body["state_version"]


def test_a_second_time_is_a_conflict(api: APIClient) -> None:
    task = an_unsaved_task(AFTER)
    api.post(address(task))

    answer = api.post(address(task))

    assert (answer.status_code, answer.json()["code"]) == (409, "conflict")
    assert "saved already, as version 1" in answer.json()["error"]


def test_a_workspace_that_has_gone_on_is_a_conflict(api: APIClient) -> None:
    task = an_unsaved_task(AFTER, before=BEFORE)
    save_state_version(task.workspace_id, a_state(7, "z"))

    answer = api.post(address(task))

    assert answer.status_code == 409
    assert "serial 7" in answer.json()["error"]
    assert "serial 3" in answer.json()["error"]


def test_a_task_of_another_workspace_is_not_found(api: APIClient) -> None:
    """F3: a child is looked up with its workspace."""
    task = an_unsaved_task(AFTER)
    other = WorkspaceFactory.create().workspace_id

    answer = api.post(f"/api/v1/workspaces/{other}/tasks/{task.pk}/retry-state-save")

    assert answer.status_code == 404
    task.refresh_from_db()
    assert task.status == "failed"


def test_no_path_of_a_message_is_read(api: APIClient) -> None:
    """F9: the source is what the platform holds, whatever the error says."""
    task = an_unsaved_task(AFTER)
    message = "state save failed, workspace locked, backup at: /etc/passwd"
    WorkspaceTask.objects.filter(pk=task.pk).update(error_message=message)

    assert api.post(address(task)).json()["task"]["status"] == "applied"
    assert task.state_versions.get().content == AFTER
