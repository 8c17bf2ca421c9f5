"""The sandbox as a service of the platform: webhooks in, callbacks out, over real sockets."""

import json
import socket
import time
from collections.abc import Callable
from typing import Any

import pytest
import requests
from pytest_django import Settings

from runtasks.models import RunTask, RunTaskResult
from runtasks.sandbox.server import SandboxServer
from runtasks.services.verification import address_for_tests, report
from tests.runtasks.deliveries import deliver_all
from tests.runtasks.factories import RunTaskFactory, result_of, waiting_task
from tests.runtasks.sandbox.conftest import KEY, Start
from workspaces.models import WorkspaceTask

pytestmark = pytest.mark.django_db(transaction=True)
FINAL = ("passed", "failed")
INSIDE = "http://platform.svc.cluster.local"


@pytest.fixture
def sandbox(start: Start, web_server: str, settings: Settings) -> SandboxServer:
    """A sandbox that reaches a platform whose own address is one that only the inside knows."""
    settings.BASE_URL = INSIDE
    return start(callback_base_url=f"http://{web_server}")


def address(server: SandboxServer, path: str = "/") -> str:
    return f"http://127.0.0.1:{server.server_port}{path}"


def task_asked_at(server: SandboxServer, path: str, **fields: Any) -> WorkspaceTask:
    """A task that waits for a sandbox which has had its webhook."""
    task = waiting_task(address(server, path), run_task__hmac_key=KEY, **fields)
    deliver_all()
    return task


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def ended(server: SandboxServer, task: WorkspaceTask) -> RunTaskResult:
    """The result of a task once its callback has been answered: nothing is under way any more."""
    until(lambda: any(call.startswith(FINAL) for call in server.sandbox.log.rows()[0].callbacks))
    return result_of(task)


def page_of(server: SandboxServer) -> str:
    answer = requests.get(address(server), timeout=10)
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    return answer.text


def test_success_reads_the_plan_and_passes(sandbox: SandboxServer) -> None:
    """TESTPLAT: reached by an address that is not the one in the webhook."""
    task = task_asked_at(sandbox, "/success")

    result = ended(sandbox, task)

    assert result.status == "passed"
    assert result.message == "The plan changes 0 resources: fine"
    assert result.url == address(sandbox, f"/#{result.result_id}")
    outcome = result.outcomes.get()
    assert outcome.outcome_id == "SANDBOX-1"
    assert outcome.tags["Status"] == [{"label": "Passed", "level": "info"}]
    assert result.request_payload["task_result_callback_url"].startswith(INSIDE)


def test_failure_fails(sandbox: SandboxServer) -> None:
    task = task_asked_at(sandbox, "/failure")

    result = ended(sandbox, task)

    assert (result.status, result.message) == ("failed", "The plan changes 0 resources: too risky")
    assert result.outcomes.get().tags["Status"][0]["label"] == "Failed"
    task.refresh_from_db()
    assert task.status == "failed"


def test_at_pre_plan_there_is_no_plan_to_read(sandbox: SandboxServer) -> None:
    task = task_asked_at(sandbox, "/success", stage="pre_plan")

    assert ended(sandbox, task).message == "There is no plan yet: fine"


def test_delayed_success_reports_progress_first(sandbox: SandboxServer) -> None:
    task = task_asked_at(sandbox, "/delayed-success")

    result = ended(sandbox, task)

    assert result.status == "passed"
    assert result.last_heartbeat_at is not None
    assert result.completed_at is not None
    waited = result.completed_at - result.last_heartbeat_at
    assert waited.total_seconds() >= sandbox.sandbox.options.delay
    callbacks = sandbox.sandbox.log.rows()[0].callbacks
    assert callbacks == ["running → 200", "passed → 200"]


def test_timeout_accepts_and_says_nothing(sandbox: SandboxServer) -> None:
    task = task_asked_at(sandbox, "/timeout")

    time.sleep(0.3)
    assert result_of(task).status == "running"
    assert sandbox.sandbox.log.rows()[0].callbacks == []


def test_flaky_refuses_each_result_once(sandbox: SandboxServer) -> None:
    task = task_asked_at(sandbox, "/flaky")

    result = ended(sandbox, task)

    assert result.status == "passed"
    assert [row.status for row in sandbox.sandbox.log.rows()] == [200, 503]


