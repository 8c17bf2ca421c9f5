"""State versions and outputs over the REST API."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from tests.factories import (
    StateVersionFactory,
    TaskFactory,
    UserFactory,
    VariableFactory,
    WorkspaceFactory,
    state_content,
)
from workspaces.models import OutputsSharing, RemoteDataToken, Workspace, WorkspaceTask
from workspaces.services.remote_data import issue_token
from workspaces.task_status import TaskStatus


@pytest.fixture
def states(base: str) -> str:
    """The address of the workspace's states."""
    return f"{base}/state-versions"


def test_states_are_listed_newest_first_without_their_content(
    api: APIClient, states: str, workspace: Workspace
) -> None:
    for _ in range(2):
        StateVersionFactory.create(workspace=workspace, content=state_content(secret="hunter2"))
    answer = api.get(states)
    assert [item["version"] for item in answer.json()["items"]] == [2, 1]
    assert b"hunter2" not in answer.content
    assert api.get(f"{states}/1").json() == answer.json()["items"][1]
    assert api.get(f"{states}/current").json()["version"] == 2
    assert api.get(f"{states}/3").status_code == 404


def test_a_state_is_downloaded_as_it_was_written(
    api: APIClient, states: str, workspace: Workspace
) -> None:
    content = state_content(7) + b"\n \n"
    StateVersionFactory.create(workspace=workspace, content=content)
    for address in (f"{states}/1/download", f"{states}/current/download"):
        answer = api.get(address)
        assert answer.content == content
        name = f'attachment; filename="{workspace.workspace_id}-v1.tfstate"'
        assert answer.headers["Content-Disposition"] == name
        assert answer.headers["Cache-Control"] == "no-store"


def test_before_the_first_apply_there_is_no_state(api: APIClient, states: str, base: str) -> None:
    assert api.get(states).json()["items"] == []
    for address in ("current", "current/download", "1", "1/download"):
        assert api.get(f"{states}/{address}").status_code == 404
    assert api.get(f"{base}/state-outputs").json() == {"version": None, "outputs": {}}


def test_outputs_are_shown_without_sensitive_values(
    api: APIClient, base: str, workspace: Workspace
) -> None:
    """F27: what is sensitive is null."""
    StateVersionFactory.create(
        workspace=workspace, content=state_content(url="a", secret="hunter2")
    )
    answer = api.get(f"{base}/state-outputs")
    assert answer.json() == {
        "version": 1,
        "outputs": {
            "url": {"value": "a", "type": "string", "sensitive": False},
            "secret": {"value": None, "type": "string", "sensitive": True},
        },
    }


def test_an_output_that_holds_a_sensitive_variable_is_masked_though_the_engine_shows_it(
    api: APIClient, base: str, workspace: Workspace
) -> None:
    """F27: an archive declares its variables itself, and may forget that one is sensitive."""
    for value in ("hunter22", '["first one", "second"]', 'a"b\nc', "yes"):
        VariableFactory.create(workspace=workspace, sensitive=True, value=value)
    VariableFactory.create(workspace=workspace, value="in the open")
    hidden: dict[str, Any] = {
        "whole": "hunter22",
        "inside": {"dsn": ["db://me:hunter22@host"]},
        "encoded": '{"key":"a\\"b\\nc"}',
        "of_a_list": ["second"],
    }
    shown: dict[str, Any] = {
        "short": "yes",
        "open": "in the open",
        "flag": True,
        "number": 7,
        "nothing": None,
    }
    StateVersionFactory.create(workspace=workspace, content=state_content(**hidden, **shown))

    outputs = api.get(f"{base}/state-outputs").json()["outputs"]

    values = {name: output["value"] for name, output in outputs.items()}
    assert values == {**dict.fromkeys(hidden), **shown}


def test_a_state_of_another_workspace_is_not_found(api: APIClient, states: str) -> None:
    """F3: versions are counted per workspace."""
    StateVersionFactory.create(workspace=WorkspaceFactory.create())
    for address in ("1", "1/download", "current"):
        assert api.get(f"{states}/{address}").status_code == 404


