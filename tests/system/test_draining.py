"""Workers that are told to stop while they work."""

import os
import signal
import time
from collections.abc import Iterator

import pytest

from tests.system.configurations import command, resources
from tests.system.platform import Platform, TaskUnderTest
from tests.system.test_cancelling import cancel

MANY = {"resource": {"terraform_data": {"many": {"count": 4000, "input": "${count.index}"}}}}


@pytest.fixture(autouse=True)
def _ends_with_the_usual_worker(platform: Platform) -> Iterator[None]:
    yield
    platform.move_to("host-a")


def tell_to_stop(platform: Platform, *, whole_group: bool = False) -> None:
    """SIGTERM, as an orchestrator or a shell sends it."""
    assert platform.worker is not None
    pid = platform.worker.process.pid
    (os.killpg if whole_group else os.kill)(pid, signal.SIGTERM)


def seconds_to_exit(platform: Platform, patience: float = 60.0) -> float:
    assert platform.worker is not None
    began = time.monotonic()
    assert platform.worker.process.wait(patience) == 0
    return time.monotonic() - began


def applying(platform: Platform, seconds: float) -> TaskUnderTest:
    """A task whose engine is making something for so long."""
    script = f"exec sleep {seconds:g}"
    code = {"resource": {"terraform_data": {"quick": {"input": "made"}, "slow": command(script)}}}
    task = platform.workspace(code, auto_apply=True).start()
    task.wait_for_stage("applying", "apply")
    platform.until(
        lambda: task.changes()["terraform_data.slow"]["apply_status"] == "applying",
        "the slow resource is being made",
    )
    return task


@pytest.mark.parametrize("whole_group", [False, True], ids=["process", "process group"])
def test_a_plan_is_handed_over_to_another_worker(platform: Platform, whole_group: bool) -> None:
    """The worker exits within seconds, and the attempt is not held against the task."""
    task = platform.workspace(MANY).start()
    task.wait_for_stage("planning")

    tell_to_stop(platform, whole_group=whole_group)

    assert seconds_to_exit(platform) < 25
    planning = task.stages("plan")["planning"]
    assert (planning["status"], planning["attempts"]) == ("ready", 0)
    platform.move_to("host-b")
    assert task.wait("apply_pending") == "apply_pending"
    assert task.stages("plan")["planning"]["worker"] == "host-b"
    assert "another one will run this stage" in task.log("plan")


def test_what_waits_for_a_slot_goes_to_another_worker(platform: Platform) -> None:
    """A message that was taken and not begun is lost, and its row is found again."""
    platform.move_to("host-d", slots=1)
    tasks = [platform.workspace(MANY).start()]
    tasks[0].wait_for_stage("planning")
    tasks += [platform.workspace(resources(one="1")).start() for _ in range(3)]

    tell_to_stop(platform)

    assert seconds_to_exit(platform) < 25
    platform.move_to("host-b")
    assert [task.wait("apply_pending") for task in tasks] == ["apply_pending"] * 4


def test_an_apply_runs_to_its_end_before_its_worker_exits(platform: Platform) -> None:
    task = applying(platform, seconds=8)

    tell_to_stop(platform)

    draining = "SELECT name FROM executor_workerhost WHERE draining AND name = %s"
    platform.until(lambda: platform.sql(draining, "host-a"), "the worker says that it stops")
    assert seconds_to_exit(platform) > 2
    assert task.stages("apply")["applying"]["status"] == "done"
    platform.move_to("host-b")
    assert task.wait() == "applied"


def test_an_apply_can_still_be_cancelled_while_its_worker_stops(platform: Platform) -> None:
    task = applying(platform, seconds=60)
    tell_to_stop(platform)
    time.sleep(0.5)

    began = time.monotonic()
    cancel(task, reason="not today", force=True)

    seconds_to_exit(platform)
    assert time.monotonic() - began < 40
    platform.move_to("host-b")
    assert task.wait() == "cancelled"
    assert task.get()["error_message"] == "not today"


def test_an_apply_that_takes_too_long_is_stopped_and_its_state_saved(platform: Platform) -> None:
    platform.move_to("host-c", DRAIN_GRACE_SECONDS="1")
    task = applying(platform, seconds=60)

    tell_to_stop(platform)

    assert seconds_to_exit(platform) < 40
    platform.move_to("host-b")
    assert task.wait() == "failed"
    assert "quick" in {row["name"] for row in task.workspace.state()["resources"]}
    assert not task.workspace.get()["is_locked"]


def test_a_worker_with_nothing_to_do_exits_at_once(platform: Platform) -> None:
    tell_to_stop(platform)

    assert seconds_to_exit(platform) < 25
