"""Stage ``rescue``: what is left of an apply whose worker was lost."""

import json
import multiprocessing
import time
from datetime import UTC, datetime

import pytest

from executor.core.cancellation import CancelToken
from executor.core.outcome import ApplyOutput, StageOutcome, StateSource
from executor.core.workdir import STATE_FILE, WorkDirectory
from tests.executor.core.in_memory import InMemoryPlatform


def state(serial: int, lineage: str = "a") -> bytes:
    instance = {"attributes": {"id": f"i-{serial}"}}
    resource = {"mode": "managed", "type": "t", "name": "n", "instances": [instance]}
    content = {"version": 4, "serial": serial, "lineage": lineage, "resources": [resource]}
    output = {"o": {"value": "hunter22", "type": "string"}}
    return json.dumps(content | {"outputs": output}).encode()


@pytest.fixture
def lost(platform: InMemoryPlatform) -> InMemoryPlatform:
    """A platform whose worker on ``worker-1`` was lost while it applied; serial 5 was saved."""
    platform.changes["apply_owner"] = "worker-1"
    platform.state = state(5)
    return platform


def leave(platform: InMemoryPlatform, content: bytes | None) -> WorkDirectory:
    """Leaves the work directory on ``worker-1``, with this state file."""
    workdir = WorkDirectory(platform.root / "worker-1", "ws-test", 7)
    workdir.create()
    if content is not None:
        workdir.write(STATE_FILE, content)
    return workdir


def checkpoint(platform: InMemoryPlatform, content: bytes) -> None:
    platform.checkpoints.append((datetime.now(UTC), content))


def found(outcome: StageOutcome) -> tuple[StateSource, bytes | None]:
    assert outcome.result == "done", outcome.message
    assert isinstance(outcome.output, ApplyOutput)
    return outcome.output.source, outcome.output.state


def test_the_state_of_the_work_directory_is_taken_where_the_apply_ran(
    lost: InMemoryPlatform,
) -> None:
    leave(lost, state(8))
    checkpoint(lost, state(7))
    outcome = lost.run("rescue", "apply")
    assert found(outcome) == ("work_directory", state(8))
    assert "in the work directory on worker-1" in outcome.message
    assert "serial 8" in outcome.message
    assert outcome.message in lost.text
    assert "The worker on worker-1 was lost while it applied." in lost.text
    assert "never applied twice" in lost.text


def test_outputs_and_ids_are_handed_over_without_secrets(lost: InMemoryPlatform) -> None:
    """F27."""
    leave(lost, state(8))
    lost.changes["sensitive_values"] = ("hunter22",)
    output = lost.run("rescue", "apply").output
    assert isinstance(output, ApplyOutput)
    assert output.outputs["o"]["value"] == "***SENSITIVE***"
    assert output.resource_ids == {"t.n": "i-8"}


@pytest.mark.parametrize("serial", [7, 5])
def test_a_state_as_old_as_the_newest_known_one_is_whole(
    lost: InMemoryPlatform, serial: int
) -> None:
    """Nothing was changed since: with serial 5, nothing at all."""
    leave(lost, state(serial))
    if serial == 7:
        checkpoint(lost, state(7))
    assert found(lost.run("rescue", "apply")) == ("work_directory", state(serial))


@pytest.mark.parametrize(
    ("left", "reason"),
    [
        (None, "It is missing."),
        (b"", "The state is not JSON"),
        (state(8)[:-20], "The state is not JSON"),
        (state(8, lineage="b"), "It is of another lineage."),
        (state(6), "Its serial is 6, but 7 is known already."),
    ],
    ids=["missing", "empty", "torn", "foreign", "older"],
)
def test_a_state_file_that_cannot_be_the_newest_gives_way_to_the_checkpoint(
    lost: InMemoryPlatform, left: bytes | None, reason: str
) -> None:
    leave(lost, left)
    checkpoint(lost, state(7))
    outcome = lost.run("rescue", "apply")
    assert found(outcome) == ("checkpoint", state(7))
    assert f"The state file in the work directory on worker-1 is not used. {reason}" in lost.text
    assert "serial 7" in outcome.message
    assert "last second" in outcome.message


def test_without_a_checkpoint_a_state_file_is_compared_with_the_saved_state(
    lost: InMemoryPlatform,
) -> None:
    leave(lost, state(4))
    outcome = lost.run("rescue", "apply")
    assert found(outcome) == ("nothing", None)
    assert "Its serial is 4, but 5 is known already." in lost.text


