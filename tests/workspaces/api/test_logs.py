"""Logs over HTTP, from a real server."""

import json
import time
from collections.abc import Callable
from typing import Any

import pytest
import requests

from iacplatform.accounts.access_tokens import issue_access_token
from iacplatform.accounts.models import Membership, User
from tests.domain import a_user, a_workspace
from tests.task_logs import a_running_task, messages, other_connections, store
from workspaces.models import WorkspaceTask
from workspaces.task_status import Phase

pytestmark = pytest.mark.django_db(transaction=True)
Get = Callable[..., requests.Response]


@pytest.fixture
def get(web_server: str) -> Get:
    """Asks for an address below ``/api/v1/``, as ``ada`` unless another user (or none) is given."""

    def ask(
        path: str, *, user: str | None = "ada", accept: str = "*/*", **options: Any
    ) -> requests.Response:
        headers = {"Accept": accept}
        if user:
            token = issue_access_token(User.objects.get(username=user))
            headers["Authorization"] = f"Bearer {token}"
        url = f"http://{web_server}/api/v1/{path}"
        return requests.get(url, headers=headers, timeout=20, **options)

    return ask


def a_task_with_a_log() -> WorkspaceTask:
    """Two lines of a plan and one of an apply."""
    task = a_running_task()
    store(task, 1, ["planning", "Error: ünlucky"], kinds={"2": "error"})
    store(task, 3, ["applying"], phase=Phase.APPLY)
    return task


def test_a_log_is_text_of_either_phase_or_both(get: Get) -> None:
    task = a_task_with_a_log()

    answer = get(f"tasks/{task.pk}/logs?format=text")

    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert answer.text == "planning\nError: ünlucky\napplying\n"
    assert get(f"tasks/{task.pk}/logs?format=text&type=apply").text == "applying\n"
    assert get(f"tasks/{task.pk}/logs?format=text&type=plan&offset=1").text == "Error: ünlucky\n"


def test_a_log_is_json_in_the_shape_of_the_live_stream(get: Get) -> None:
    task = a_running_task()
    assert get(f"tasks/{task.pk}/logs").json() == {"lines": [], "total": 0}

    store(task, 1, ["one", "two"])

    answer = get(f"tasks/{task.pk}/logs?type=all&format=json")
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.json() == {"lines": messages(1, ["one", "two"]), "total": 2}


def test_the_log_of_a_workspace_s_task_has_an_entry_a_phase_and_level(get: Get) -> None:
    task = a_task_with_a_log()

    body = get(f"workspaces/{task.workspace.workspace_id}/tasks/{task.pk}/logs").json()

    assert body["total"] == 3
    assert [(entry["phase"], entry["level"], entry["content"]) for entry in body["logs"]] == [
        ("plan", "info", "planning\n"),
        ("plan", "error", "Error: ünlucky\n"),
        ("apply", "info", "applying\n"),
    ]
    assert body["logs"][0]["created_at"] == "2025-01-01T10:00:00+00:00"


def test_a_log_is_downloaded_as_a_file(get: Get) -> None:
    task = a_task_with_a_log()

    answer = get(f"tasks/{task.pk}/logs/download", accept="text/plain")

    assert answer.headers["Content-Disposition"] == f'attachment; filename="task-{task.pk}.log"'
    assert answer.content == "planning\nError: ünlucky\napplying\n".encode()


def test_a_log_of_two_hundred_thousand_lines_is_whole_in_every_form(get: Get) -> None:
    task = a_running_task()
    texts = [f"line {number} with some more to it" for number in range(1, 200_001)]
    for begin in range(0, 200_000, 5000):
        store(task, begin + 1, texts[begin : begin + 5000])

    assert get(f"tasks/{task.pk}/logs/download").text.splitlines() == texts
    lines = get(f"tasks/{task.pk}/logs").json()
    assert [line["line"] for line in lines["lines"]] == texts
    assert lines["total"] == 200_000
    entries = get(f"workspaces/{task.workspace.workspace_id}/tasks/{task.pk}/logs").json()
    assert "".join(entry["content"] for entry in entries["logs"]).splitlines() == texts
    assert entries["total"] == len(entries["logs"])


def test_a_slow_download_holds_no_connection_of_the_database(get: Get) -> None:
    task = a_running_task()
    for first in range(1, 41):
        store(task, first, ["x" * 1_000_000])

    with get(f"tasks/{task.pk}/logs/download", stream=True) as answer:
        chunks = answer.iter_content(1000)
        next(chunks)
        # A page may be on its way now; then the server waits for its reader.
        deadline = time.monotonic() + 10
        while other_connections():
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert sum(map(len, chunks)) == 40 * 1_000_001 - 1000


@pytest.mark.parametrize("path", ["tasks/{}/logs", "tasks/{}/logs/download"])
def test_the_log_of_another_organization_is_not_there(get: Get, path: str) -> None:
    """F3: 404, the same as for a task that does not exist."""
    task = a_task_with_a_log()
    Membership.objects.filter(user=a_user("eve")).delete()

    assert get(path.format(task.pk), user="eve").status_code == 404
    assert get(path.format(task.pk + 1)).status_code == 404
    assert get(path.format(task.pk), user=None).status_code == 401


def test_a_task_is_only_found_in_its_own_workspace(get: Get) -> None:
    """F3: a task id of another workspace is 404, although the caller may see both."""
    task = a_task_with_a_log()
    other = a_workspace("other")

    assert get(f"workspaces/{other.workspace_id}/tasks/{task.pk}/logs").status_code == 404


@pytest.mark.parametrize(
    ("field", "value"),
    [("type", "drift"), ("format", "xml"), ("format", "api"), ("offset", "-1"), ("offset", "x")],
)
def test_a_wrong_parameter_is_named(get: Get, field: str, value: str) -> None:
    task = a_task_with_a_log()

    answer = get(f"tasks/{task.pk}/logs?{field}={value}")

    assert answer.status_code == 400
    assert list(json.loads(answer.text)["fields"]) == [field]
