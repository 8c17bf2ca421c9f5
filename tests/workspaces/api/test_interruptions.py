"""Interrupted applies over the REST API."""

from typing import Any

import pytest
from rest_framework.test import APIClient

from tests.domain import a_running_task
from tests.factories import WorkspaceFactory
from tests.interruptions import a_state, an_applying_task, an_interrupted_task, lose_worker
from workspaces.models import WorkspaceTask
from workspaces.services.interruptions import WAIT

pytestmark = pytest.mark.django_db
BEFORE = a_state(1, "a", "old", url="one")
AFTER = a_state(4, "a", "new", url="two")


def address(task: WorkspaceTask, name: str = "") -> str:
    """The address of a task, or of what belongs to it."""
    return f"/api/v1/workspaces/{task.workspace.workspace_id}/tasks/{task.pk}/{name}".rstrip("/")


def ok(answer: Any) -> Any:
    """The body of an answer that must be good."""
    assert answer.status_code == 200, answer.content
    return answer.json()


def test_an_interruption_is_shown_with_its_difference(api: APIClient) -> None:
    task = an_interrupted_task(before=BEFORE, after=AFTER)

    known = ok(api.get(address(task, "interruption")))

    assert (known["task_id"], known["source"], known["host"]) == (task.pk, "checkpoint", "host-a")
    assert (known["state_before"]["version"], known["state_after"]["version"]) == (1, 2)
    assert known["state_after"]["recovered_from"] == "checkpoint"
    assert "content" not in known["state_after"]
    difference = known["difference"]
    assert (difference["before"]["serial"], difference["after"]["serial"]) == (1, 4)
    assert (difference["added"], difference["removed"]) == (
        ["null_resource.new"],
        ["null_resource.old"],
    )
    assert difference["changed"][0]["address"] == "null_resource.a"
    assert difference["outputs"] == [
        {"name": "url", "before": "one", "after": "two", "sensitive": False}
    ]
    assert difference["counts"]["changed"] == 1
    assert known["unfinished"] == []
    assert (known["keeps_locked"], known["is_unsaved"]) == (True, False)
    assert (known["resolved_at"], known["resolved_by"]) == (None, "")
    assert known["what_to_do"]


def test_while_the_state_is_looked_for_the_answer_says_so(api: APIClient) -> None:
    task, _ = an_applying_task()
    lose_worker(task)

    known = ok(api.get(address(task, "interruption")))

    assert (known["source"], known["difference"], known["what_to_do"]) == ("", None, WAIT)
    answer = api.post(address(task, "resolve-interruption"), {"comment": "looked"})
    assert (answer.status_code, answer.json()["code"]) == (409, "conflict")


def test_the_task_and_its_workspace_say_that_a_person_is_needed(api: APIClient) -> None:
    task = an_interrupted_task(before=BEFORE, after=AFTER)

    shown = ok(api.get(address(task)))
    workspace = ok(api.get(f"/api/v1/workspaces/{task.workspace.workspace_id}"))

    assert shown["interruption_source"] == "checkpoint"
    assert [
        (stage["name"], stage["status"], stage["worker"], stage["attempts"])
        for stage in shown["stages"][-3:]
    ] == [
        ("applying", "lost", "host-a", 1),
        ("rescue", "done", "host-a", 1),
        ("saving_state", "done", "host-a", 1),
    ]
    assert (workspace["is_locked"], workspace["lock_kept"]) == (True, True)
    assert workspace["lock_task_id"] == task.pk
    overview = ok(api.get(f"/api/v1/workspaces/{task.workspace.workspace_id}/overview"))
    assert overview["lock_kept"] is True


def test_one_call_resolves_it_and_a_second_is_a_conflict(api: APIClient) -> None:
    task = an_interrupted_task(before=BEFORE, after=AFTER)

    known = ok(api.post(address(task, "resolve-interruption"), {"comment": "nothing is missing"}))
    again = api.post(address(task, "resolve-interruption"), {"comment": "me too"})

    assert (known["resolved_by"], known["keeps_locked"]) == ("ada", False)
    assert known["difference"]["added"] == ["null_resource.new"]
    assert (again.status_code, again.json()["code"]) == (409, "conflict")
    assert "was resolved by ada" in again.json()["error"]
    workspace = ok(api.get(f"/api/v1/workspaces/{task.workspace.workspace_id}"))
    assert (workspace["is_locked"], workspace["lock_kept"]) == (False, False)
    comments = ok(api.get(address(task, "comments")))["items"]
    assert [(each["action_type"], each["comment"]) for each in comments] == [
        ("resolve_interruption", "nothing is missing")
    ]


def test_unlocking_without_force_leads_to_the_resolution(api: APIClient) -> None:
    task = an_interrupted_task(after=AFTER)
    unlock = f"/api/v1/workspaces/{task.workspace.workspace_id}/unlock"

    answer = api.post(unlock)

    assert (answer.status_code, answer.json()["code"]) == (409, "not_lock_owner")
    assert f"task #{task.pk}" in answer.json()["error"]
    assert ok(api.post(unlock, {"force": True}))["lock_kept"] is False


@pytest.mark.parametrize("body", [{}, {"comment": ""}, {"comment": "  "}, {"comment": ["x"]}])
def test_a_missing_comment_is_named(api: APIClient, body: dict[str, object]) -> None:
    task = an_interrupted_task(after=AFTER)

    answer = api.post(address(task, "resolve-interruption"), body)

    assert (answer.status_code, set(answer.json()["fields"])) == (400, {"comment"})


@pytest.mark.parametrize(
    ("method", "name"), [("get", "interruption"), ("post", "resolve-interruption")]
)
def test_an_apply_that_was_not_interrupted_is_not_found(
    api: APIClient, method: str, name: str
) -> None:
    task = a_running_task()

    answer = getattr(api, method)(address(task, name), {"comment": "looked"})

    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert ok(api.get(address(task)))["interruption_source"] is None


@pytest.mark.parametrize(
    ("method", "name"), [("get", "interruption"), ("post", "resolve-interruption")]
)
def test_a_task_of_another_workspace_is_not_found(api: APIClient, method: str, name: str) -> None:
    """F3: a child is looked up with its workspace."""
    task = an_interrupted_task(after=AFTER)
    other = WorkspaceFactory.create().workspace_id
    place = f"/api/v1/workspaces/{other}/tasks/{task.pk}/{name}"

    assert getattr(api, method)(place, {"comment": "looked"}).status_code == 404
    task.workspace.refresh_from_db()
    assert task.workspace.lock_kept
