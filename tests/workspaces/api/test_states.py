"""State versions and outputs over the REST API."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from tests.factories import (
    StateVersionFactory,
    TaskFactory,
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