def test_another_host_takes_the_checkpoint_and_makes_no_work_directory(
    lost: InMemoryPlatform,
) -> None:
    leave(lost, state(8))
    checkpoint(lost, state(7))
    outcome = lost.run("rescue", "apply", host="worker-2")
    assert found(outcome) == ("checkpoint", state(7))
    assert "The work directory of the apply is not here, on worker-2." in lost.text
    assert not lost.directory("worker-2").exists()


def test_a_directory_that_an_earlier_phase_left_on_another_host_is_not_looked_at(
    lost: InMemoryPlatform,
) -> None:
    leave(lost, state(8))
    lost.changes["apply_owner"] = "worker-2"
    assert found(lost.run("rescue", "apply")) == ("nothing", None)


def test_an_owner_that_has_lost_its_directory_makes_none(lost: InMemoryPlatform) -> None:
    outcome = lost.run("rescue", "apply")
    assert found(outcome) == ("nothing", None)
    assert not lost.directory().exists()
    assert "in no state" in outcome.message


def test_a_first_apply_that_made_nothing_leaves_no_doubt(lost: InMemoryPlatform) -> None:
    leave(lost, None)
    lost.state = None
    outcome = lost.run("rescue", "apply")
    assert found(outcome) == ("work_directory", None)
    assert "had not made anything" in outcome.message


def test_the_first_state_of_a_workspace_is_taken_whatever_its_lineage(
    lost: InMemoryPlatform,
) -> None:
    leave(lost, state(1, lineage="new"))
    lost.state = None
    assert found(lost.run("rescue", "apply")) == ("work_directory", state(1, lineage="new"))


def test_an_engine_that_still_stops_postpones_the_rescue_at_once(lost: InMemoryPlatform) -> None:
    other = leave(lost, state(8))
    with other.lock(CancelToken(), 1):
        outcome = lost.run("rescue", "apply", lock_wait=60)
        assert (outcome.result, outcome.output) == ("postponed", None)
        assert "still running" in outcome.message
        assert lost.text == ""  # it may be put off for hours: the timeline says so
        assert found(lost.run("rescue", "apply", host="worker-2")) == ("nothing", None)
    lost.lines.clear()
    assert found(lost.run("rescue", "apply")) == ("work_directory", state(8))
    assert (lost.lines[0].kind, lost.lines[-1].kind) == ("stage_marker", "stage_marker")


@pytest.mark.parametrize("stop", ["request", "hand_over"])
def test_a_rescue_finishes_first(lost: InMemoryPlatform, stop: str) -> None:
    leave(lost, state(8))
    cancel = CancelToken()
    getattr(cancel, stop)("no longer wanted")
    assert found(lost.run("rescue", "apply", cancel=cancel)) == ("work_directory", state(8))


def test_what_is_rescued_can_be_saved(lost: InMemoryPlatform) -> None:
    leave(lost, state(8))
    lost.run("rescue", "apply")
    assert lost.run("saving_state", "apply").result == "done"
    assert lost.state_versions == [state(8)]


def apply_in_this_process(platform: InMemoryPlatform) -> None:
    platform.run("applying", "apply")


def test_a_killed_worker_leaves_a_state_that_is_whole_once_its_engine_has_stopped(
    platform: InMemoryPlatform,
) -> None:
    started = platform.root / "started"
    command = f"touch {started}; sleep 4 & wait"  # an engine waits for what it has started
    provisioner = {"local-exec": {"command": command}}
    slow = {"provisioner": [provisioner], "depends_on": ["terraform_data.quick"]}
    platform.body = {"resource": {"terraform_data": {"quick": {}, "slow": slow}}}
    platform.plan()
    worker = multiprocessing.get_context("spawn").Process(
        target=apply_in_this_process, args=(platform,)
    )
    worker.start()
    while not started.exists():
        time.sleep(0.02)
    worker.kill()
    worker.join()
    platform.changes["apply_owner"] = "worker-1"
    results = [platform.run("rescue", "apply")]
    while results[-1].result == "postponed":
        time.sleep(0.2)
        results.append(platform.run("rescue", "apply"))
    source, content = found(results[-1])
    assert source == "work_directory"
    assert {each["name"] for each in json.loads(content or b"")["resources"]} == {"quick", "slow"}
    assert results[0].result == "postponed"
