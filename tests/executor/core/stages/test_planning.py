"""Stage ``planning``: ``terraform plan`` in all its moods."""

import hashlib
import http.server
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from executor.core.cancellation import CancelToken
from executor.core.outcome import PlanFileOutput
from iacplatform.terraform.configuration import Configuration, Output, Variable
from tests.executor.core.in_memory import InMemoryPlatform


@pytest.fixture
def slow_server() -> Iterator[str]:
    """A state server that never answers: reading it makes a plan that takes for ever."""
    stopped = threading.Event()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            stopped.wait(60)

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}/"
        stopped.set()
        server.shutdown()
        thread.join()


def test_the_plan_file_is_handed_over_with_its_hash(platform: InMemoryPlatform) -> None:
    platform.body = {"resource": {"terraform_data": {"a": {}}}}
    platform.run("fetching")
    platform.run("init")
    outcome = platform.run("planning")
    assert isinstance(outcome.output, PlanFileOutput)
    content = (platform.directory() / "plan.out").read_bytes()
    assert outcome.output == PlanFileOutput(content, hashlib.sha256(content).hexdigest())
    assert (platform.directory() / "plan.out").stat().st_mode & 0o077 == 0
    assert "# terraform_data.a will be created" in platform.text


def test_a_plan_that_fails_shows_the_engines_whole_error_without_secrets(
    platform: InMemoryPlatform,
) -> None:
    """F27: masked in the message and in the log."""
    platform.body = {"resource": {"terraform_data": {"a": {"input": '${file("hunter22.txt")}'}}}}
    platform.changes["sensitive_values"] = ("hunter22",)
    outcome = platform.plan()
    assert outcome.result == "failed"
    assert outcome.message.startswith("Error: Invalid function argument")
    assert "main.tf.json" in outcome.message
    assert "***SENSITIVE***.txt" in outcome.message
    assert "hunter22" not in outcome.message + platform.text


def test_any_variable_survives(platform: InMemoryPlatform) -> None:
    """F19: quotes, newlines, templates; maps and lists in HCL."""
    text = 'say "no"\n${not.a.reference} %{ nor this } \\ \t äöü'
    platform.configuration = Configuration(
        bodies=(
            {"output": {"text": {"value": "${var.text}"}, "map": {"value": "${var.map.b[1]}"}}},
        ),
        variables=(
            Variable("text", text),
            Variable("map", '{ a = "x", b = ["one", "two"] }', "hcl"),
        ),
    )
    assert platform.plan().result == "done", platform.text
    assert platform.apply().result == "done", platform.text
    assert platform.applied is not None
    outputs = platform.outcomes[-2].output.outputs  # type: ignore[union-attr]
    assert outputs["text"]["value"] == text
    assert outputs["map"]["value"] == "two"


def test_a_line_of_a_megabyte_is_kept_whole(platform: InMemoryPlatform) -> None:
    """F21: neither cut nor an end to the reading."""
    platform.configuration = Configuration(
        bodies=({},), outputs=(Output("", "long", "x" * 1024 * 1024),)
    )
    assert platform.plan().result == "done"
    assert max(len(line.text) for line in platform.lines) > 1024 * 1024


def test_targets_and_arguments_reach_the_engine(platform: InMemoryPlatform) -> None:
    platform.body = {"resource": {"terraform_data": {"a": {}, "b": {}, "c": {}}}}
    platform.changes |= {
        "targets": ("terraform_data.b",),
        "environment": {"TF_CLI_ARGS": "-target=terraform_data.a"},
    }
    assert platform.plan().result == "done"
    assert platform.summary is not None
    changes = platform.summary.summary.resource_changes
    assert [change.address for change in changes] == ["terraform_data.a", "terraform_data.b"]


def test_a_drift_check_only_refreshes(platform: InMemoryPlatform) -> None:
    platform.body = {"resource": {"terraform_data": {"a": {}}}}
    platform.changes |= {"task_type": "drift_check", "targets": ("terraform_data.x",)}
    assert platform.plan().result == "done", platform.text
    assert platform.summary is not None
    assert platform.summary.summary.add == 0


def test_a_plan_that_is_cancelled_stops_at_once(
    platform: InMemoryPlatform, slow_server: str
) -> None:
    config: dict[str, Any] = {"address": slow_server}
    source = {"backend": "http", "config": config}
    platform.body = {"data": {"terraform_remote_state": {"slow": source}}}
    platform.run("fetching")
    platform.run("init")
    cancel = CancelToken()
    threading.Timer(1, cancel.request, ["no longer wanted"]).start()
    started = time.monotonic()
    outcome = platform.run("planning", cancel=cancel, plan_grace=1)
    assert time.monotonic() - started < 10
    assert (outcome.result, outcome.message) == ("cancelled", "no longer wanted")
    assert "SIGINT is sent to the engine." in platform.text


def test_the_directory_is_made_again_where_init_ran_elsewhere(platform: InMemoryPlatform) -> None:
    platform.body = {"resource": {"terraform_data": {"a": {}}}}
    platform.run("fetching")
    platform.run("init")
    assert platform.run("planning", host="worker-2").result == "done"
    assert "The work directory is not initialised on this host" in platform.text
