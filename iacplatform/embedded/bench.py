"""``make bench``: the platform against the bare engine, in one run on one machine.

Terraform 1.0.3 with ten ``null_resource``. Ratios are wall time with the platform over wall time without,
so they say the same on a slow machine and on a fast one.
"""

import json
import os
import statistics
import subprocess
import tempfile
import time
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from iacplatform.embedded.bench_engine import BenchEngine, bench_engine
from iacplatform.embedded.client import PlatformClient
from iacplatform.embedded.demo import announce
from iacplatform.embedded.exceptions import DemoFailedError
from iacplatform.embedded.stack import PROJECT, running_stack

RUNS = 10
WORKSPACES = 40
SLOTS = os.cpu_count() or 2
POLL_SECONDS = 2.0
LOG_LINES = 200
LOG_PAUSE = 0.02
TEN_RESOURCES: dict[str, Any] = {
    "terraform": {"required_providers": {"null": {"source": "hashicorp/null"}}},
    "resource": {"null_resource": {f"r{number}": {} for number in range(10)}},
}
TALKATIVE = f"for i in $(seq {LOG_LINES}); do date +sent=%s.%N; sleep {LOG_PAUSE}; done"
BARE = (
    "{engine} init -input=false -no-color && {engine} plan -input=false -no-color -out=plan.out && "
    "{engine} show -json plan.out > plan.json && {engine} apply -no-color -auto-approve plan.out"
)
Seconds = float


def bench(console: Console, run_dir: Path, port: int) -> None:
    """Measures overhead, log latency and throughput, and prints a line for each."""
    console.rule("iacplatform bench")
    with announce(console, "Terraform 1.0.3 and the null provider"):
        engine = bench_engine(PROJECT / ".cache")
    settings = {"ENGINE_CLI_CONFIG_FILE": str(engine.cli_config), "API_RATE_USER": "0"}
    with running_stack(
        run_dir,
        partial(announce, console),
        port=port,
        engine=engine.archive,
        slots=SLOTS,
        settings=settings,
    ) as stack:
        client = PlatformClient(stack.base_url, stack.token)
        results = [
            _overhead(console, client, engine),
            _log_latency(console, client),
            _throughput(console, client, engine),
        ]
    for result in results:
        console.print(result)


def _overhead(console: Console, client: PlatformClient, engine: BenchEngine) -> str:
    bare, platform, tasks = [], [], []
    _run_task(client, TEN_RESOURCES)  # the first one downloads the engine
    for _ in range(RUNS):
        bare.append(_bare_run(engine))
        seconds, task = _run_task(client, TEN_RESOURCES)
        platform.append(seconds)
        tasks.append(task)
    _print_stages(console, tasks)
    with_it, without = statistics.median(platform), statistics.median(bare)
    console.print(f"median of {RUNS}: platform {with_it:.3f} s, bare engine {without:.3f} s")
    return f"overhead_ratio={with_it / without:.3f}"


def _bare_run(engine: BenchEngine) -> Seconds:
    with tempfile.TemporaryDirectory() as directory:
        _write_configuration(Path(directory))
        begin = time.monotonic()
        subprocess.run(
            ["sh", "-c", BARE.format(engine=engine.binary)],
            cwd=directory,
            env=_bare_environment(engine),
            check=True,
            stdout=subprocess.DEVNULL,
        )
        return time.monotonic() - begin


def _bare_environment(engine: BenchEngine) -> dict[str, str]:
    config = {"TF_CLI_CONFIG_FILE": str(engine.cli_config), "CHECKPOINT_DISABLE": "1"}
    return {**os.environ, **config}


def _write_configuration(directory: Path) -> None:
    (directory / "main.tf.json").write_text(json.dumps(TEN_RESOURCES))


def _run_task(client: PlatformClient, code: dict[str, Any]) -> tuple[Seconds, dict[str, Any]]:
    """Runs a plan-and-apply with auto_apply; seconds from asking for it to hearing of its end."""
    path = _new_workspace(client, code)
    begin = time.monotonic()
    task = _start(client, path)
    client.wait(task["id"])
    elapsed = time.monotonic() - begin
    ended = client.get(f"{path}/tasks/{task['id']}")
    _expect_applied(ended)
    return elapsed, ended


def _new_workspace(client: PlatformClient, code: dict[str, Any]) -> str:
    name = f"bench-{time.time_ns()}"
    body = {"name": name, "auto_apply": True, "tf_code": code}
    return f"/workspaces/{client.post('/workspaces', body)['workspace_id']}"


