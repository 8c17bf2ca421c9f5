"""Web servers that are killed in the middle of a request with an idempotency key."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

from iacplatform.accounts.models import User
from iacplatform.common.models import IdempotentRequest
from iacplatform.embedded.stack import PROJECT
from tests.factories import api_token
from tests.iacplatform.common.idempotency import dying
from tests.iacplatform.common.idempotency.dying_settings import HEADER
from tests.triggers.forks import environment
from workspaces.models import Workspace

pytestmark = pytest.mark.django_db(transaction=True)
PLAN = {"task_type": "plan_only"}


@contextmanager
def server() -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """A web server of its own; gives its address, once it answers, and its process."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"http://127.0.0.1:{listener.getsockname()[1]}"
        command = ["iacplatform.asgi:application", "--fd", str(listener.fileno())]
        process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-m", "uvicorn", *command, "--log-level", "error"],
            env={**os.environ, **environment()}
            | {"DJANGO_SETTINGS_MODULE": "tests.iacplatform.common.idempotency.dying_settings"},
            pass_fds=[listener.fileno()],
            cwd=PROJECT,
        )
    try:
        _wait_for(address, process)
        yield address, process
    finally:
        process.kill()
        process.wait()


def _wait_for(address: str, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + 60
    while time.monotonic() < end:
        assert process.poll() is None
        try:
            httpx.get(f"{address}/health/live", timeout=5).raise_for_status()
        except httpx.TransportError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError


@pytest.mark.timeout(180)
def test_a_request_whose_server_died_between_commit_and_answer_is_repeated_and_done_once(
    member: User, workspace: Workspace, base: str
) -> None:
    headers = {"Authorization": f"Bearer {api_token(member)}", "Idempotency-Key": "nightly-7"}

    with server() as (address, process):
        with pytest.raises(httpx.TransportError):
            httpx.post(
                f"{address}{base}/tasks", json=PLAN, headers={**headers, HEADER: "1"}, timeout=30
            )
        assert process.wait(10) == -signal.SIGKILL
    (task,) = workspace.tasks.all()
    with server() as (address, _):
        again = httpx.post(f"{address}{base}/tasks", json=PLAN, headers=headers, timeout=30)

    assert (again.status_code, again.json()["id"]) == (201, task.pk)
    assert again.headers["Idempotency-Replayed"] == "true"
    assert list(workspace.tasks.all()) == [task]


@pytest.mark.timeout(180)
def test_processes_that_die_at_any_statement_leave_the_task_and_its_key_or_neither(
    member: User, workspace: Workspace, base: str
) -> None:
    deaths = dying.run(api_token(member), f"{base}/tasks", "nightly-8")

    assert deaths > 10
    assert workspace.tasks.count() == IdempotentRequest.objects.count() == 1
