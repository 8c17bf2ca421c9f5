"""The chain of stages as rows: what follows what, and how a task ends."""

from datetime import timedelta
from typing import Any

import pytest
from django.db.models import F
from django.db.models.functions import Now
from pytest_django import Settings

from executor.claims import claim_stage, new_token
from executor.core.outcome import ApplyOutput, PlanFileOutput, PlanOutput, SavedStateOutput
from executor.pipeline import open_gate, refuse_gate, review_gate, waiting_gates
from iacplatform.terraform.plan import PlanSummary, ResourceChange
from tests.domain import (
    a_running_task,
    a_user,
    a_workspace,
    claimed,
    finish_plan,
    finish_stage,
    nothing_open,
    open_stage,
    statuses,
)
from tests.factories import ResourceFactory
from tests.interruptions import an_unsaved_task
from workspaces.gates import Answer, Refused
from workspaces.models import TaskSnapshot, TaskStage, Workspace, WorkspaceTask
from workspaces.services.queue import start_next
from workspaces.services.state_saving import retry_state_save
from workspaces.services.tasks import create_task, start_apply
from workspaces.task_status import TaskStatus, TaskType
from workspaces.transitions import transition

pytestmark = pytest.mark.django_db
BUSY = "An engine of an earlier attempt is still running"
CHANGES = {"add": 1, "has_changes": True}
STATE = b'{"version": 4, "serial": 1, "lineage": "x", "resources": []}'


def apply_until_saved(task: WorkspaceTask, **outcome: Any) -> None:
    for _ in ("fetching", "init", "restoring_plan"):
        finish_stage(task)
    finish_stage(task, **({"output": ApplyOutput(STATE)} | outcome))


def test_a_plan_with_changes_locks_the_workspace_and_waits_for_approval() -> None:
    task = a_running_task()

    finish_plan(task, **CHANGES)

    workspace = Workspace.objects.get(pk=task.workspace_id)
    assert (task.status, task.stage) == ("apply_pending", "apply_pending")
    assert (workspace.is_locked, workspace.lock_task) == (True, task)
    assert f"task #{task.pk}" in workspace.lock_reason
    assert nothing_open(task)


def test_a_plan_without_changes_is_planned_and_finished() -> None:
    task = a_running_task()

    finish_plan(task, has_changes=False)

    assert task.status == TaskStatus.PLANNED_AND_FINISHED
    assert not Workspace.objects.get(pk=task.workspace_id).is_locked


@pytest.mark.parametrize("task_type", [TaskType.PLAN_ONLY, TaskType.DRIFT_CHECK])
def test_a_task_that_only_reads_succeeds_whatever_it_found(task_type: TaskType) -> None:
    task = a_running_task(task_type)

    finish_plan(task, **CHANGES)

    assert (task.status, task.stage) == ("success", "completed")
    assert not Workspace.objects.get(pk=task.workspace_id).is_locked


def test_an_output_only_change_waits_for_approval() -> None:
    """S4-6: counts of zero, but an output's value differs."""
    task = a_running_task()

    finish_plan(task, has_changes=True)

    assert (task.status, task.changes_add) == ("apply_pending", 0)


def test_auto_apply_confirms_as_system_and_goes_on() -> None:
    """F7: auto_apply starts the apply without a human."""
    task = a_running_task(auto_apply=True)

    finish_plan(task, **CHANGES)

    assert (task.status, task.stage, task.apply_confirmed_by) == ("running", "fetching", "system")
    assert open_stage(task).phase == "apply"


def test_auto_apply_fails_a_task_whose_snapshot_cannot_be_applied() -> None:
    task = a_running_task(auto_apply=True)
    TaskSnapshot.objects.filter(task=task).update(provider_config=None)

    finish_plan(task, **CHANGES)

    assert task.status == TaskStatus.FAILED
    assert "has no provider_config" in task.error_message
    assert not task.stages.filter(phase="apply").exists()
    assert not Workspace.objects.get(pk=task.workspace_id).is_locked


@pytest.mark.parametrize(("targets", "noted"), [([], True), (["null_resource.one"], False)])
def test_a_whole_apply_is_noted_on_the_resources_of_its_snapshot(
    targets: list[str], noted: bool
) -> None:
    workspace = a_workspace()
    resource = ResourceFactory.create(workspace=workspace)
    task = create_task(workspace, user=None, task_type=TaskType.PLAN_AND_APPLY, targets=targets)
    later = ResourceFactory.create(workspace=workspace)
    start_next(workspace.pk)
    task.refresh_from_db()
    finish_plan(task, **CHANGES)
    start_apply(task, actor="ada")

    apply_until_saved(task)
    finish_stage(task, output=SavedStateOutput(version=1))

    resource.refresh_from_db()
    later.refresh_from_db()
    assert (resource.last_applied_at is not None, later.last_applied_at) == (noted, None)