def _print_stages(console: Console, tasks: list[dict[str, Any]]) -> None:
    """Says what the time goes to: running each stage, and the gaps between them."""
    spent: dict[str, list[float]] = defaultdict(list)
    gaps: list[float] = []
    for task in tasks:
        ends = None
        for stage in task["stages"]:
            spent[f"{stage['phase']} {stage['name']}"].append(stage["duration_ms"])
            if ends:
                gaps.append((_time(stage["started_at"]) - ends).total_seconds() * 1000)
            ends = _time(stage["finished_at"])
    table = Table("Stage", "Median ms", title="What the time goes to")
    for name, values in spent.items():
        table.add_row(name, f"{statistics.median(values):.0f}")
    table.add_row("between two stages", f"{statistics.median(gaps):.0f}")
    console.print(table)


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _log_latency(console: Console, client: PlatformClient) -> str:
    """From a program that the engine runs printing a line to a WebSocket client having it."""
    provisioner = {"local-exec": {"command": TALKATIVE, "interpreter": ["bash", "-c"]}}
    code = {"resource": {"null_resource": {"talkative": {"provisioner": [provisioner]}}}}
    path = _new_workspace(client, code)
    task = client.post(f"{path}/tasks", {"run_type": "plan_and_apply"})
    delays = []
    for message in client.stream(task["id"]):
        _, found, sent = message.get("line", "").rpartition("sent=")
        if found and "(local-exec): sent=" in message["line"]:
            delays.append((datetime.now(UTC).timestamp() - float(sent)) * 1000)
    if len(delays) != LOG_LINES:
        raise DemoFailedError(f"{len(delays)} of {LOG_LINES} log lines arrived")
    cuts = statistics.quantiles(delays, n=20)
    console.print(f"{len(delays)} log lines to a WebSocket client: p50 {cuts[9]:.0f} ms")
    return f"log_p95_ms={cuts[18]:.0f}"


def _throughput(console: Console, client: PlatformClient, engine: BenchEngine) -> str:
    """The same work by both, at the same number at once; workspaces and directories are there."""
    without = _bare_batch(engine)
    with_it = _platform_batch(client)
    console.print(
        f"{WORKSPACES} workspaces at once, {SLOTS} at a time: "
        f"platform {with_it:.1f} s, xargs -P {SLOTS} {without:.1f} s"
    )
    return f"throughput_ratio={with_it / without:.3f}"


def _bare_batch(engine: BenchEngine) -> Seconds:
    with tempfile.TemporaryDirectory() as root:
        directories = [Path(root, str(number)) for number in range(WORKSPACES)]
        for directory in directories:
            directory.mkdir()
            _write_configuration(directory)
        run = f'cd "$0" && {BARE.format(engine=engine.binary)}'
        begin = time.monotonic()
        subprocess.run(
            ["xargs", "-P", str(SLOTS), "-n", "1", "sh", "-c", run],
            input="\n".join(map(str, directories)),
            text=True,
            env=_bare_environment(engine),
            check=True,
            stdout=subprocess.DEVNULL,
        )
        return time.monotonic() - begin


def _platform_batch(client: PlatformClient) -> Seconds:
    """From the creation of the first task to the end of the last, as the platform recorded them."""
    paths = [_new_workspace(client, TEN_RESOURCES) for _ in range(WORKSPACES)]
    with ThreadPoolExecutor(max_workers=WORKSPACES) as pool:
        started = list(pool.map(partial(_start, client), paths))
    while _unapplied(client):
        time.sleep(POLL_SECONDS)
    ended = [
        client.get(f"{path}/tasks/{task['id']}") for path, task in zip(paths, started, strict=True)
    ]
    for task in ended:
        _expect_applied(task)
    first = min(_time(task["created_at"]) for task in ended)
    return (max(_time(task["completed_at"]) for task in ended) - first).total_seconds()


def _unapplied(client: PlatformClient) -> int:
    """How many of the newest workspaces were not applied yet: one request for all of them."""
    newest = client.get("/workspaces", ordering="-created_at", page_size=WORKSPACES)["items"]
    return sum(workspace["last_apply_at"] is None for workspace in newest)


def _start(client: PlatformClient, path: str) -> dict[str, Any]:
    return client.post(f"{path}/tasks", {"run_type": "plan_and_apply"})


def _expect_applied(task: dict[str, Any]) -> None:
    if task["status"] != "applied":
        raise DemoFailedError(f"task #{task['id']} ended as {task['status']}")
