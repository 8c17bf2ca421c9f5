"""Cancelling with real engines at work."""

import contextlib
import time
from pathlib import Path

import pytest
import requests

from tests.system.configurations import command, resources
from tests.system.platform import Platform, TaskUnderTest

SLOW = {
    "resource": {
        "terraform_data": {
            "quick": {"input": "made"},
            "slow": command("exec sleep 60", depends_on=["terraform_data.quick"]),
            "never": {"input": "x", "depends_on": ["terraform_data.slow"]},
        }
    }
}


def cancel(task: TaskUnderTest, **body: object) -> None:
    task.workspace.post(f"/tasks/{task.task_id}/cancel", dict(body))


def test_an_apply_that_is_interrupted_keeps_what_it_made(platform: Platform) -> None:
    """C2b: the engine stops gracefully, and what exists is in the state."""
    task = a_slow_apply(platform)
    workspace = task.workspace
    with pytest.raises(requests.HTTPError, match="requires_force"):
        cancel(task, reason="wrong branch")

    cancel(task, reason="wrong branch", force=True)

    assert task.wait(seconds=30) == "cancelled"
    assert task.get()["error_message"] == "wrong branch"
    assert "quick" in {row["name"] for row in workspace.state()["resources"]}
    assert "never" not in {row["name"] for row in workspace.state()["resources"]}
    assert not workspace.get()["is_locked"]
    assert "SIGINT" in task.log("apply")


def test_a_plan_that_is_cancelled_changes_nothing(platform: Platform) -> None:
    """C2a: cancelled, not locked, its log kept, its directory gone."""
    many = {"count": 4000, "input": "${count.index}"}
    workspace = platform.workspace({"resource": {"terraform_data": {"many": many}}})
    task = workspace.start()
    task.wait_for_stage("planning")
    directory = platform.work_directory(workspace.workspace_id, task.task_id)

    cancel(task, reason="too many")

    assert task.wait(seconds=30) == "cancelled"
    assert not workspace.get()["is_locked"]
    assert "PLANNING BEGIN" in task.log("plan")
    platform.until(lambda: not directory.exists(), "the work directory is removed")


def test_a_plan_that_nobody_wants_makes_room_for_the_next(platform: Platform) -> None:
    workspace = platform.workspace(resources(one="1"))
    first, second = workspace.start(), workspace.start()
    first.wait("apply_pending")

    cancel(first)

    assert first.status == "cancelled"
    assert second.wait("apply_pending") == "apply_pending"


def test_the_engine_is_gone_soon_after_the_cancellation(platform: Platform) -> None:
    """K3: heard at once, not when the claim is renewed; the worker goes on with its other tasks."""
    other = a_slow_apply(platform)
    task = a_slow_apply(platform)
    assert engines(platform, task)

    cancel(task, reason="stop", force=True)
    began = time.monotonic()
    platform.until(lambda: not engines(platform, task), "the engine is gone")

    assert time.monotonic() - began < 2
    assert task.wait() == "cancelled"
    assert engines(platform, other)
    cancel(other, force=True)
    assert other.wait() == "cancelled"


def a_slow_apply(platform: Platform) -> TaskUnderTest:
    task = platform.workspace(SLOW, auto_apply=True).start()
    task.wait_for_stage("applying", "apply")
    platform.until(
        lambda: task.changes()["terraform_data.slow"]["apply_status"] == "applying",
        "the slow resource is being made",
    )
    return task


def engines(platform: Platform, task: TaskUnderTest) -> list[int]:
    """The processes that are at work in a task's directory."""
    directory = platform.work_directory(task.workspace.workspace_id, task.task_id)
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if (process / "cwd").readlink().is_relative_to(directory):
                found.append(int(process.name))
    return found