def test_without_auto_apply_no_apply_stage_is_opened() -> None:
    """F7: false means never."""
    task = a_running_task()

    finish_plan(task, **CHANGES)

    assert not task.stages.filter(phase="apply").exists()


def test_a_workspace_that_cannot_be_locked_fails_the_task() -> None:
    """H7: never apply_pending without the lock."""
    task = a_running_task()
    Workspace.objects.filter(pk=task.workspace_id).update(
        is_locked=True, locked_by="grace", lock_reason="freeze"
    )

    finish_plan(task, **CHANGES)

    assert task.status == TaskStatus.FAILED
    assert "locked by grace (freeze)" in task.error_message
    assert Workspace.objects.get(pk=task.workspace_id).locked_by == "grace"


def test_a_failed_stage_ends_the_task_with_the_engines_words_and_keeps_its_stage() -> None:
    """L2: the stage stays where it failed."""
    task = a_running_task()
    finish_stage(task)

    finish_stage(task, result="failed", message="Error: no such module")

    assert (task.status, task.stage) == ("failed", "init")
    assert task.error_message == "Error: no such module"
    assert statuses(task) == [("fetching", "done"), ("init", "failed")]


def test_a_successful_apply_is_applied_and_unlocks() -> None:
    task = a_running_task()
    change = ResourceChange("a.b", "a", "b", "", "managed", "create", None, {})
    finish_plan(task, **CHANGES, resource_changes=(change,))
    start_apply(task, actor="ada")

    apply_until_saved(task)
    finish_stage(task, output=SavedStateOutput(version=1))

    workspace = Workspace.objects.get(pk=task.workspace_id)
    assert (task.status, task.stage) == ("applied", "applied")
    assert not workspace.is_locked
    # S4-7: what the parser did not see is completed all the same
    assert task.resource_changes.get().apply_status == "completed"


def test_an_id_that_the_engine_did_not_print_comes_from_the_state() -> None:
    task = a_running_task()
    change = ResourceChange("a.b", "a", "b", "", "managed", "create", None, {})
    finish_plan(task, **CHANGES, resource_changes=(change,))
    start_apply(task, actor="ada")

    apply_until_saved(task, output=ApplyOutput(STATE, resource_ids={"a.b": "i-1"}))

    assert task.resource_changes.get().resource_id == "i-1"


def test_a_failed_apply_saves_its_state_before_it_fails() -> None:
    """F25: what was created is in the state, then the task fails with the engine's words."""
    task = a_running_task()
    finish_plan(task, **CHANGES)
    start_apply(task, actor="ada")

    apply_until_saved(task, result="failed", message="Error: quota")
    assert (task.status, open_stage(task).name) == ("running", "saving_state")
    finish_stage(task, output=SavedStateOutput(version=1))

    assert (task.status, task.error_message) == ("failed", "Error: quota")
    assert not Workspace.objects.get(pk=task.workspace_id).is_locked


def test_an_apply_that_never_began_ends_the_task_at_once() -> None:
    """There is no state to save: the engine did not run."""
    task = a_running_task()
    finish_plan(task, **CHANGES)
    start_apply(task, actor="ada")
    for _ in ("fetching", "init", "restoring_plan"):
        finish_stage(task)

    finish_stage(task, result="failed", message="The work directory is busy")

    assert (task.status, task.error_message) == ("failed", "The work directory is busy")
    assert not Workspace.objects.get(pk=task.workspace_id).is_locked
    assert nothing_open(task)


def test_a_state_that_was_not_saved_for_any_reason_keeps_the_workspace_locked() -> None:
    """What was applied is in no state version: a plan would want to create it again."""
    task = a_running_task()
    finish_plan(task, **CHANGES)
    start_apply(task, actor="ada")
    apply_until_saved(task)

    finish_stage(task, result="failed", message="platform error: OperationalError")

    workspace = Workspace.objects.get(pk=task.workspace_id)
    assert task.status == TaskStatus.FAILED
    assert workspace.is_locked
    assert f"The state of task #{task.pk} was not saved" in workspace.lock_reason


def test_a_resource_with_a_very_long_address_is_stored() -> None:
    task = a_running_task()
    address = f'a.b["{"k" * 5000}"]'
    change = ResourceChange(address, "a", "b", "", "managed", "create", None, {})

    finish_plan(task, **CHANGES, resource_changes=(change,))

    assert task.resource_changes.get().resource_address == address


