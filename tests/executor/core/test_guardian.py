"""The process between a worker and its engine."""

import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from executor.core import guardian

# Counts the SIGINTs it gets, until none has come for half a second.
ENGINE = """
    import signal, sys, time
    count = 0
    def hear(*_):
        global count
        count += 1
    signal.signal(signal.SIGINT, hear)
    open(sys.argv[1] + ".ready", "w").close()
    while not count:
        time.sleep(1)
    time.sleep(0.5)
    open(sys.argv[1], "w").write(str(count))
"""
WITHOUT_TOOLS = (sys.executable, "-I", "-S", "-c", guardian._WITHOUT_TOOLS)
WORKER = """
    import subprocess, sys, threading, time
    sys.path[:0] = {path!r}
    from executor.core import guardian
    if {without_tools}:
        guardian.shutil.which = lambda name: None
    for _ in range(20):
        threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
    command = guardian.guarded([sys.executable, "-c", {engine!r}, sys.argv[1]])
    threading.Thread(target=lambda: subprocess.Popen(command, start_new_session=True).wait()).start()
"""


@pytest.mark.parametrize("without_tools", [False, True])
def test_an_engine_hears_once_that_its_worker_of_many_threads_was_killed(
    tmp_path: Path, *, without_tools: bool
) -> None:
    """At a second SIGINT Terraform ends at once and may lose its state."""
    engine = textwrap.dedent(ENGINE)
    worker = textwrap.dedent(WORKER).format(
        path=sys.path, without_tools=without_tools, engine=engine
    )
    counts = [tmp_path / str(number) for number in range(8)]
    workers = [subprocess.Popen([sys.executable, "-c", worker, str(each)]) for each in counts]
    for process, count in zip(workers, counts, strict=True):
        _wait_for(count.with_name(f"{count.name}.ready"))
        process.kill()
        process.wait()
    for count in counts:
        _wait_for(count)
    assert [count.read_text() for count in counts] == ["1"] * 8


@pytest.mark.parametrize("without_tools", [False, True])
def test_the_end_of_an_engine_is_that_of_its_guardian(
    monkeypatch: pytest.MonkeyPatch, *, without_tools: bool
) -> None:
    if without_tools:
        monkeypatch.setattr(guardian, "_guardian", lambda: WITHOUT_TOOLS)
    ends = {"exit 3": 3, "kill -9 $$": -9, "kill -2 $$": -2, "exit 0": 0}
    for script, code in ends.items():
        command = guardian.guarded(["/bin/sh", "-c", script])
        ended = subprocess.run(command, capture_output=True, check=False)
        assert (ended.returncode, ended.stderr) == (code, b"")


def _wait_for(path: Path) -> None:
    deadline = time.monotonic() + 30
    while not (path.exists() and (path.suffix or path.read_text())):
        assert time.monotonic() < deadline
        time.sleep(0.02)
