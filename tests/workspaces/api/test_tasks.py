"""Tasks over the REST API; no worker runs, so a started task stays at its first stage."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from iacplatform.accounts.levels import Level
from iacplatform.accounts.models import User
from tests.factories import (
    ResourceChangeFactory,
    ResourceFactory,
    TaskFactory,
    VariableFactory,
    WorkspaceFactory,
    member_with,
)
from workspaces.api.filters import COUNTS_CAPPED_AT
from workspaces.models import (
    EngineVersion,
    TaskPlan,
    TaskSnapshot,
    TaskStage,
    Workspace,
    WorkspaceTask,
)
from workspaces.services.comments import MAX_COMMENTS
from workspaces.task_status import ExecutionMode, Phase, Stage, StageStatus, TaskStatus, TaskType


@pytest.fixture
def tasks(base: str) -> str:
    """The address of the workspace's tasks."""
    return f"{base}/tasks"


@pytest.mark.parametrize("address", ["tasks", "tasks/plan"])
def test_a_task_is_created_as_a_plan_unless_said_otherwise(
    api: APIClient, base: str, member: User, address: str
) -> None:
    answer = api.post(f"{base}/{address}", {"description": "See what happens"})
    assert answer.status_code == 201
    body = answer.json()
    assert (body["task_type"], body["status"]) == ("plan_only", "pending")
    assert (body["description"], body["created_by"]) == ("See what happens", member.username)
    assert body["engine"] == "terraform 1.9.5"


@pytest.mark.parametrize(
    ("given", "task_type"),
    [
        ({"run_type": "plan"}, "plan_only"),
        ({"task_type": "plan"}, "plan_only"),
        ({"run_type": "plan_and_apply"}, "plan_and_apply"),
        ({"task_type": "drift_check"}, "drift_check"),
    ],
)
def test_the_type_has_two_names(
    api: APIClient, tasks: str, given: dict[str, str], task_type: str
) -> None:
    assert api.post(tasks, given).json()["task_type"] == task_type


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"run_type": "apply"}, "run_type"),
        ({"task_type": "destroy"}, "task_type"),
        ({"targets": "aws_vpc.main"}, "targets"),
        ({"targets": ["aws_vpc.main", "-destroy"]}, "targets.1"),
        ({"targets": ["module"]}, "targets.0"),
        ({"description": []}, "description"),
    ],
)
def test_what_a_task_cannot_do_is_refused(
    api: APIClient, tasks: str, given: dict[str, Any], field: str
) -> None:
    answer = api.post(tasks, given)
    assert answer.status_code == 400
    assert list(answer.json()["fields"]) == [field]


def test_targets_are_addresses_of_resources_and_modules(api: APIClient, tasks: str) -> None:
    targets = ["null_resource.a", 'module.net["eu/1"].aws_vpc.main[0]', "module.net", "data.x.y"]
    assert api.post(tasks, {"targets": targets}).json()["targets"] == targets


def test_a_task_has_a_snapshot_however_it_is_created(
    api: APIClient, base: str, workspace: Workspace
) -> None:
    """F14: also a plan of some resources only could be applied, were it of that type."""
    resource = ResourceFactory.create(workspace=workspace)
    VariableFactory.create(workspace=workspace)
    created = [
        api.post(f"{base}/tasks", {"run_type": "plan_and_apply"}).json()["id"],
        api.post(f"{base}/resources/deploy", {"resource_ids": [resource.pk]}).json()["id"],
    ]
    for task_id in created:
        snapshot = TaskSnapshot.objects.get(task=task_id)
        assert list(snapshot.resource_versions or {}) == [resource.resource_id]
        assert len(snapshot.variables or []) == 1


