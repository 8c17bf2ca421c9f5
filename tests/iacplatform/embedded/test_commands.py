"""``python -m iacplatform.embedded``: the commands behind ``make demo`` and ``make up``."""

import fcntl
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
import requests

pytestmark = pytest.mark.timeout(180)
COMMAND = [sys.executable, "-m", "iacplatform.embedded"]


def environment() -> dict[str, str]:
    """This process's environment without the servers of the test session."""
    servers = {"DATABASE_URL", "REDIS_URL", "DJANGO_SETTINGS_MODULE"}
    return {name: value for name, value in os.environ.items() if name not in servers}


def processes_of(run_dir: Path) -> list[str]:
    """The command lines of processes that know the directory or were started from it."""
    found = []
    for process in psutil.process_iter():
        try:
            words = [*process.cmdline(), *process.environ().values()]
        except psutil.Error:
            continue
        if process.pid != os.getpid() and any(str(run_dir) in word for word in words):
            found.append(" ".join(process.cmdline()))
    return found


@pytest.fixture
def run_dir(tmp_path: Path) -> Path:
    """A directory that PostgreSQL's account can reach."""
    tmp_path.chmod(0o711)
    return tmp_path / "run"


def test_the_demo_applies_a_real_change_and_leaves_no_process(run_dir: Path) -> None:
    result = subprocess.run(
        [*COMMAND, "demo", "--run-dir", str(run_dir)],
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )

    assert result.returncode == 0, result.stdout + result.stderr
    assert "7 to add, 0 to change, 0 to destroy" in result.stdout
    for check in ("policy +│ mandatory +│ passed", "cost-estimate +│ advisory +│ failed"):
        assert re.search(check, result.stdout)
    assert "Apply complete! Resources: 7 added" in result.stdout
    assert "https://shop-demo.example.com" in result.stdout
    assert re.search(r"State version \S*1", result.stdout)
    assert re.search(r"Task #2 of status-page-\S+ is applied: 2 added", result.stdout)
    assert re.search(r"Triggered by workspace shop-\S+ \(task #1\)", result.stdout)
    for told in (
        "approval_required │ #1 +│ shop-.+ apply_pending │ genuine",
        "task_completed +│ #1 +│ shop-.+ applied +│ genuine",
        "task_completed +│ #2 +│ status-page-.+ applied +│ genuine",
    ):
        assert re.search(told, result.stdout), told
    assert "correct-horse-battery-staple" not in result.stdout
    assert processes_of(run_dir) == []


def test_up_stays_with_a_plan_that_the_printed_command_approves(run_dir: Path) -> None:
    process = subprocess.Popen(
        [*COMMAND, "up", "--run-dir", str(run_dir), "--port", "0"],
        env=environment() | {"PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        printed = ""
        while "Ctrl-C" not in printed:
            line = process.stdout.readline()
            assert line, printed
            printed += line
        curl = re.search(r"curl -X POST -H '(\S+): (.+)' (\S+/confirm-apply)", printed)
        assert curl is not None, printed
        header, value, url = curl.groups()
        answer = requests.post(url, headers={header: value}, timeout=30)
        assert (answer.status_code, answer.json()["status"]) == (200, "running")
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
    finally:
        process.kill()
        process.communicate()

    assert process.returncode == 0
    assert processes_of(run_dir) == []


def test_bench_api_measures_two_small_installations_and_leaves_nothing(run_dir: Path) -> None:
    result = subprocess.run(
        [*COMMAND, "bench-api", "--quick", "--run-dir", str(run_dir)],
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )

    assert result.returncode == 0, result.stdout + result.stderr
    for endpoint in ("/workspaces", "/tasks/{task}/logs"):
        assert re.search(rf"│ {re.escape(endpoint)} +│ 100 +│ \d+ +│ [\d.]+ +│", result.stdout), (
            endpoint
        )
    assert re.fullmatch(r"list_p95_growth=\d+\.\d\d", result.stdout.splitlines()[-1])
    assert processes_of(run_dir) == []


@pytest.mark.parametrize("arguments", [[], ["demo"], ["up"], ["bench"], ["bench-api"]])
def test_help_says_what_a_command_does(arguments: list[str]) -> None:
    result = subprocess.run(
        [*COMMAND, *arguments, "--help"], capture_output=True, text=True, check=True
    )

    assert "usage:" in result.stdout


def test_a_directory_that_is_in_use_is_an_error_that_says_so(run_dir: Path) -> None:
    run_dir.mkdir(mode=0o711)
    with (run_dir / "command.lock").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        result = subprocess.run(
            [*COMMAND, "demo", "--run-dir", str(run_dir)],
            env=environment(),
            capture_output=True,
            text=True,
            check=False,
        )

    assert result.returncode == 1
    assert "stop it first" in result.stdout
    assert "Traceback" not in result.stderr