def test_a_state_that_cannot_be_saved_leaves_the_workspace_locked_with_the_reason() -> None:
    """O5, F6: also for a task without a creator."""
    task = a_running_task()
    finish_plan(task, **CHANGES)
    start_apply(task, actor="ada")
    apply_until_saved(task)

    finish_stage(
        task,
        result="failed",
        message="state save failed, workspace locked, backup at: /b",
        output=SavedStateOutput(lock_reason="Auto-locked: State save failed"),
    )

    workspace = Workspace.objects.get(pk=task.workspace_id)
    assert task.status == TaskStatus.FAILED
    assert (workspace.is_locked, workspace.lock_reason) == (True, "Auto-locked: State save failed")


def test_the_lock_of_somebody_else_survives_a_failing_task() -> None:
    """F10: a task releases its own lock only."""
    task = a_running_task()
    Workspace.objects.filter(pk=task.workspace_id).update(
        is_locked=True, locked_by="grace", lock_reason="freeze"
    )

    finish_stage(task, result="failed", message="Error")

    assert Workspace.objects.get(pk=task.workspace_id).locked_by == "grace"


def test_the_timeline_has_start_end_outcome_and_worker_of_each_stage() -> None:
    task = a_running_task()

    finish_stage(task, skipped=True, message="Init stage skipped")

    stage = task.stages.get(name="fetching")
    assert stage.started_at is not None
    assert stage.finished_at is not None
    assert stage.finished_at >= stage.started_at
    assert (stage.owner, stage.skipped, stage.message) == ("host-a", True, "Init stage skipped")


def test_the_next_stage_goes_to_the_host_of_the_last_one() -> None:
    task = a_running_task()

    finish_stage(task)

    assert open_stage(task).prefer_host == "host-a"


def test_a_plan_that_is_put_off_is_for_any_host_soon_and_not_counted() -> None:
    """An engine of an earlier attempt is still running on this host."""
    task = a_running_task()

    finish_stage(task, result="postponed", message=BUSY)

    stage = open_stage(task)
    assert (stage.attempts, stage.prefer_host, stage.message) == (0, "", BUSY)
    assert claim_stage(stage.pk, "host-b", new_token()) is None
    TaskStage.objects.filter(pk=stage.pk).update(not_before=Now())
    assert claimed(task, "host-b").attempts == 1


def test_a_plan_that_is_put_off_for_too_long_fails_with_the_reason() -> None:
    """Where there is no other host and the engine never ends."""
    task = a_running_task()
    for seconds, status in ((590, "running"), (20, "running"), (0, "failed")):
        finish_stage(task, result="postponed", message=BUSY)
        assert task.status == status
        stage = TaskStage.objects.filter(task=task)
        earlier = F("started_at") - timedelta(seconds=seconds)
        stage.update(started_at=earlier, not_before=Now())

    assert task.error_message == BUSY


def test_lines_are_counted_over_the_whole_task() -> None:
    task = a_running_task()
    finish_stage(task, last_line=12)

    assert task.log_lines == 12
    finish_stage(task, last_line=20)
    assert task.log_lines == 20


class HoldingGate:
    """A gate that holds plan-and-apply tasks before they plan."""

    def applies(self, task: WorkspaceTask, stage: str) -> bool:
        return stage in ("pre_plan_run_tasks", "post_apply_run_tasks")

    def enter(self, stage: TaskStage) -> Answer:
        return "wait"

    def review(self, stage: TaskStage) -> Answer | Refused:
        return "wait"

    def abandon(self, stage: TaskStage, reason: str) -> None:
        """Nothing of it is pending."""


class OpenGate(HoldingGate):
    """A gate that has a say and lets everything through."""

    def enter(self, stage: TaskStage) -> Answer:
        return "open"


class LastGate(HoldingGate):
    """A gate that has a say only in what was applied."""

    def applies(self, task: WorkspaceTask, stage: str) -> bool:
        return stage == "post_apply_run_tasks"


class ForgottenGate(HoldingGate):
    """A gate whose end nobody has told: whoever should have is dead."""

    def review(self, stage: TaskStage) -> Answer | Refused:
        return "open"


class RefusingGate(HoldingGate):
    """A gate whose no nobody has told."""

    def review(self, stage: TaskStage) -> Answer | Refused:
        return Refused("The policy check refused")


def a_task_at_the_gate(settings: Settings, *gates: str) -> WorkspaceTask:
    settings.STAGE_GATES = [f"{__name__}.{gate}" for gate in gates or ["HoldingGate"]]
    task = a_running_task()
    finish_stage(task)
    finish_stage(task)
    return task