def test_a_locked_workspace_answers_423_with_who_and_why(api: APIClient, base: str) -> None:
    api.post(f"{base}/lock", {"reason": "Moving house"})
    answer = api.post(f"{base}/tasks", {})
    assert answer.status_code == 423
    body = answer.json()
    assert (body["locked_by"], body["lock_reason"]) == ("ada", "Moving house")
    assert "Moving house" in body["error"]
    assert not WorkspaceTask.objects.exists()


def test_without_an_engine_nothing_is_created(
    api: APIClient, tasks: str, engine: EngineVersion
) -> None:
    engine.delete()
    answer = api.post(tasks, {})
    assert answer.status_code == 400
    assert list(answer.json()["fields"]) == ["engine_version"]


@pytest.mark.django_db(transaction=True)
def test_a_created_task_is_started_by_the_queue(api: APIClient, tasks: str) -> None:
    body = api.post(tasks, {"run_type": "plan_and_apply"}).json()
    assert (body["status"], body["stage"]) == ("running", "fetching")
    assert [(stage["name"], stage["status"]) for stage in body["stages"]] == [("fetching", "ready")]


@pytest.mark.django_db(transaction=True)
def test_changes_wait_for_each_other_and_plans_for_nobody(
    api: APIClient, base: str, workspace: Workspace
) -> None:
    """F12: of two plan-and-applies the second waits, while plans run beside the first; F43: checks wait too."""
    kinds = ["plan_and_apply", "plan_and_apply", "plan", "drift_check"]
    created = [api.post(f"{base}/tasks", {"run_type": kind}).json() for kind in kinds]
    assert [task["status"] for task in created] == ["running", "pending", "running", "pending"]


def test_a_list_has_pages_and_counts(api: APIClient, tasks: str, workspace: Workspace) -> None:
    for traits in ({}, {"running": True}, {"failed": True}, {"background": True}):
        TaskFactory.create(workspace=workspace, **traits)
    waiting = TaskFactory.create(
        workspace=workspace, waiting_for_approval=True, description="Big one"
    )
    TaskFactory.create(workspace=workspace, status=TaskStatus.APPLIED)
    TaskFactory.create()
    page = api.get(tasks, {"page_size": 2}).json()
    assert (page["total"], len(page["items"]), page["pages"]) == (5, 2, 3)
    counts = {
        "all": 5,
        "needs_attention": 1,
        "errored": 1,
        "success": 1,
        "cancelled": 0,
        "running": 1,
        "on_hold": 2,
    }
    assert page["filter_counts"] == counts
    assert page["total_is_exact"] is True
    for query, total in {
        "status=needs_attention": 1,
        "status=on_hold": 2,
        "status=success": 1,
        "status=failed": 1,
        "status=all": 5,
        "task_type=plan_and_apply": 1,
        "search=big": 1,
        f"search=%23{waiting.pk}": 1,
        "search=" + "9" * 30: 0,
        "show_background=true": 6,
        "show_background=false": 5,
    }.items():
        assert api.get(f"{tasks}?{query}").json()["total"] == total, query


def test_tasks_are_counted_no_further_than_it_matters(
    api: APIClient, tasks: str, base: str, workspace: Workspace
) -> None:
    WorkspaceTask.objects.bulk_create(
        WorkspaceTask(
            workspace=workspace,
            task_type=TaskType.PLAN_ONLY,
            execution_mode=ExecutionMode.LOCAL,
            status=TaskStatus.FAILED,
            is_background=background,
        )
        for background in (False, True)
        for _ in range(COUNTS_CAPPED_AT + 1)
    )
    page = api.get(tasks, {"page_size": 1}).json()
    assert page["total"] == COUNTS_CAPPED_AT + 1
    assert page["filter_counts_capped_at"] == COUNTS_CAPPED_AT
    assert page["filter_counts"]["errored"] == COUNTS_CAPPED_AT
    overview = api.get(f"{base}/overview").json()
    assert overview["task_counts_capped_at"] == COUNTS_CAPPED_AT
    assert overview["task_counts"] == {"failed": COUNTS_CAPPED_AT}


