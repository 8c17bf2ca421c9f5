import signal
import subprocess
import sys
import textwrap
import time
from functools import partial
from pathlib import Path

import pytest

from iacplatform.embedded.exceptions import ChildFailedError
from iacplatform.embedded.processes import Supervisor

SLEEP = ["sleep", "60"]
IGNORE_SIGTERM = ["sh", "-c", "trap '' TERM; sleep 60 & echo $!; wait"]
PARENT = textwrap.dedent("""
    import sys, time
    from pathlib import Path
    from iacplatform.embedded.processes import Supervisor
    supervisor = Supervisor(Path(sys.argv[1]), {})
    print(supervisor.start("child", ["sleep", "60"]).process.pid, flush=True)
    time.sleep(60)
""")


def has_output(log: Path) -> bool:
    return log.stat().st_size > 0


def is_running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def wait_until_gone(pid: int) -> None:
    deadline = time.monotonic() + 5
    while is_running(pid):
        assert time.monotonic() < deadline, f"process {pid} is still there"
        time.sleep(0.02)


def test_a_process_gets_the_environment_and_writes_a_private_log(tmp_path: Path) -> None:
    with Supervisor(tmp_path, {"GREETING": "hello"}) as supervisor:
        child = supervisor.start("web", ["sh", "-c", "echo $GREETING; echo oops >&2"])
        child.process.wait()
    assert (tmp_path / "web.log").read_text() == "hello\noops\n"
    assert (tmp_path / "web.log").stat().st_mode & 0o777 == 0o600


def test_start_returns_once_the_process_is_ready(tmp_path: Path) -> None:
    flag = tmp_path / "ready"
    with Supervisor(tmp_path, {}) as supervisor:
        command = ["sh", "-c", f"sleep 0.2; touch '{flag}'; exec sleep 60"]
        supervisor.start("web", command, ready=flag.exists)
        assert flag.exists()
        supervisor.check()


def test_a_process_that_is_not_ready_in_time_is_an_error_and_is_stopped(tmp_path: Path) -> None:
    with Supervisor(tmp_path, {}) as supervisor:
        with pytest.raises(ChildFailedError, match=r"web was not ready in 0\.1 s"):
            supervisor.start("web", SLEEP, ready=lambda: False, ready_seconds=0.1)
        process = supervisor.children[0].process
    assert process.returncode == -signal.SIGTERM


def test_a_process_that_dies_is_named_with_the_end_of_its_log(tmp_path: Path) -> None:
    script = "seq 1000; echo 'the port is taken' >&2; exit 3"
    with Supervisor(tmp_path, {}) as supervisor:
        supervisor.start("beat", SLEEP)
        worker = supervisor.start("worker", ["sh", "-c", script])
        worker.process.wait()
        with pytest.raises(ChildFailedError) as caught:
            supervisor.check()
    lines = str(caught.value).splitlines()
    assert lines[0] == f"worker ended with status 3; the end of {tmp_path / 'worker.log'}:"
    assert lines[-2:] == ["1000", "the port is taken"]
    assert len(lines) == 21


def test_a_process_that_dies_while_it_is_awaited_is_an_error(tmp_path: Path) -> None:
    with (
        Supervisor(tmp_path, {}) as supervisor,
        pytest.raises(ChildFailedError, match="web ended with status 1"),
    ):
        supervisor.start("web", ["false"], ready=lambda: False)


def test_processes_stop_newest_first(tmp_path: Path) -> None:
    order = tmp_path / "order"
    script = f"trap 'echo $0 >> {order}; exit' TERM; echo up; while :; do sleep 0.02; done"
    with Supervisor(tmp_path, {}) as supervisor:
        for name in ("web", "worker", "beat"):
            ready = partial(has_output, tmp_path / f"{name}.log")
            supervisor.start(name, ["sh", "-c", script, name], ready=ready)
    assert order.read_text().split() == ["beat", "worker", "web"]


def test_a_process_that_ignores_sigterm_is_killed_with_its_group_after_the_grace(
    tmp_path: Path,
) -> None:
    log = tmp_path / "deaf.log"
    with Supervisor(tmp_path, {}, grace_seconds=0.3) as supervisor:
        child = supervisor.start("deaf", IGNORE_SIGTERM, ready=partial(has_output, log))
        started = time.monotonic()
    assert child.process.returncode == -signal.SIGKILL
    assert 0.3 <= time.monotonic() - started < 2
    wait_until_gone(int(log.read_text()))


def test_a_process_goes_when_its_parent_is_killed(tmp_path: Path) -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout
    with parent.stdout as output:
        pid = int(output.readline())
    assert is_running(pid)
    parent.kill()
    parent.wait()
    wait_until_gone(pid)
