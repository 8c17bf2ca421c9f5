"""The service that the documentation shows is a run task service."""

import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from pytest_django import Settings

from iacplatform.embedded.stack import free_port
from tests.runtasks.deliveries import deliver_all
from tests.runtasks.factories import result_of, waiting_task
from tests.web_server import web_server
from workspaces.models import TaskPlan

__all__ = ["web_server"]

PAGE = Path(__file__).resolve().parent.parent.parent / "docs" / "reference" / "run-tasks.md"
KEY = "a key that only the two of us know"
DELETES = b'{"format_version": "1.2", "resource_changes": [{"change": {"actions": ["delete"]}}]}'
PATIENCE_SECONDS = 10.0


def documented_service() -> str:
    """The Python of the page."""
    code = re.search(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert code is not None
    return code[1]


@contextmanager
def running(code: str, directory: Path) -> Iterator[str]:
    """Runs a service in a process of its own; gives its address.

    Its callbacks are answered before this returns: the platform must not be at one of them while its
    tables are emptied.
    """
    script, port = directory / "service.py", free_port()
    script.write_text(code)
    environment = {"PATH": os.environ["PATH"], "PORT": str(port), "HMAC_KEY": KEY}
    with subprocess.Popen([sys.executable, str(script)], env=environment) as process:
        try:
            until(lambda: answers(port))
            yield f"http://127.0.0.1:{port}/"
            until(lambda: only_listens(process))
        finally:
            process.kill()


def answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def only_listens(process: subprocess.Popen[bytes]) -> bool:
    """Whether all threads but the first have ended."""
    return len(list(Path(f"/proc/{process.pid}/task").iterdir())) == 1


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_it_has_thirty_lines_and_no_dependency() -> None:
    lines = [line for line in documented_service().splitlines() if line.strip()]

    assert len(lines) <= 32
    assert "import requests" not in documented_service()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("key", "plan", "status"),
    [
        (KEY, b'{"format_version": "1.2"}', "passed"),
        (KEY, DELETES, "failed"),
        ("other", b"{}", "error"),
    ],
)
def test_it_answers_as_the_page_says(
    tmp_path: Path, web_server: str, settings: Settings, key: str, plan: bytes, status: str
) -> None:
    settings.BASE_URL = f"http://{web_server}"
    settings.OUTBOUND_ALLOWED_NETWORKS = ["127.0.0.0/8"]
    settings.RUN_TASK_WEBHOOK_WAITS = [0.0]
    with running(documented_service(), tmp_path) as url:
        task = waiting_task(url, run_task__hmac_key=key)
        TaskPlan.objects.filter(task=task).update(plan_json=plan)
        deliver_all()
        until(lambda: not result_of(task).is_open)

    assert result_of(task).status == status