def test_counts_follow_every_filter_but_the_status(
    api: APIClient, tasks: str, workspace: Workspace
) -> None:
    TaskFactory.create(workspace=workspace, failed=True, description="eu")
    TaskFactory.create(workspace=workspace, failed=True, description="us")
    body = api.get(f"{tasks}?search=eu&status=running").json()
    assert (body["total"], body["filter_counts"]["errored"]) == (0, 1)


def test_tasks_are_found_by_the_time_of_their_creation(
    api: APIClient, tasks: str, workspace: Workspace
) -> None:
    old = TaskFactory.create(workspace=workspace)
    WorkspaceTask.objects.filter(pk=old.pk).update(created_at=timezone.now() - timedelta(days=3))
    TaskFactory.create(workspace=workspace)
    yesterday = (timezone.now() - timedelta(days=1)).isoformat()
    assert api.get(tasks, {"start_date": yesterday}).json()["total"] == 1
    assert [item["id"] for item in api.get(tasks, {"end_date": yesterday}).json()["items"]] == [
        old.pk
    ]


@pytest.mark.parametrize(
    "query", ["status=lost", "task_type=apply", "start_date=yesterday", "show_background=perhaps"]
)
def test_a_filter_that_makes_no_sense_is_refused(api: APIClient, tasks: str, query: str) -> None:
    answer = api.get(f"{tasks}?{query}")
    assert answer.status_code == 400
    assert list(answer.json()["fields"]) == [query.partition("=")[0]]


def test_a_background_task_is_found_by_its_number(
    api: APIClient, tasks: str, workspace: Workspace
) -> None:
    task = TaskFactory.create(workspace=workspace, background=True)
    assert api.get(f"{tasks}/{task.pk}").json()["is_background"] is True


def test_a_task_is_shown_with_its_timeline_and_never_with_its_plan(
    api: APIClient, tasks: str, workspace: Workspace
) -> None:
    task = TaskFactory.create(workspace=workspace, running=True)
    TaskPlan.objects.create(task=task, plan_file=b"PLANFILE", plan_json=b'{"PLANJSON": 1}')
    now = timezone.now()
    for position, (name, status, skipped) in enumerate(
        [(Stage.FETCHING, StageStatus.DONE, False), (Stage.INIT, StageStatus.DONE, True)]
    ):
        TaskStage.objects.create(
            task=task,
            position=position,
            phase=Phase.PLAN,
            name=name,
            mode="local",
            status=status,
            owner="host-a",
            attempts=1,
            skipped=skipped,
            started_at=now - timedelta(seconds=2),
            finished_at=now,
        )
    answer = api.get(f"{tasks}/{task.pk}")
    first, second = answer.json()["stages"]
    assert first["name"] == "fetching"
    assert (first["duration_ms"], first["worker"], first["attempts"]) == (2000, "host-a", 1)
    assert second["skipped"] is True
    assert b"PLANFILE" not in answer.content
    assert b"PLANJSON" not in answer.content


def test_a_task_of_another_workspace_is_not_found(
    api: APIClient, tasks: str, workspace: Workspace
) -> None:
    """F3: a task is looked up in its workspace, although the caller sees both."""
    foreign = TaskFactory.create()
    for method, rest in [
        ("get", ""),
        ("get", "/transitions"),
        ("get", "/comments"),
        ("post", "/comments"),
        ("get", "/resource-changes"),
        ("post", "/confirm-apply"),
    ]:
        answer = getattr(api, method)(f"{tasks}/{foreign.pk}{rest}")
        assert answer.status_code == 404, rest


def test_transitions_are_listed_oldest_first(
    api: APIClient, tasks: str, workspace: Workspace
) -> None:
    task_id = api.post(tasks, {}).json()["id"]
    items = api.get(f"{tasks}/{task_id}/transitions").json()["items"]
    assert [(item["from_status"], item["to_status"]) for item in items] == [("", "pending")]
    assert items[0]["actor"] == "ada"


