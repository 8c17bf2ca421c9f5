"""The content of states over the REST API: given out on record, and taken in."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from pytest_django import Settings
from rest_framework.test import APIClient
from structlog.testing import capture_logs

from iacplatform.accounts.levels import Level
from iacplatform.accounts.models import APIToken, Organization, User
from iacplatform.accounts.services import create_api_token
from tests.factories import (
    StateVersionFactory,
    TaskFactory,
    UserFactory,
    WorkspaceFactory,
    member_with,
    state_content,
)
from workspaces.models import Workspace

FILE = state_content(3, secret="hunter2").replace(b'"hunter2"', b"1.00000000000000000000000001")


@pytest.fixture
def states(base: str) -> str:
    """The address of the workspace's states."""
    return f"{base}/state-versions"


def send(api: APIClient, base: str, content: bytes, **fields: Any):  # type: ignore[no-untyped-def]
    """Uploads a state file."""
    file = SimpleUploadedFile("terraform.tfstate", content)
    return api.post(f"{base}/state/upload-file", {"file": file, **fields}, format="multipart")


def send_json(api: APIClient, base: str, state: Any, **fields: Any):  # type: ignore[no-untyped-def]
    """Uploads a state as JSON."""
    return api.post(f"{base}/state/upload", {"state": state, **fields}, format="json")


# --- Given out


def test_f47_a_state_is_retrieved_with_the_time_of_the_access(
    api: APIClient, states: str, workspace: Workspace
) -> None:
    """F47: the time is that of the access, not of the version."""
    version = StateVersionFactory.create(workspace=workspace, content=FILE + b"\n")
    with capture_logs() as logs:
        answer = api.get(f"{states}/1/retrieve")
    body = answer.json()
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["Cache-Control"] == "no-store"
    assert body["data"] == {"version": 1, "content": json.loads(FILE)}
    assert b"1.00000000000000000000000001" in answer.content
    assert body["audit"]["accessed_by"] == "ada"
    assert body["audit"]["accessed_at"] > version.created_at.isoformat()
    (event,) = [each for each in logs if each["event"] == "state_accessed"]
    assert event["accessed_at"] == body["audit"]["accessed_at"]
    assert (event["workspace"], event["version"]) == (workspace.workspace_id, 1)
    assert (event["user"], event["how"]) == ("ada", "retrieve")


@pytest.mark.parametrize("address", ["1/download", "current/download"])
def test_f47_a_download_is_on_record(
    api: APIClient, states: str, workspace: Workspace, address: str
) -> None:
    """F47: a file is a sensitive access like any other."""
    StateVersionFactory.create(workspace=workspace, content=FILE)
    with capture_logs() as logs:
        answer = api.get(f"{states}/{address}")
    assert answer.content == FILE
    assert answer.headers["Cache-Control"] == "no-store"
    (event,) = [each for each in logs if each["event"] == "state_accessed"]
    assert (event["user"], event["how"]) == ("ada", "download")


@pytest.mark.parametrize("address", ["", "/1", "/current", "/compare?from=1&to=2"])
def test_f47_what_shows_no_secret_is_no_access(
    api: APIClient, states: str, workspace: Workspace, address: str
) -> None:
    """F47: metadata and comparisons give no content away."""
    for content in (state_content(1), state_content(2, secret="hunter2")):
        StateVersionFactory.create(workspace=workspace, content=content)
    with capture_logs() as logs:
        answer = api.get(f"{states}{address}")
    assert answer.status_code == 200
    assert b"hunter2" not in answer.content
    assert not [each for each in logs if each["event"] == "state_accessed"]


@pytest.mark.parametrize("address", ["1/retrieve", "1/download", "current/download"])
def test_what_one_may_not_see_is_not_found_and_not_recorded(
    api: APIClient, states: str, address: str, client_of: Callable[[User], APIClient]
) -> None:
    """F3: neither a version of another workspace, nor one of a workspace of strangers."""
    StateVersionFactory.create(workspace=WorkspaceFactory.create())
    stranger = UserFactory.create(organizations=[Organization.objects.create(name="strangers")])
    with capture_logs() as logs:
        assert api.get(f"{states}/{address}").status_code == 404
        assert client_of(stranger).get(f"{states}/{address}").status_code == 404
    assert not [each for each in logs if each["event"] == "state_accessed"]


# --- Taken in


def test_a_file_is_uploaded_and_downloaded_as_it_was(
    api: APIClient, base: str, states: str
) -> None:
    answer = send(api, base, FILE, description="From the old tool")
    assert answer.status_code == 201
    body = answer.json()
    assert (body["version"], body["warnings"]) == (1, [])
    assert body["message"] == "The state was uploaded as version 1"
    version = body["state_version"]
    assert (version["is_imported"], version["import_source"]) == (True, "user_upload")
    assert (version["serial"], version["output_count"]) == (3, 1)
    assert (version["created_by"], version["description"]) == ("ada", "From the old tool")
    assert api.get(f"{states}/1").json() == version
    assert api.get(f"{states}/1/download").content == FILE


def test_a_state_is_uploaded_as_json(api: APIClient, base: str, states: str) -> None:
    state = json.loads(state_content(3, url="ü"))
    answer = send_json(api, base, state, description="By a script")
    assert answer.status_code == 201
    assert api.get(f"{states}/1/retrieve").json()["data"]["content"] == state


