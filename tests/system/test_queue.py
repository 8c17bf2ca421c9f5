"""Several tasks of one workspace, with real workers."""

from tests.system.configurations import command, resources
from tests.system.platform import Platform

SLOW = {"resource": {"terraform_data": {"slow": command("sleep 1.5")}}}


def test_changes_run_one_after_the_other_while_plans_run_beside_them(platform: Platform) -> None:
    """F12: the second waits for the first, until its apply has ended; plans do not wait."""
    workspace = platform.workspace(SLOW, auto_apply=True)
    first, second = workspace.start(), workspace.start()
    plan = workspace.start("plan_only")

    first.wait_for_stage("applying", "apply")
    assert second.status == "pending"
    assert plan.wait() == "success"
    assert first.wait() == "applied"
    assert second.wait() == "planned_and_finished"

    ended, began = first.get()["completed_at"], second.get()["started_at"]
    assert began >= ended
    assert plan.get()["completed_at"] < ended


def test_the_next_change_waits_while_one_waits_for_approval(platform: Platform) -> None:
    """F12: apply_pending holds the workspace."""
    workspace = platform.workspace(resources(one="1"))
    first, second = workspace.start(), workspace.start()

    assert first.wait("apply_pending") == "apply_pending"
    assert second.status == "pending"
    first.confirm()

    assert first.wait() == "applied"
    assert second.wait() == "planned_and_finished"


def test_a_task_whose_hint_was_lost_is_found_by_the_sweep(platform: Platform) -> None:
    """A message is only a wake-up: the row is found without it."""
    workspace = platform.workspace(resources(one="1"))
    platform.lose_messages()

    task = workspace.start("plan_only")
    platform.lose_messages()

    assert task.wait() == "success"