def test_the_page_lists_what_came_and_what_was_answered(sandbox: SandboxServer) -> None:
    """TESTPLAT: the signature's check is to be seen."""
    assert "Nothing yet." in page_of(sandbox)
    task = task_asked_at(sandbox, "/success")
    result = ended(sandbox, task)

    page = page_of(sandbox)

    assert "passed → 200" in page
    assert f'<tr id="{result.result_id}">' in page
    assert '<span class="good">verified</span>' in page
    assert "(hidden)" in page
    assert sandbox.sandbox.log.rows()[0].hook.token not in page


def test_the_page_says_what_the_platform_refused(sandbox: SandboxServer) -> None:
    hook = {
        "access_token": "nonsense",
        "task_result_id": "rtr-1",
        "task_result_callback_url": f"{INSIDE}/api/v1/run-task-results/rtr-1/callback",
    }

    requests.post(address(sandbox, "/success"), json=hook, timeout=10)

    until(lambda: "passed → 401" in page_of(sandbox))


def test_a_platform_that_cannot_be_reached_is_on_the_page(start: Start) -> None:
    server = start()
    hook = {"task_result_callback_url": "http://127.0.0.1:9/callback", "access_token": "x"}

    requests.post(address(server, "/failure"), json=hook, timeout=10)

    until(lambda: "Connection refused" in page_of(server))


def test_what_a_stranger_sends_is_shown_as_text(start: Start) -> None:
    server = start()
    script = "<script>alert(1)</script>"
    hook = {"workspace_name": script, "stage": [script], "task_result_id": f'"{script}'}

    requests.post(address(server, "/timeout"), json=hook, timeout=10)

    page = page_of(server)
    assert script not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page


@pytest.mark.parametrize(
    ("key", "verified", "error"),
    [
        (KEY, True, None),
        ("another", False, "X-TFC-Task-Signature does not fit the body and this key"),
        (None, None, None),
    ],
)
def test_the_test_endpoints_say_what_the_sandbox_thinks_of_the_key(
    start: Start, key: str | None, verified: bool | None, error: str | None
) -> None:
    """TESTPLAT."""
    server = start()
    run_task: RunTask = RunTaskFactory.create(
        endpoint_url=address(server, "/failure"), hmac_key=key
    )

    told = report(run_task, address_for_tests(run_task))

    assert (told["success"], told["hmac_verified"]) == (True, verified)
    answer = json.loads(told["response_body"])
    assert (answer["status"], answer["is_test"]) == ("acknowledged", True)
    if key:
        assert (answer["hmac_verified"], answer["hmac_error"]) == (verified, error)
    assert server.sandbox.log.rows()[0].callbacks == []


def test_a_wrong_signature_is_told_to_the_platform(sandbox: SandboxServer) -> None:
    task = waiting_task(address(sandbox, "/success"), run_task__hmac_key="another")
    deliver_all()

    assert ended(sandbox, task).message.endswith(
        "X-TFC-Task-Signature does not fit the body and this key"
    )


@pytest.mark.parametrize(
    ("path", "body", "status", "sentence"),
    [
        ("/", b"{}", 404, "POST to one of /success, /failure"),
        ("/nowhere", b"{}", 404, "POST to one of /success, /failure"),
        ("/success", b"{", 400, "The body is not JSON"),
        ("/success", b"[]", 400, "The body is not a JSON object"),
    ],
)
def test_what_is_no_webhook_is_refused(
    start: Start, path: str, body: bytes, status: int, sentence: str
) -> None:
    answer = requests.post(address(start(), path), data=body, timeout=10)

    assert answer.status_code == status
    assert answer.json()["message"].startswith(sentence)


@pytest.mark.parametrize(
    ("header", "status"),
    [("X: y", 411), ("Content-Length: -1", 411), ("Content-Length: 99999999", 413)],
)
def test_a_body_of_no_or_too_great_length_is_refused(
    start: Start, header: str, status: int
) -> None:
    with socket.create_connection(("127.0.0.1", start().server_port), timeout=10) as client:
        client.sendall(f"POST /success HTTP/1.1\r\nHost: x\r\n{header}\r\n\r\n".encode())

        answer = client.makefile("rb").read()

    assert answer.split()[1] == str(status).encode()


def test_other_addresses_have_no_page(start: Start) -> None:
    assert requests.get(address(start(), "/favicon.ico"), timeout=10).status_code == 404