def test_the_list_says_who_why_and_what_and_can_be_narrowed(
    api: APIClient, states: str, workspace: Workspace
) -> None:
    task = TaskFactory.create(workspace=workspace)
    StateVersionFactory.create(workspace=workspace, task=task, description="Applied #7")
    StateVersionFactory.create(
        workspace=workspace,
        created_by=UserFactory.create(username="bob"),
        import_source="user_upload",
        lineage="another",
        size_bytes=9,
        output_count=3,
    )
    StateVersionFactory.create(
        workspace=workspace, import_source="rollback", rollback_from_version=1, size_bytes=5
    )
    uploaded = api.get(f"{states}/2").json()
    assert (uploaded["created_by"], uploaded["lineage"], uploaded["serial"]) == (
        "bob",
        "another",
        2,
    )
    assert (uploaded["size_bytes"], uploaded["output_count"]) == (9, 3)
    for query, numbers in {
        "": [3, 2, 1],
        "created_by=bob": [2],
        f"task_id={task.pk}": [1],
        "import_source=rollback": [3],
        "is_imported=true": [2],
        "is_rollback=false": [2, 1],
        "lineage=another": [2],
        "search=applied": [1],
        "start_date=2000-01-01T00:00:00Z": [3, 2, 1],
        "end_date=2000-01-01T00:00:00Z": [],
        "ordering=version": [1, 2, 3],
        "ordering=size_bytes": [3, 2, 1],
    }.items():
        items = api.get(f"{states}?{query}").json()["items"]
        assert [item["version"] for item in items] == numbers, query


@pytest.mark.parametrize(
    "query",
    [
        "task_id=x",
        "task_id=9999999999999999999999",
        "import_source=x",
        "is_rollback=x",
        "ordering=x",
    ],
)
def test_a_filter_that_says_nothing_is_refused(api: APIClient, states: str, query: str) -> None:
    answer = api.get(f"{states}?{query}")
    assert (answer.status_code, list(answer.json()["fields"])) == (400, [query.partition("=")[0]])


def test_two_versions_are_compared(api: APIClient, states: str, workspace: Workspace) -> None:
    both: list[dict[str, Any]] = [
        {"url": "a", "secret": "hunter11"},
        {"url": "b", "secret": "hunter22"},
    ]
    for outputs in both:
        StateVersionFactory.create(workspace=workspace, content=state_content(**outputs))
    answer = api.get(f"{states}/compare", {"from": 1, "to": 2})
    body = answer.json()
    assert body["before"]["serial"] == 1
    assert body["resources"] == {
        "added": [],
        "changed": [],
        "removed": [],
        "tainted": [],
        "unchanged": 0,
        "counts": {"added": 0, "changed": 0, "removed": 0, "tainted": 0},
    }
    hidden = {"before": "***SENSITIVE***", "after": "***SENSITIVE***", "sensitive": True}
    assert body["outputs"]["changed"] == [
        {"name": "url", "before": "a", "after": "b", "sensitive": False},
        {"name": "secret", **hidden},
    ]
    assert b"hunter" not in answer.content


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ({}, 400),
        ({"from": 1}, 400),
        ({"from": "x", "to": 1}, 400),
        ({"from": 0, "to": 1}, 400),
        ({"from": 1, "to": 2**31}, 400),
        ({"from": 1, "to": 2}, 404),
    ],
)
def test_what_cannot_be_compared_is_refused(
    api: APIClient, states: str, workspace: Workspace, query: dict[str, Any], status: int
) -> None:
    StateVersionFactory.create(workspace=workspace)
    assert api.get(f"{states}/compare", query).status_code == status


@pytest.mark.parametrize(
    ("address", "body"),
    [
        ("state-versions/1/rollback", {"reason": "wrong release"}),
        ("state/rollback", {"target_version": 1, "reason": "wrong release"}),
    ],
)
def test_an_older_version_is_taken_back(
    api: APIClient, base: str, workspace: Workspace, address: str, body: dict[str, Any]
) -> None:
    """F30: with a serial above all others."""
    for serial in (1, 2):
        StateVersionFactory.create(workspace=workspace, content=state_content(serial))
    answer = api.post(f"{base}/{address}", body, format="json")
    assert answer.status_code == 201
    saved = answer.json()
    assert (saved["version"], saved["serial"], saved["rollback_from_version"]) == (3, 3, 1)
    assert (saved["is_rollback"], saved["import_source"]) == (True, "rollback")
    assert saved["description"] == "Rolled back to version 1: wrong release"
    content = api.get(f"{base}/state-versions/3/retrieve").json()["data"]["content"]
    assert content["serial"] == 3