def test_comments_are_added_until_there_are_too_many(
    api: APIClient, tasks: str, workspace: Workspace
) -> None:
    url = f"{tasks}/{TaskFactory.create(workspace=workspace).pk}/comments"
    for number in range(MAX_COMMENTS):
        assert api.post(url, {"comment": f"Comment {number}"}).status_code == 201
    refused = api.post(url, {"comment": "One more"})
    assert refused.status_code == 400
    assert list(refused.json()["fields"]) == ["comment"]
    first = api.get(url).json()["items"][0]
    assert (first["comment"], first["username"]) == ("Comment 0", "ada")
    assert first["action_type"] == "comment"


@pytest.mark.parametrize("comment", ["", "   ", None, "\0"])
def test_an_empty_comment_is_refused(
    api: APIClient, tasks: str, workspace: Workspace, comment: str | None
) -> None:
    url = f"{tasks}/{TaskFactory.create(workspace=workspace).pk}/comments"
    answer = api.post(url, {"comment": comment})
    assert answer.status_code == 400
    assert list(answer.json()["fields"]) == ["comment"]


def test_resource_changes_come_in_pages_with_the_whole_plans_summary(
    api: APIClient, tasks: str, workspace: Workspace
) -> None:
    task = TaskFactory.create(workspace=workspace, changes_add=3, changes_destroy=1)
    changes = ResourceChangeFactory.create_batch(3, task=task)
    ResourceChangeFactory.create(task=task, action="delete", apply_status="completed")
    output = {
        "name": "url",
        "action": "create",
        "before": None,
        "after": "http://a",
        "sensitive": False,
    }
    TaskPlan.objects.create(task=task, plan_file=b"", output_changes=[output])
    url = f"{tasks}/{task.pk}/resource-changes"
    page = api.get(url, {"page_size": 2}).json()
    assert page["summary"] == {"add": 3, "change": 0, "destroy": 1}
    assert (page["total"], len(page["items"])) == (4, 2)
    assert page["items"][0]["resource_address"] == changes[0].resource_address
    assert page["output_changes"] == [output]
    assert api.get(url, {"action": "delete"}).json()["total"] == 1
    assert api.get(url, {"apply_status": "pending"}).json()["total"] == 3
    assert api.get(url, {"search": changes[1].resource_address}).json()["total"] == 1


def test_a_task_without_a_plan_has_no_changes(
    api: APIClient, tasks: str, workspace: Workspace
) -> None:
    task = TaskFactory.create(workspace=workspace, failed=True)
    body = api.get(f"{tasks}/{task.pk}/resource-changes").json()
    assert (body["items"], body["output_changes"]) == ([], [])


def test_the_tasks_of_other_workspaces_are_in_no_list(
    api: APIClient, tasks: str, workspace: Workspace
) -> None:
    TaskFactory.create(workspace=WorkspaceFactory.create())
    body = api.get(tasks).json()
    assert (body["total"], body["filter_counts"]["all"]) == (0, 0)


@pytest.mark.parametrize(
    ("level", "auto_apply", "task_type", "status"),
    [
        (Level.PLAN, True, "plan_only", 201),
        (Level.PLAN, False, "plan_and_apply", 201),
        (Level.PLAN, True, "plan_and_apply", 403),
        (Level.WRITE, True, "plan_and_apply", 201),
    ],
)
def test_who_may_only_plan_starts_nothing_that_nobody_approves(
    workspace: Workspace,
    base: str,
    client_of: Callable[[User], APIClient],
    level: Level,
    auto_apply: bool,
    task_type: str,
    status: int,
) -> None:
    Workspace.objects.update(auto_apply=auto_apply)
    client = client_of(member_with(level, workspace=workspace))
    answer = client.post(f"{base}/tasks", {"task_type": task_type})
    assert answer.status_code == status
    assert workspace.tasks.count() == int(status == 201)
