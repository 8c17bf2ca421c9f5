"""Stage ``init``: when it is skipped, upgraded, tried again."""

from typing import Any

import pytest

from executor.core.cancellation import CancelToken
from executor.core.outcome import InitOutput
from executor.core.stages.init import SKIPPED
from tests.executor.core.in_memory import InMemoryPlatform

BODY: dict[str, Any] = {"resource": {"terraform_data": {"a": {}}}}


@pytest.fixture
def planned(platform: InMemoryPlatform) -> InMemoryPlatform:
    platform.body = BODY
    assert platform.plan().result == "done"
    return platform


def test_init_is_skipped_where_the_plan_was_made(planned: InMemoryPlatform) -> None:
    """S4-2: same host, same hash."""
    planned.run("fetching", "apply")
    outcome = planned.run("init", "apply")
    assert (outcome.result, outcome.skipped, outcome.message) == ("done", True, SKIPPED)
    assert f"[INFO] {SKIPPED}" in planned.text
    assert SKIPPED == "Init stage skipped — same agent, plan hash verified"


@pytest.mark.parametrize(
    "changes",
    [
        {"plan_host": "worker-9"},
        {"plan_host": ""},
        {"plan_hash": "0" * 64},
        {"plan_hash": "short"},
        {"plan_hash": ""},
        {"environment": {"ANOTHER": "snapshot"}},
    ],
)
def test_init_runs_again_on_any_difference(
    planned: InMemoryPlatform, changes: dict[str, Any]
) -> None:
    """S4-2, F23: host, hash and snapshot must match; a short or missing hash is no crash."""
    planned.changes |= changes
    planned.run("fetching", "apply")
    outcome = planned.run("init", "apply")
    assert (outcome.result, outcome.skipped) == ("done", False)
    assert isinstance(outcome.output, InitOutput)


def test_init_runs_again_where_the_plan_file_was_touched(planned: InMemoryPlatform) -> None:
    """S4-2: the hash of the local file counts."""
    (planned.directory() / "plan.out").write_bytes(b"another plan")
    planned.run("fetching", "apply")
    assert not planned.run("init", "apply").skipped


def test_init_runs_again_on_another_host(planned: InMemoryPlatform) -> None:
    """S4-2."""
    planned.run("fetching", "apply", host="worker-2")
    assert not planned.run("init", "apply", host="worker-2").skipped


def test_the_files_are_written_where_fetching_ran_elsewhere(platform: InMemoryPlatform) -> None:
    platform.body = BODY
    platform.run("fetching")
    outcome = platform.run("init", host="worker-2")
    assert outcome.result == "done"
    assert "The files of this task are not on this host" in platform.text


def test_an_error_of_the_network_is_tried_three_times(platform: InMemoryPlatform) -> None:
    platform.body = {"module": {"x": {"source": "http://127.0.0.1:1/module.zip"}}}
    platform.run("fetching")
    outcome = platform.run("init")
    assert outcome.result == "failed"
    assert "connection refused" in outcome.message
    assert platform.text.count("The network failed during init; trying again in 0.1 s.") == 2
    assert platform.text.count("Error: Failed to download module") == 3


def test_an_error_of_the_configuration_is_shown_whole_and_not_tried_again(
    platform: InMemoryPlatform,
) -> None:
    platform.body = {"module": {"x": {"source": "./missing"}}}
    platform.run("fetching")
    outcome = platform.run("init")
    assert outcome.result == "failed"
    assert "Unreadable module directory" in outcome.message
    assert "trying again" not in platform.text


def test_a_stop_ends_the_wait_for_the_next_try(platform: InMemoryPlatform) -> None:
    platform.body = {"module": {"x": {"source": "http://127.0.0.1:1/module.zip"}}}
    platform.run("fetching")
    cancel = CancelToken()
    publish = platform.publish_lines

    def cancel_at_the_retry(lines: Any) -> None:
        publish(lines)
        if any("trying again" in line.text for line in lines):
            cancel.request("no longer wanted")

    platform.publish_lines = cancel_at_the_retry  # type: ignore[method-assign]
    outcome = platform.run("init", cancel=cancel, init_waits=(60,))
    assert (outcome.result, outcome.message) == ("cancelled", "no longer wanted")


@pytest.mark.parametrize(
    ("changes", "upgraded"),
    [
        ({}, False),
        ({"last_init_hash": "another"}, True),
        ({"last_init_engine_version": "1.0.0"}, True),
        ({"last_init_hash": ""}, False),
    ],
)
def test_providers_are_upgraded_when_configuration_or_engine_changed(
    platform: InMemoryPlatform, changes: dict[str, str], *, upgraded: bool
) -> None:
    platform.body = {"module": {"x": {"source": "./y"}}}
    platform.run("fetching")
    (platform.directory() / "y").mkdir()
    (platform.directory() / "y" / "main.tf").write_text("")
    assert platform.run("init").result == "done", platform.text
    platform.changes |= changes
    platform.lines.clear()
    platform.run("init")
    assert ("Upgrading modules..." in platform.text) is upgraded


def test_a_stale_installation_is_removed_first(platform: InMemoryPlatform) -> None:
    platform.body = BODY
    platform.run("fetching")
    stale = platform.directory() / ".terraform" / "stale"
    stale.mkdir(parents=True)
    assert platform.run("init").result == "done"
    assert not stale.exists()