@pytest.mark.parametrize("target", [None, "x", 0, 2**31])
def test_a_rollback_says_to_which_version(api: APIClient, base: str, target: Any) -> None:
    answer = api.post(f"{base}/state/rollback", {"target_version": target}, format="json")
    assert (answer.status_code, list(answer.json()["fields"])) == (400, ["target_version"])


def test_an_old_version_is_deleted_and_the_newest_is_not(
    api: APIClient, states: str, workspace: Workspace
) -> None:
    for _ in range(2):
        StateVersionFactory.create(workspace=workspace)
    answer = api.delete(f"{states}/2")
    assert (answer.status_code, answer.json()["code"]) == (409, "conflict")
    assert api.delete(f"{states}/1").status_code == 204
    assert api.delete(f"{states}/1").status_code == 404
    Workspace.objects.update(is_locked=True, locked_by="x", lock_reason="x")
    assert api.delete(f"{states}/2").status_code == 423


@pytest.mark.parametrize("field", ["state_keep_versions", "state_keep_days"])
def test_a_workspace_says_how_long_its_states_are_kept(
    api: APIClient, base: str, field: str
) -> None:
    assert api.get(base).json()[field] is None
    for value in (30, 0, None):
        assert api.patch(base, {field: value}, format="json").json()[field] == value
    for wrong in (-1, 1.5, 10**7):
        answer = api.patch(base, {field: wrong}, format="json")
        assert (answer.status_code, list(answer.json()["fields"])) == (400, [field])


@pytest.fixture
def full(base: str) -> str:
    """The address that the engine of a consumer reads."""
    return f"{base}/state-outputs/full"


@pytest.fixture
def token(workspace: Workspace) -> str:
    """A consumer's token for the workspace, which has a secret output."""
    Workspace.objects.filter(pk=workspace.pk).update(outputs_sharing=OutputsSharing.ALL)
    workspace.refresh_from_db()
    StateVersionFactory.create(workspace=workspace, content=state_content(5, secret="hunter2"))
    return issue_token(workspace, TaskFactory.create())


def read(full: str, token: str | None) -> "tuple[int, dict[str, object]]":
    """Reads as an engine does."""
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    answer = APIClient().get(full, headers=headers)
    return answer.status_code, answer.json()


def test_a_remote_data_token_opens_all_outputs(full: str, token: str) -> None:
    status, body = read(full, token)
    assert status == 200
    assert (body["serial"], body["version"], body["resources"]) == (5, 4, [])
    assert body["outputs"] == {"secret": {"value": "hunter2", "type": "string", "sensitive": True}}


@pytest.mark.parametrize("wrong", [None, "", "0" * 64, "iac_x", "ümlaut"])
def test_without_a_right_token_nothing_is_opened(full: str, token: str, wrong: str | None) -> None:
    status, body = read(full, wrong)
    assert (status, body["code"]) == (401, "not_authenticated")


def test_a_users_token_does_not_open_the_full_outputs(
    api: APIClient, full: str, token: str
) -> None:
    answer = api.get(full)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_a_token_of_another_workspace_is_forbidden(full: str, token: str) -> None:
    other = WorkspaceFactory.create(outputs_sharing=OutputsSharing.ALL)
    assert read(full, issue_token(other, TaskFactory.create()))[0] == 403


def test_a_token_opens_nothing_once_sharing_ended(
    full: str, token: str, workspace: Workspace
) -> None:
    Workspace.objects.filter(pk=workspace.pk).update(outputs_sharing=OutputsSharing.NONE)
    assert read(full, token)[0] == 403


def test_a_token_opens_nothing_once_its_task_has_ended(full: str, token: str) -> None:
    WorkspaceTask.objects.update(status=TaskStatus.FAILED)
    assert read(full, token)[0] == 401


def test_a_token_is_used_up_and_expires(full: str, token: str) -> None:
    """F17: uses and end are enforced."""
    assert [read(full, token)[0] for _ in range(6)] == [200] * 5 + [401]
    RemoteDataToken.objects.update(used_count=0, expires_at=timezone.now() - timedelta(seconds=1))
    assert read(full, token)[0] == 401


def test_a_workspace_that_does_not_exist_is_not_told_from_a_wrong_token(token: str) -> None:
    assert read("/api/v1/workspaces/ws-nobody/state-outputs/full", token)[0] == 401
