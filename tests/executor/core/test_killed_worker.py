"""Worker processes that are killed at any moment: no line of their engine is lost, none comes twice."""

import json
import random
import re
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from executor.core.accessor import LogLine
from tests.executor.core.in_memory import APPLY_STAGES, PLAN_STAGES, InMemoryPlatform
from tests.executor.core.programs import registered

WORKER = """
    import json, sys
    from pathlib import Path
    sys.path[:0] = {path!r}
    from executor.core.accessor import EngineRelease
    from tests.executor.core.in_memory import InMemoryPlatform

    class Durable(InMemoryPlatform):
        "Keeps what is stored as a database does: whole or not at all, also when it is killed."

        def store_lines(self, lines):
            super().store_lines(lines)
            rows = [{{**vars(line), "at": line.at.isoformat()}} for line in lines]
            draft = self.root / "draft"
            draft.write_text(json.dumps(rows))
            draft.rename(self.root / "stored" / format(lines[0].number, "09"))

    release, root, body, changes = json.loads(sys.argv[1])
    platform = Durable(EngineRelease(**release), Path(root), body, changes=changes)
    print("ready", flush=True)
    for stage, phase in {stages!r}:
        platform.run(stage, phase)
"""
# Speaks on both outputs in turn, counts what it has said, and has more to say when it is stopped.
TALKATIVE = """
    import os, signal, sys, time
    if sys.argv[1] == "init" or os.environ["MODE"] == "quiet":
        print("quiet", *sys.argv[1:2])
        open("plan.out", "w").write("plan")
        sys.exit()
    count = [0, 0]
    told = []
    signal.signal(signal.SIGINT, lambda *_: told.append(1))
    def say(stream, text):
        os.write(stream + 1, f"{text} {count[stream]}\\n".encode())
        count[stream] += 1
    while not told:
        for _ in range(int(os.environ["BURST"])):
            say(0, "out")
        say(1, "err")
        time.sleep(float(os.environ["PAUSE"]))
    for _ in range(100):
        say(0, "out")
        say(1, "err")
    open(os.environ["SAID"], "w").write(f"{count[0]} {count[1]}")
    sys.exit(1)
"""
# Plans until somebody has had ENOUGH, whoever tells it to stop.
STUBBORN = """
    import os, signal, sys, time
    if sys.argv[1] == "plan":
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        print("planning", flush=True)
        while not os.path.exists(os.environ["ENOUGH"]):
            time.sleep(0.02)
        open("plan.out", "w").write("plan")
"""


def wait_until(condition: Callable[[], Any], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come to that"
        time.sleep(0.005)


def stored_lines(platform: InMemoryPlatform) -> list[LogLine]:
    batches = sorted((platform.root / "stored").iterdir())
    rows = [row for batch in batches for row in json.loads(batch.read_text())]
    return [LogLine(**{**row, "at": datetime.fromisoformat(row["at"])}) for row in rows]


def raw_output(platform: InMemoryPlatform) -> str:
    files = platform.directory().glob(".iacplatform/output/*/*.stdout")
    return "".join(file.read_text() for file in files)


def run_and_kill(
    platform: InMemoryPlatform, stages: Sequence[tuple[str, str]], moment: Callable[[], None]
) -> None:
    """Runs stages in a worker process that is killed when ``moment`` returns."""
    (platform.root / "stored").mkdir(exist_ok=True)
    text = textwrap.dedent(WORKER.format(path=sys.path, stages=stages))
    task = [vars(platform.release), str(platform.root), platform.body, platform.changes]
    command = [sys.executable, "-c", text, json.dumps(task)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as worker:
        try:
            assert worker.stdout
            worker.stdout.readline()
            moment()
        finally:
            worker.kill()
    platform.lines += stored_lines(platform)


@pytest.fixture
def talkative(tmp_path: Path) -> InMemoryPlatform:
    """A platform whose engine is a program that never stops talking, until it is told to."""
    return InMemoryPlatform(registered(TALKATIVE, tmp_path), tmp_path)


@pytest.mark.parametrize(
    ("seed", "burst", "pause"),
    [*((seed, 3, 0.002) for seed in range(6)), (6, 2000, 0.01), (7, 1, 0.5)],
)
def test_every_line_of_a_killed_workers_engine_is_in_the_log_once(
    talkative: InMemoryPlatform, seed: int, burst: int, pause: float
) -> None:
    count = talkative.root / "said"
    environment = {"MODE": "loud", "BURST": str(burst), "PAUSE": str(pause), "SAID": str(count)}
    talkative.changes["environment"] = environment
    stages = [("fetching", "plan"), ("init", "plan"), ("planning", "plan")]

    def moment() -> None:
        wait_until(lambda: "out 1\n" in raw_output(talkative))
        time.sleep(random.Random(seed).uniform(0.1, 2.5))

    run_and_kill(talkative, stages, moment)
    environment["MODE"] = "quiet"
    wait_until(lambda: talkative.run("planning").result == "done")
    for name, total in zip(("out", "err"), count.read_text().split(), strict=True):
        spoken = [line.text for line in talkative.lines if re.fullmatch(rf"{name} \d+", line.text)]
        assert spoken == [f"{name} {number}" for number in range(int(total))]
    assert [line.number for line in talkative.lines] == list(range(1, len(talkative.lines) + 1))
    assert list((talkative.directory() / ".iacplatform" / "output").iterdir()) == []


def test_an_engine_that_outlives_its_worker_holds_up_its_own_host_alone(tmp_path: Path) -> None:
    platform = InMemoryPlatform(registered(STUBBORN, tmp_path), tmp_path)
    enough = tmp_path / "enough"
    platform.changes["environment"] = {"ENOUGH": str(enough)}
    stages = [("fetching", "plan"), ("init", "plan"), ("planning", "plan")]
    try:
        run_and_kill(
            platform, stages, lambda: wait_until(lambda: "planning" in raw_output(platform))
        )
        time.sleep(0.5)  # in which it is told to stop
        assert platform.run("planning").result == "postponed"
        platform.changes["environment"] = {"ENOUGH": str(tmp_path)}
        assert platform.run("planning", host="worker-2").result == "done"
        assert platform.run("planning").result == "postponed"
    finally:
        enough.touch()
    wait_until(lambda: platform.run("planning").result == "done")


def test_what_an_engine_says_while_it_stops_for_a_killed_worker_is_in_the_log(
    platform: InMemoryPlatform,
) -> None:
    """kill -9 in the middle of an apply: the rescue has the engine's last words."""
    slow = {"provisioner": [{"local-exec": {"command": "echo ready; exec sleep 60"}}]}
    platform.body = {"resource": {"terraform_data": {"slow": slow}}}
    stages = [
        *((stage, "plan") for stage in PLAN_STAGES),
        *((stage, "apply") for stage in APPLY_STAGES),
    ]
    run_and_kill(
        platform,
        stages,
        lambda: wait_until(lambda: "(local-exec): ready" in raw_output(platform)),
    )
    assert "Gracefully shutting down..." not in platform.text
    platform.changes["apply_owner"] = "worker-1"
    wait_until(lambda: platform.run("rescue", "apply").result == "done")
    for words in ("(local-exec): ready", "Gracefully shutting down..."):
        assert platform.text.count(words) == 1
    assert "execution halted" in platform.text
    assert "[WARN] What the engine of an earlier attempt at applying went on" in platform.text
