"""Approving a planned change over the REST API."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection
from rest_framework.test import APIClient

from iacplatform.accounts.models import User
from tests.factories import RemoteDataFactory, TaskFactory, api_token, approvable_task
from workspaces.models import Workspace
from workspaces.task_status import TaskStatus, TaskType


@pytest.fixture
def tasks(base: str) -> str:
    """The address of the workspace's tasks."""
    return f"{base}/tasks"


def test_a_planned_change_is_approved_with_a_word(
    api: APIClient, tasks: str, workspace: Workspace
) -> None:
    task = approvable_task(workspace)
    answer = api.post(f"{tasks}/{task.pk}/confirm-apply", {"apply_description": "Go"})
    assert answer.status_code == 200
    body = answer.json()
    assert (body["status"], body["stage"]) == ("running", "fetching")
    assert (body["apply_confirmed_by"], body["apply_description"]) == ("ada", "Go")
    comment = api.get(f"{tasks}/{task.pk}/comments").json()["items"][0]
    assert (comment["action_type"], comment["comment"]) == ("confirm_apply", "Go")


@pytest.mark.parametrize(
    "status",
    [
        TaskStatus.PENDING,
        TaskStatus.RUNNING,
        TaskStatus.PLANNED_AND_FINISHED,
        TaskStatus.APPLIED,
        TaskStatus.FAILED,
    ],
)
def test_only_what_waits_for_approval_is_approved(
    api: APIClient, tasks: str, workspace: Workspace, status: TaskStatus
) -> None:
    """F2: a task that planned no change has ended and cannot be applied."""
    task = TaskFactory.create(workspace=workspace, task_type=TaskType.PLAN_AND_APPLY, status=status)
    answer = api.post(f"{tasks}/{task.pk}/confirm-apply")
    assert answer.status_code == 409
    task.refresh_from_db()
    assert task.status == status


@pytest.mark.parametrize(
    "part", ["resource_versions", "variables", "provider_config", "outputs", "remote_data"]
)
def test_an_incomplete_snapshot_is_not_applied(
    api: APIClient, tasks: str, workspace: Workspace, part: str
) -> None:
    task = approvable_task(workspace, **{part: None})
    answer = api.post(f"{tasks}/{task.pk}/confirm-apply")
    assert answer.status_code == 409
    assert answer.json()["code"] == "snapshot_invalid"


def test_an_apply_is_refused_once_a_source_shares_no_more(
    api: APIClient, tasks: str, workspace: Workspace
) -> None:
    """What was read for the plan is not used without leave; sharing again lets it through."""
    remote = RemoteDataFactory.create(workspace=workspace)
    fields = ("remote_data_id", "source_workspace_id", "data_name")
    task = approvable_task(
        workspace, remote_data=[{name: getattr(remote, name) for name in fields}]
    )
    source = Workspace.objects.filter(pk=remote.source_workspace_id)
    source.update(outputs_sharing="none")
    answer = api.post(f"{tasks}/{task.pk}/confirm-apply")
    assert (answer.status_code, answer.json()["code"]) == (409, "snapshot_invalid")
    assert remote.data_name in answer.json()["error"]
    task.refresh_from_db()
    assert task.status == TaskStatus.APPLY_PENDING
    source.update(outputs_sharing="all")
    assert api.post(f"{tasks}/{task.pk}/confirm-apply").status_code == 200


def test_a_snapshot_whose_versions_are_gone_is_not_applied(
    api: APIClient, tasks: str, workspace: Workspace
) -> None:
    gone = [{"variable_id": "var-gone", "version": 1, "variable_type": "terraform"}]
    task = approvable_task(workspace, variables=gone)
    answer = api.post(f"{tasks}/{task.pk}/confirm-apply")
    assert answer.json()["code"] == "snapshot_invalid"


@pytest.mark.django_db(transaction=True)
def test_of_two_people_who_approve_at_once_one_does(
    tasks: str, workspace: Workspace, member: User
) -> None:
    """M7: one apply; everybody else is told that it is under way."""
    task, token = approvable_task(workspace), api_token(member)

    def confirm(_: int) -> int:
        client = APIClient()
        client.credentials(HTTP_AUTHORIZATION=f"Bearer {token}")
        try:
            return int(client.post(f"{tasks}/{task.pk}/confirm-apply").status_code)
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        answers = sorted(pool.map(confirm, range(4)))
    assert answers == [200, 409, 409, 409]
    assert task.stages.count() == 1
    assert task.comments.count() == 1