@pytest.mark.parametrize("way", ["file", "state"])
def test_a_state_that_does_not_follow_is_refused_with_a_way_out(
    api: APIClient, base: str, workspace: Workspace, way: str
) -> None:
    """Reference §5.9."""
    content = state_content(5)
    StateVersionFactory.create(workspace=workspace, serial=5)

    def act(force: bool) -> Any:
        if way == "file":
            return send(api, base, content, force=force)
        return send_json(api, base, json.loads(content), force=force)

    refused = act(force=False)
    assert refused.status_code == 400
    assert refused.json() == {
        "error": f"{way}.serial: is 5, but must be higher than 5 of state version 1",
        "code": "invalid",
        "fields": {f"{way}.serial": ["is 5, but must be higher than 5 of state version 1"]},
        "suggestion": "Use force=true to bypass validation",
    }
    taken = act(force=True)
    assert taken.status_code == 201
    assert taken.json()["warnings"] == [
        "serial: is 5, but must be higher than 5 of state version 1"
    ]
    assert "stays locked" in taken.json()["message"]
    assert api.get(base).json()["lock_reason"].startswith("Locked after force upload")
    again = act(force=True)
    assert (again.status_code, again.json()["locked_by"]) == (423, "ada")
    assert api.post(f"{base}/unlock").status_code == 200


def test_a_state_is_refused_while_a_change_is_live(
    api: APIClient, base: str, workspace: Workspace
) -> None:
    TaskFactory.create(workspace=workspace, plan_and_apply=True, running=True)
    answer = send(api, base, state_content(1), force=True)
    assert (answer.status_code, answer.json()["code"]) == (409, "conflict")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "state"),
        ({"state": None}, "state"),
        ({"state": "text"}, "state"),
        ({"state": [1]}, "state"),
        ({"state": {}}, "state.version"),
        ({"state": {"version": 3, "lineage": "a", "serial": 1}}, "state.version"),
        ({"state": {"version": 4, "serial": 1}}, "state.lineage"),
        ({"state": {"version": 4, "lineage": "a", "serial": 1.5}}, "state.serial"),
        ({"state": {"version": 4, "lineage": "a", "serial": 1, "x": "\0"}}, "state"),
        ({"state": {"version": 4, "lineage": "a", "serial": 1}, "force": "perhaps"}, "force"),
        ({"state": {"version": 4, "lineage": "a", "serial": 1}, "description": "x" * 501}, "description"),
    ],
)  # fmt: skip
def test_what_is_no_state_is_refused_by_its_field(
    api: APIClient, base: str, body: dict[str, Any], field: str
) -> None:
    answer = api.post(f"{base}/state/upload", body, format="json")
    assert answer.status_code == 400
    assert list(answer.json()["fields"]) == [field]


def test_a_body_that_is_no_json_is_refused(api: APIClient, base: str) -> None:
    answer = api.post(f"{base}/state/upload", "{", content_type="application/json")
    assert (answer.status_code, answer.json()["code"]) == (400, "parse_error")


@pytest.mark.parametrize("content", [b"", b"{", b"PK\x03\x04"])
def test_a_file_that_is_no_state_is_refused(api: APIClient, base: str, content: bytes) -> None:
    answer = send(api, base, content)
    assert answer.status_code == 400
    assert list(answer.json()["fields"]) == ["file"]


def test_a_form_without_a_file_is_refused(api: APIClient, base: str) -> None:
    answer = api.post(f"{base}/state/upload-file", {"force": "true"}, format="multipart")
    assert answer.status_code == 400
    assert list(answer.json()["fields"]) == ["file"]


@pytest.mark.parametrize("limit", [100, 200_000])
def test_what_is_too_large_is_refused_in_both_ways(
    api: APIClient, base: str, settings: Settings, limit: int
) -> None:
    """Before the form is read, and after."""
    settings.STATE_MAX_BYTES = limit
    content = state_content(1, text="x" * (limit + 70_000))
    answer = send(api, base, content)
    assert (answer.status_code, list(answer.json()["fields"])) == (400, ["file"])
    assert send(api, base, state_content(1, text="x" * limit)).status_code == 400
    answer = send_json(api, base, json.loads(content))
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")
    answer = send_json(api, base, json.loads(state_content(1, text="x" * limit)))
    assert (answer.status_code, list(answer.json()["fields"])) == (400, ["state"])


def test_a_state_may_be_larger_than_other_bodies(
    api: APIClient, base: str, settings: Settings
) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 100
    assert send_json(api, base, json.loads(state_content(1))).status_code == 201
    assert send(api, base, state_content(2)).status_code == 201


# --- To whom


@pytest.mark.parametrize("address", ["1/retrieve", "1/download", "current/download"])
@pytest.mark.parametrize(
    ("level", "scopes", "status"),
    [
        (Level.ADMIN, [], 200),
        (Level.ADMIN, ["workspaces:admin", "state:sensitive"], 200),
        (Level.ADMIN, ["workspaces:admin"], 403),
        (Level.ADMIN, ["workspaces:write", "state:sensitive"], 403),
        (Level.WRITE, [], 403),
        (Level.READ, ["workspaces:admin", "state:sensitive"], 403),
        (Level.NONE, [], 404),
    ],
)
def test_f47_secrets_take_an_administrator_and_a_token_for_them(
    workspace: Workspace, states: str, address: str, level: Level, scopes: list[str], status: int
) -> None:
    """F47: and only what was given out is an access, with its own time."""
    version = StateVersionFactory.create(workspace=workspace, content=FILE)
    token, text = create_api_token(member_with(level, workspace=workspace), name="ci")
    APIToken.objects.filter(pk=token.pk).update(scopes=scopes)
    client = APIClient(HTTP_AUTHORIZATION=f"Bearer {text}")
    with capture_logs() as logs:
        answer = client.get(f"{states}/{address}")
    events = [each for each in logs if each["event"] == "state_accessed"]
    assert (answer.status_code, len(events)) == (status, int(status == 200))
    assert (b"1.00000000000000000000000001" in answer.content) == (status == 200)
    assert all(each["accessed_at"] > version.created_at.isoformat() for each in events)
