"""What becomes of a task after its plan, with a real engine and real workers."""

import pytest

from tests.system.configurations import resources
from tests.system.platform import Platform


def test_a_plan_with_changes_waits_for_approval_and_is_applied(platform: Platform) -> None:
    workspace = platform.workspace(resources(one="1", two="2"))

    task = workspace.run()

    assert task.status == "apply_pending"
    lock = workspace.get()
    assert lock["is_locked"]
    assert f"task #{task.task_id}" in lock["lock_reason"]
    task.confirm()
    assert task.wait() == "applied"
    assert not workspace.get()["is_locked"]
    assert len(workspace.state()["resources"]) == 2
    statuses = {row["apply_status"] for row in task.changes().values()}
    assert statuses == {"completed"}


def test_a_plan_without_changes_is_planned_and_finished(platform: Platform) -> None:
    workspace = platform.workspace(resources(one="1"))
    workspace.apply()

    task = workspace.run()

    assert task.status == "planned_and_finished"
    assert not workspace.get()["is_locked"]


def test_a_change_of_outputs_alone_waits_for_approval(platform: Platform) -> None:
    """S4-6: zero resources change, but an output's value differs."""
    workspace = platform.workspace(resources(one="1"))
    workspace.apply()
    code = resources(one="1") | {"output": {"greeting": {"value": "hello"}}}
    platform.client.patch(workspace.path, {"tf_code": code})

    task = workspace.run()

    detail = task.get()
    assert detail["status"] == "apply_pending"
    assert (detail["changes_add"], detail["changes_change"], detail["changes_destroy"]) == (0, 0, 0)
    task.confirm()
    assert task.wait() == "applied"
    outputs = workspace.get("/state-outputs")["outputs"]
    assert outputs["greeting"]["value"] == "hello"


@pytest.mark.parametrize("run_type", ["plan", "plan_only", "drift_check"])
def test_a_task_that_only_reads_succeeds_and_locks_nothing(
    platform: Platform, run_type: str
) -> None:
    workspace = platform.workspace(resources(one="1"))

    task = workspace.run(run_type)

    assert task.status == "success"
    assert task.get()["stage"] == "completed"
    assert not workspace.get()["is_locked"]
    assert not task.stages("apply")


def test_auto_apply_goes_on_without_a_person(platform: Platform) -> None:
    """F7: confirmed by ``system``."""
    workspace = platform.workspace(resources(one="1"), auto_apply=True)

    task = workspace.start()

    assert task.wait() == "applied"
    assert task.get()["apply_confirmed_by"] == "system"


def test_targets_limit_the_plan(platform: Platform) -> None:
    workspace = platform.workspace(resources(one="1", two="2"))

    task = workspace.run(targets=["terraform_data.two"])

    assert set(task.changes()) == {"terraform_data.two"}


def test_the_timeline_and_the_transitions_tell_what_happened(platform: Platform) -> None:
    task = platform.workspace(resources(one="1")).apply()

    rows = task.get()["stages"]
    assert [(row["phase"], row["name"]) for row in rows] == [
        ("plan", "fetching"),
        ("plan", "init"),
        ("plan", "planning"),
        ("plan", "saving_plan"),
        ("apply", "fetching"),
        ("apply", "init"),
        ("apply", "restoring_plan"),
        ("apply", "applying"),
        ("apply", "saving_state"),
    ]
    assert all(row["worker"] == platform.host for row in rows)
    assert all(row["duration_ms"] >= 0 for row in rows)
    moves = [row["to_status"] for row in task.get("/transitions")["items"]]
    assert moves == ["pending", "running", "apply_pending", "running", "applied"]


def test_a_directory_is_removed_when_its_task_has_ended(platform: Platform) -> None:
    workspace = platform.workspace(resources(one="1"))

    task = workspace.run()
    directory = platform.work_directory(workspace.workspace_id, task.task_id)
    assert directory.is_dir()
    assert directory.stat().st_mode & 0o777 == 0o700
    task.confirm()
    task.wait()

    platform.until(lambda: not directory.exists(), "the work directory is removed")
