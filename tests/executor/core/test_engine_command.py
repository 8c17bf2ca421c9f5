"""Commands of an engine that is stopped, and what is told of that."""

import errno
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from executor.core.accessor import Limits, LogLine
from executor.core.cancellation import CancelToken
from executor.core.outcome import ApplyOutput
from tests.executor.core.in_memory import InMemoryPlatform
from tests.executor.core.programs import registered

# An engine that plans at once, unless it is told how to waste its time.
ENGINE = """
    import os, signal, sys, time
    name = sys.argv[1]
    def stop(*_):
        print("stopping", flush=True)
        time.sleep(float(os.environ.get("STOPPING", 0)))
        open("terraform.tfstate", "w").write('{"version": 4, "serial": 2, "lineage": "a"}')
        print("Error: interrupted", file=sys.stderr)
        sys.exit(1)
    signal.signal(signal.SIGINT, stop)
    if name == "plan":
        open("plan.out", "w").write("plan")
    print(name, "begins", flush=True)
    while os.environ.get("COMMAND") == name:
        time.sleep(float(os.environ["PAUSE"]))
        print("still at it", flush=True)
"""


@pytest.fixture
def platform(tmp_path: Path) -> InMemoryPlatform:
    return InMemoryPlatform(registered(ENGINE, tmp_path), tmp_path)


def waste(platform: InMemoryPlatform, command: str, limits: Limits, pause: float = 0.1) -> None:
    platform.changes["environment"] = {"COMMAND": command, "PAUSE": str(pause)}
    platform.changes["limits"] = limits


@pytest.mark.parametrize(("command", "stage"), [("init", "init"), ("plan", "planning")])
def test_a_plan_that_takes_too_long_fails_with_the_limit(
    platform: InMemoryPlatform, command: str, stage: str
) -> None:
    waste(platform, command, Limits(plan=0.7, apply=60, silence=60))
    outcome = platform.run(stage)
    assert outcome.result == "failed"
    assert outcome.message == (
        f"The time limit of 0.7 seconds for a plan was exceeded by {command}:"
        " the engine was stopped."
    )
    for text in ("running for 0.7 s, its time limit", "SIGINT is sent", "stopping"):
        assert text in platform.text


def test_a_silent_engine_is_stopped(platform: InMemoryPlatform) -> None:
    waste(platform, "plan", Limits(plan=60, apply=60, silence=0.5), pause=60)
    outcome = platform.run("planning")
    assert (outcome.result, outcome.message) == (
        "failed",
        "The silence limit of 0.5 seconds was exceeded by plan: the engine was stopped.",
    )


def test_the_limit_holds_for_what_is_not_logged_as_well(platform: InMemoryPlatform) -> None:
    waste(platform, "show", Limits(plan=0.7))
    outcome = platform.plan()
    assert outcome.result == "failed"
    assert "The time limit of 0.7 seconds for a plan was exceeded by show" in outcome.message


def test_an_apply_that_takes_too_long_fails_and_keeps_its_state(
    platform: InMemoryPlatform,
) -> None:
    """It is not cancelled: nobody has asked for that."""
    waste(platform, "apply", Limits(plan=60, apply=0.7, silence=60))
    platform.run("planning")
    outcome = platform.run("applying", "apply")
    assert outcome.result == "failed"
    assert outcome.message == (
        "The time limit of 0.7 seconds for an apply was exceeded by apply: the engine was stopped."
    )
    assert isinstance(outcome.output, ApplyOutput)
    assert outcome.output.state is not None
    assert json.loads(outcome.output.state)["serial"] == 2


def test_no_limit_is_no_limit(platform: InMemoryPlatform) -> None:
    waste(platform, "nothing", Limits())
    assert platform.run("planning").result == "done"


def test_a_forced_cancel_leaves_the_engine_time_to_write_its_state(
    platform: InMemoryPlatform,
) -> None:
    waste(platform, "apply", Limits())
    platform.changes["environment"]["STOPPING"] = "1"
    platform.run("planning")
    cancel = CancelToken()

    def force() -> None:
        while "apply begins" not in [line.text for line in platform.published]:
            time.sleep(0.01)
        cancel.request("now", force=True)

    threading.Thread(target=force, daemon=True).start()
    outcome = platform.run("applying", "apply", cancel=cancel, force_grace=20)
    assert (outcome.result, outcome.message) == ("cancelled", "now")
    assert isinstance(outcome.output, ApplyOutput)
    assert b'"serial": 2' in (outcome.output.state or b"")
    assert "SIGTERM" not in platform.text


ON_A_FULL_DISK = """
import json, sys
from pathlib import Path
sys.path[:0] = {path!r}
from executor.core.accessor import EngineRelease
from tests.executor.core.in_memory import InMemoryPlatform
from tests.executor.core.refusing import refuse
platform = InMemoryPlatform(EngineRelease(**json.loads(sys.argv[1])), Path(sys.argv[2]))
platform.run("fetching")
refuse("fallocate", {number})
outcome = platform.run("planning")
print(json.dumps([outcome.result, outcome.message, platform.text]))
"""


def test_a_full_disk_fails_the_stage_with_a_reason(platform: InMemoryPlatform) -> None:
    """H1: the engine is not even started where it could not say what is wrong."""
    script = ON_A_FULL_DISK.format(path=sys.path, number=errno.ENOSPC)
    arguments = [json.dumps(vars(platform.release)), str(platform.root)]
    command = [sys.executable, "-c", script, *arguments]
    answer = subprocess.run(command, check=True, capture_output=True, text=True)
    result, message, log = json.loads(answer.stdout)
    assert result == "failed"
    assert message == "The disk of the work directory is full: the engine cannot be started."
    assert f"[ERROR] {message}" in log


class Distant(InMemoryPlatform):
    """Takes its time to store lines, and counts them only."""

    stored = 0
    largest = 0

    def publish_lines(self, lines: Sequence[LogLine]) -> None:
        self.largest = max(self.largest, resident_bytes())

    def store_lines(self, lines: Sequence[LogLine]) -> None:
        assert lines[0].number == self.stored + 1
        self.stored = lines[-1].number
        time.sleep(0.01)


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.large
def test_a_log_of_a_million_lines_is_stored_whole_in_little_memory(tmp_path: Path) -> None:
    program = """
        import sys
        open("plan.out", "w").write("plan")
        for number in range(1_000_000 if sys.argv[1] == "plan" else 0):
            print(f"module.x.aws_instance.web[{number}]: Refreshing state...")
    """
    platform = Distant(registered(program, tmp_path), tmp_path)
    assert platform.run("init").result == "done"
    platform.stored = 0
    before = resident_bytes()
    outcome = platform.run("planning")
    assert outcome.result == "done"
    assert platform.stored == outcome.last_line > 1_000_000
    assert platform.largest - before < 150 * 1024 * 1024
