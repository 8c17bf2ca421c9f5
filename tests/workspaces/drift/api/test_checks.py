"""Checks over REST: start, cancel, status, resources, history."""

from collections.abc import Callable
from typing import Any

import pytest
from rest_framework.test import APIClient

from iacplatform.accounts.models import User
from tests.factories import (
    OrganizationFactory,
    ResourceFactory,
    StateVersionFactory,
    UserFactory,
    WorkspaceFactory,
)
from tests.workspaces.drift.checks import a_finished_check, a_running_check, drifted
from workspaces.drift.models import DriftCheck, DriftStatus
from workspaces.models import Workspace, WorkspaceTask
from workspaces.services.locks import lock_workspace

pytestmark = pytest.mark.django_db
MASKED = "***SENSITIVE***"


@pytest.fixture(autouse=True)
def _deployed(workspace: Workspace) -> None:
    StateVersionFactory.create(workspace=workspace)


def test_a_check_is_started(api: APIClient, base: str, member: User) -> None:
    answer = api.post(f"{base}/drift-check")

    assert answer.status_code == 202
    task = WorkspaceTask.objects.get(pk=answer.data["task_id"])
    assert (task.task_type, task.created_by) == ("drift_check", member)
    assert answer.data["check_id"] == task.drift_check.check_id


def test_while_one_runs_there_is_no_second(api: APIClient, base: str, workspace: Workspace) -> None:
    task = a_running_check(workspace)

    answer = api.post(f"{base}/drift-check")

    assert (answer.status_code, answer.data["code"]) == (409, "check_running")
    assert answer.data["task_id"] == task.pk


def test_a_locked_workspace_is_not_checked(
    api: APIClient, base: str, workspace: Workspace, member: User
) -> None:
    lock_workspace(workspace, user=member, reason="freeze")

    assert api.post(f"{base}/drift-check").status_code == 423


def test_a_check_is_cancelled(api: APIClient, base: str, workspace: Workspace) -> None:
    task = a_running_check(workspace)

    answer = api.delete(f"{base}/drift-check")

    assert (answer.status_code, answer.data["tasks_updated"]) == (200, 1)
    task.refresh_from_db()
    assert task.status == "cancelled"
    assert api.delete(f"{base}/drift-check").data["tasks_updated"] == 0


def test_a_workspace_that_was_never_checked_has_a_status(api: APIClient, base: str) -> None:
    answer = api.get(f"{base}/drift-status")

    assert answer.status_code == 200
    assert (answer.data["has_drift"], answer.data["check_status"]) == (False, "")
    assert answer.data["last_check_at"] is None
    assert not DriftStatus.objects.exists()


def test_the_status_says_what_is_known(api: APIClient, base: str, workspace: Workspace) -> None:
    check = a_finished_check(workspace, drifted(action="delete"))

    shown = api.get(f"{base}/drift-status").data

    assert (shown["has_drift"], shown["drift_count"]) == (True, 1)
    assert (shown["severity"], shown["check_status"]) == ("destroyed", "success")
    assert (shown["check_id"], shown["current_task_id"]) == (check.check_id, check.task_id)
    assert shown["not_checked_because"] in {"outside_window", "has_drift"}


def test_resources_are_shown_with_what_drifted_below_them(
    api: APIClient, base: str, workspace: Workspace
) -> None:
    """F43; unmatched addresses are in ``others``."""
    ResourceFactory.create(workspace=workspace, resource_type="aws_vpc", resource_name="main")
    synced = ResourceFactory.create(workspace=workspace, resource_name="old")
    type(synced).objects.filter(pk=synced.pk).update(last_applied_at="2030-01-01T00:00Z")
    ResourceFactory.create(workspace=workspace, resource_name="zero")
    a_finished_check(
        workspace,
        drifted("aws_vpc.main", size=(1, 2), key=(MASKED, MASKED)),
        drifted("module.stranger.aws_vpc.other"),
    )

    shown = api.get(f"{base}/resources-drift").data

    assert [(each["resource_id"], each["drift_status"]) for each in shown["items"]] == [
        ("aws_vpc.main", "drifted"),
        ("null_resource.old", "synced"),
        ("null_resource.zero", "unapplied"),
    ]
    (child,) = shown["items"][0]["drifted_children"]
    assert child["address"] == "aws_vpc.main"
    assert child["changes"] == {
        "size": {"before": 1, "after": 2},
        "key": {"before": MASKED, "after": MASKED},
    }
    assert [each["address"] for each in shown["others"]] == ["module.stranger"]