def test_what_was_applied_is_asked_about_also_where_its_state_was_saved_later(
    settings: Settings,
) -> None:
    settings.STAGE_GATES = [f"{__name__}.LastGate"]
    task = an_unsaved_task(STATE)
    assert nothing_open(task)

    retry_state_save(task, user=a_user())

    task.refresh_from_db()
    assert (task.status, task.stage) == ("applied", "post_apply_run_tasks")
    gate = open_stage(task)
    assert (gate.name, gate.phase, gate.status) == ("post_apply_run_tasks", "apply", "waiting")
    assert open_gate(gate)
    assert (WorkspaceTask.objects.get(pk=task.pk).status, nothing_open(task)) == ("applied", True)


def test_without_gates_no_gate_row_is_written() -> None:
    task = a_running_task()
    finish_stage(task)
    finish_stage(task)

    assert statuses(task)[-1] == ("planning", "ready")


def test_a_gate_holds_the_task_without_a_claim(settings: Settings) -> None:
    task = a_task_at_the_gate(settings)

    gate = open_stage(task)
    assert (gate.name, gate.status, gate.token) == ("pre_plan_run_tasks", "waiting", None)
    assert (task.status, task.stage) == ("running", "pre_plan_run_tasks")


def test_an_opened_gate_lets_the_task_go_on_once(settings: Settings) -> None:
    gate = open_stage(a_task_at_the_gate(settings))

    assert [open_gate(gate), open_gate(gate)] == [True, False]

    assert statuses(gate.task)[2:] == [("pre_plan_run_tasks", "done"), ("planning", "ready")]


def test_an_opened_gate_revives_no_task_that_has_ended(settings: Settings) -> None:
    task = a_task_at_the_gate(settings)
    gate = open_stage(task)
    transition(task, TaskStatus.CANCELLED)

    assert open_gate(gate)

    assert nothing_open(task)


def test_a_refused_gate_fails_the_task(settings: Settings) -> None:
    task = a_task_at_the_gate(settings)

    assert refuse_gate(open_stage(task), "The policy check refused")

    task.refresh_from_db()
    assert (task.status, task.stage) == ("failed", "pre_plan_run_tasks")
    assert task.error_message == "The policy check refused"


@pytest.mark.parametrize(
    ("gates", "ends"),
    [
        (["ForgottenGate"], ("running", "planning")),
        (["RefusingGate", "ForgottenGate"], ("failed", "pre_plan_run_tasks")),
        (["HoldingGate", "RefusingGate"], ("failed", "pre_plan_run_tasks")),
        (["HoldingGate", "ForgottenGate"], ("running", "pre_plan_run_tasks")),
    ],
    ids=["opened", "refused", "refused though another waits", "another waits"],
)
def test_a_gate_whose_end_was_forgotten_is_asked_again(
    settings: Settings, gates: list[str], ends: tuple[str, str]
) -> None:
    task = a_task_at_the_gate(settings, *gates)

    for (stage_id,) in waiting_gates():
        review_gate(stage_id)

    task.refresh_from_db()
    hot = TaskStage.objects.hot().filter(task=task).first()
    assert (task.status, hot.name if hot else task.stage) == ends


def test_a_gate_that_is_configured_no_more_holds_nobody(settings: Settings) -> None:
    task = a_task_at_the_gate(settings)
    settings.STAGE_GATES = []

    review_gate(open_stage(task).pk)

    assert open_stage(task).name == "planning"


def test_a_gate_that_was_opened_meanwhile_is_not_asked_again(settings: Settings) -> None:
    gate = open_stage(a_task_at_the_gate(settings, "RefusingGate"))
    open_gate(gate)

    review_gate(gate.pk)

    assert WorkspaceTask.objects.get(pk=gate.task_id).status == TaskStatus.RUNNING


def test_a_gate_that_is_open_leaves_its_mark_in_the_timeline(settings: Settings) -> None:
    task = a_task_at_the_gate(settings, "OpenGate")

    assert statuses(task)[2:] == [("pre_plan_run_tasks", "done"), ("planning", "ready")]


def test_a_gate_after_the_apply_holds_neither_status_nor_lock(settings: Settings) -> None:
    settings.STAGE_GATES = [f"{__name__}.HoldingGate"]
    task = a_running_task()
    finish_stage(task)
    finish_stage(task)
    open_gate(open_stage(task))

    finish_stage(task, output=PlanFileOutput(b"plan", "a" * 64))
    finish_stage(task, output=PlanOutput(b"{}", PlanSummary(add=1, has_changes=True)))
    start_apply(task, actor="ada")
    apply_until_saved(task)
    finish_stage(task, output=SavedStateOutput(version=1))

    gate = open_stage(task)
    assert (task.status, gate.name) == ("applied", "post_apply_run_tasks")
    assert not Workspace.objects.get(pk=task.workspace_id).is_locked
    assert refuse_gate(gate, "too late")
    task.refresh_from_db()
    assert task.status == TaskStatus.APPLIED