@pytest.mark.parametrize("status", ["drifted", "synced", "unapplied"])
def test_resources_can_be_narrowed(
    api: APIClient, base: str, workspace: Workspace, status: str
) -> None:
    ResourceFactory.create(workspace=workspace, resource_type="aws_vpc", resource_name="main")
    applied = ResourceFactory.create(workspace=workspace, resource_name="old")
    type(applied).objects.filter(pk=applied.pk).update(last_applied_at="2030-01-01T00:00Z")
    ResourceFactory.create(workspace=workspace, resource_name="new")
    a_finished_check(workspace, drifted("aws_vpc.main"))

    items = api.get(f"{base}/resources-drift", {"status": status}).data["items"]

    assert [each["drift_status"] for each in items] == [status]
    refused = api.get(f"{base}/resources-drift", {"status": "lost"})
    assert (refused.status_code, list(refused.data["fields"])) == (400, ["status"])


def test_the_history_lists_checks_and_one_tells_all(
    api: APIClient, base: str, workspace: Workspace
) -> None:
    first = a_finished_check(workspace)
    second = a_finished_check(workspace, drifted())

    shown = api.get(f"{base}/drift-checks").data
    assert [each["check_id"] for each in shown["items"]] == [second.check_id, first.check_id]
    assert "resources" not in shown["items"][0]
    narrowed = api.get(f"{base}/drift-checks", {"has_drift": "true"}).data["items"]
    assert [each["check_id"] for each in narrowed] == [second.check_id]

    detail = api.get(f"{base}/drift-checks/{second.check_id}").data
    assert detail["resources"][0]["drifted_children"][0]["address"] == "aws_eip.one"
    assert detail["state_version"] == 1
    assert api.get(f"{base}/drift-checks/{first.check_id}").data["resources"] == []


def test_a_check_is_found_in_its_own_workspace_only(api: APIClient, workspace: Workspace) -> None:
    check = a_finished_check(workspace)
    other = WorkspaceFactory.create(name="other")

    answer = api.get(f"/api/v1/workspaces/{other.workspace_id}/drift-checks/{check.check_id}")

    assert answer.status_code == 404


def test_the_platforms_list_has_the_workspaces_with_drift(
    api: APIClient, workspace: Workspace
) -> None:
    clean = WorkspaceFactory.create(name="clean")
    a_finished_check(workspace, drifted(action="delete"))
    a_finished_check(clean)

    shown = api.get("/api/v1/drift").data
    assert [each["workspace_name"] for each in shown["items"]] == ["shop"]
    assert shown["items"][0]["severity"] == "destroyed"
    without = api.get("/api/v1/drift", {"has_drift": "false"}).data["items"]
    assert [each["workspace_name"] for each in without] == ["clean"]
    assert api.get("/api/v1/drift", {"severity": "changed"}).data["total"] == 0
    assert api.get("/api/v1/drift", {"severity": "huge"}).status_code == 400


def test_the_platforms_list_takes_the_same_queries_for_many(
    api: APIClient, workspace: Workspace, django_assert_max_num_queries: Any
) -> None:
    for number in range(15):
        a_finished_check(WorkspaceFactory.create(name=f"w{number}"), drifted())
        ResourceFactory.create(workspace=workspace)

    with django_assert_max_num_queries(7):
        assert api.get("/api/v1/drift").data["total"] == 15
    with django_assert_max_num_queries(10):
        assert api.get(f"/api/v1/workspaces/{workspace.pk}/resources-drift").data["total"] == 15


def test_strangers_see_nothing(
    client_of: Callable[[User], APIClient], base: str, workspace: Workspace
) -> None:
    a_finished_check(workspace, drifted())
    stranger = client_of(UserFactory.create(organizations=[OrganizationFactory.create(name="x")]))

    paths = ["drift-config", "drift-status", "drift-checks", "resources-drift"]
    answers = [stranger.get(f"{base}/{path}").status_code for path in paths]
    answers += [stranger.post(f"{base}/drift-check").status_code]
    answers += [stranger.delete(f"{base}/drift-check").status_code]

    assert set(answers) == {404}
    assert stranger.get("/api/v1/drift").data["total"] == 0
    assert APIClient().get("/api/v1/drift").status_code == 401


def test_a_check_made_like_any_task_has_its_result_too(
    api: APIClient, base: str, workspace: Workspace
) -> None:
    answer = api.post(f"{base}/tasks", {"run_type": "drift_check"}, format="json")

    task = WorkspaceTask.objects.get(pk=answer.data["id"])
    assert DriftCheck.objects.get(task=task).status == "pending"
