"""Cancelling: at once where nobody works, else by whoever holds the work."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection
from django.db.models.functions import Now
from pytest_django import Settings
from structlog.testing import capture_logs

from executor.claims import claim_stage, new_token
from executor.core.outcome import ApplyOutput, SavedStateOutput, StageOutcome
from executor.pipeline import close_stage, open_gate
from executor.recovery import recover
from executor.sweep import sweep
from iacplatform.accounts.models import User
from iacplatform.common.errors import Conflict
from tests.domain import (
    a_running_task,
    a_task,
    a_task_ready_to_apply,
    a_user,
    a_workspace,
    claimed,
    finish_plan,
    finish_stage,
    nothing_open,
    open_stage,
)
from workspaces import cancel_signal
from workspaces.models import TaskComment, TaskStage, Workspace, WorkspaceTask
from workspaces.services.cancellation import (
    NeedsForce,
    cancel_previous,
    cancel_task,
    settle_cancellations,
)
from workspaces.services.queue import start_next
from workspaces.services.tasks import confirm_apply
from workspaces.task_status import TaskStatus, TaskType


@pytest.fixture
def ada() -> User:
    return a_user("ada")


@pytest.mark.django_db
def test_a_pending_task_is_cancelled_at_once_with_who_and_why(ada: User) -> None:
    task = a_task(a_workspace())

    cancel_task(task, user=ada, reason="wrong branch")

    task.refresh_from_db()
    move = task.transitions.last()
    assert move is not None
    assert (task.status, task.error_message) == ("cancelled", "wrong branch")
    assert (move.actor, move.reason) == ("ada", "wrong branch")
    assert task.comments.get().action_type == "cancel"


@pytest.mark.django_db
def test_a_task_that_waits_for_approval_gives_its_lock_back(ada: User) -> None:
    task = a_running_task()
    finish_plan(task, add=1, has_changes=True)

    cancel_task(task, user=ada)

    task.refresh_from_db()
    assert (task.status, task.error_message) == ("cancelled", "cancelled by ada")
    assert not Workspace.objects.get(pk=task.workspace_id).is_locked


@pytest.mark.django_db
def test_a_stage_that_nobody_has_taken_is_closed_at_once(ada: User) -> None:
    task = a_running_task()

    cancel_task(task, user=ada)

    task.refresh_from_db()
    assert (task.status, task.stages.get().status) == ("cancelled", "cancelled")


@pytest.mark.django_db
def test_a_stage_that_runs_is_ended_by_its_worker(ada: User) -> None:
    task = a_running_task()
    claim = claimed(task)

    cancel_task(task, user=ada, reason="wrong branch")
    task.refresh_from_db()
    assert (task.status, task.cancel_reason) == ("running", "wrong branch")
    close_stage(claim, StageOutcome("cancelled", "wrong branch"))

    task.refresh_from_db()
    move = task.transitions.last()
    assert move is not None
    assert (task.status, move.actor) == ("cancelled", "ada")


@pytest.mark.django_db
def test_a_stage_that_ends_well_in_spite_of_it_is_the_last(ada: User) -> None:
    """A critical section finishes first, and nothing follows it."""
    task = a_running_task()
    claim = claimed(task)
    cancel_task(task, user=ada, reason="wrong branch")

    close_stage(claim, StageOutcome("done"))

    task.refresh_from_db()
    assert task.status == TaskStatus.CANCELLED
    assert nothing_open(task)


@pytest.mark.django_db
def test_an_apply_is_interrupted_only_by_force_and_its_state_is_saved(ada: User) -> None:
    """C2b: partial state stored, workspace unlocked, cancelled once."""
    task = a_task_ready_to_apply()
    claim = claimed(task)
    with pytest.raises(NeedsForce) as caught:
        cancel_task(task, user=ada)
    assert caught.value.details == {"requires_force": True}

    cancel_task(task, user=ada, reason="stop", force=True)
    close_stage(claim, StageOutcome("cancelled", "stop", output=ApplyOutput(b'{"serial": 1}')))
    task.refresh_from_db()
    assert (task.status, open_stage(task).name) == ("running", "saving_state")
    finish_stage(task, output=SavedStateOutput(version=1))

    assert (task.status, task.error_message) == ("cancelled", "stop")
    assert not Workspace.objects.get(pk=task.workspace_id).is_locked


@pytest.mark.django_db
def test_a_state_that_waits_to_be_saved_is_saved_first(ada: User) -> None:
    task = a_task_ready_to_apply()
    finish_stage(task, result="failed", output=ApplyOutput(b'{"serial": 1}'))

    cancel_task(task, user=ada)

    task.refresh_from_db()
    assert (task.status, open_stage(task).status) == ("running", "ready")
    assert claimed(task).name == "saving_state"


@pytest.mark.django_db
def test_a_change_that_has_been_made_cannot_be_cancelled_any_more(ada: User) -> None:
    """Nor by force: there is no engine to interrupt."""
    task = a_task_ready_to_apply()
    finish_stage(task, output=ApplyOutput(b'{"serial": 1}'))

    with pytest.raises(Conflict, match="has applied; its state is being saved"):
        cancel_task(task, user=ada, force=True)

    task.refresh_from_db()
    assert task.cancel_requested_at is None
    finish_stage(task, output=SavedStateOutput(version=1))
    assert task.status == TaskStatus.APPLIED


class NotingGate:
    """A gate that holds every plan, and notes in the task's comments that it was abandoned."""

    def applies(self, task: WorkspaceTask, stage: str) -> bool:
        return stage == "pre_plan_run_tasks"

    def enter(self, stage: TaskStage) -> str:
        return "wait"

    def abandon(self, stage: TaskStage, reason: str) -> None:
        TaskComment.objects.create(task=stage.task, username="gate", comment=reason)


class BrokenGate(NotingGate):
    """A gate that fails while its task is cancelled."""

    def abandon(self, stage: TaskStage, reason: str) -> None:
        raise RuntimeError("no connection")


def a_task_at_a_gate(settings: Settings, gate: str) -> WorkspaceTask:
    settings.STAGE_GATES = [f"{__name__}.{gate}"]
    task = a_running_task()
    for _ in ("fetching", "init"):
        finish_stage(task)
    assert open_stage(task).status == "waiting"
    return task


@pytest.mark.django_db
def test_a_task_that_waits_at_a_gate_is_cancelled_at_once(ada: User, settings: Settings) -> None:
    task = a_task_at_a_gate(settings, "NotingGate")

    cancel_task(task, user=ada, reason="stop")

    task.refresh_from_db()
    gate = task.stages.last()
    assert gate is not None
    assert (task.status, gate.status, gate.message) == ("cancelled", "cancelled", "stop")
    assert task.comments.get(username="gate").comment == "stop"
    assert not open_gate(gate)


@pytest.mark.django_db
def test_the_gate_and_the_task_are_settled_in_one_transaction(
    ada: User, settings: Settings
) -> None:
    task = a_task_at_a_gate(settings, "BrokenGate")

    with pytest.raises(RuntimeError):
        cancel_task(task, user=ada)

    task.refresh_from_db()
    assert (task.status, open_stage(task).status) == ("running", "waiting")
    assert task.cancel_requested_at is None


@pytest.mark.django_db
def test_a_task_whose_state_is_being_rescued_waits_for_the_rescue(ada: User) -> None:
    """The worker died while it applied: what it made is in no state version yet."""
    task = a_task_ready_to_apply()
    lost = claimed(task).stage_id
    TaskStage.objects.filter(pk=lost).update(lease_until=Now())
    recover(lost, task.pk)
    assert open_stage(task).name == "rescue"

    cancel_task(task, user=ada)
    settle_cancellations()

    task.refresh_from_db()
    assert (task.status, open_stage(task).status) == ("running", "ready")
    finish_stage(task, output=ApplyOutput(b'{"serial": 1}', source="work_directory"))
    finish_stage(task, output=SavedStateOutput(version=1))
    assert task.status == TaskStatus.CANCELLED
    assert not Workspace.objects.get(pk=task.workspace_id).is_locked


@pytest.mark.django_db
def test_force_may_come_after_a_first_cancellation_and_the_first_reason_stays(ada: User) -> None:
    task = a_running_task()
    claimed(task)
    cancel_task(task, user=ada, reason="wrong branch")

    cancel_task(task, user=ada, reason="it hangs", force=True)

    task.refresh_from_db()
    assert (task.cancel_reason, task.cancel_force) == ("wrong branch", True)
    assert [comment.comment for comment in task.comments.all()] == ["wrong branch", "it hangs"]


@pytest.mark.django_db(transaction=True)
def test_nobody_is_told_about_a_task_that_nobody_works_on(ada: User) -> None:
    waits, runs = a_running_task(name="first"), a_running_task(name="second")
    claimed(runs)

    for task in (waits, runs):
        cancel_task(task, user=ada, reason="stop")

    assert cancel_signal.values([waits.pk, runs.pk]) == [None, "cancelled:stop"]
    cancel_signal.release(runs.pk, "cancelled:stop")


@pytest.mark.django_db(transaction=True)
def test_a_cancellation_works_without_redis(ada: User, settings: Settings) -> None:
    """K6, K15: what could not be told is logged, and the row has the request."""
    settings.REDIS_URL = "unix:///nowhere/redis.sock"
    cancel_signal._client.cache_clear()
    task = a_running_task()
    claimed(task)

    with capture_logs() as logs:
        cancel_task(task, user=ada, reason="stop")

    cancel_signal._client.cache_clear()
    task.refresh_from_db()
    assert task.cancel_reason == "stop"
    assert [entry["event"] for entry in logs] == ["cancel_key_not_written"]


@pytest.mark.django_db
def test_a_task_that_has_ended_cannot_be_cancelled(ada: User) -> None:
    """F2: planned_and_finished is an end too."""
    task = a_running_task()
    finish_plan(task, has_changes=False)

    with pytest.raises(Conflict, match="planned_and_finished"):
        cancel_task(task, user=ada)


@pytest.mark.django_db
def test_a_request_that_came_between_two_stages_is_settled_by_the_sweep(ada: User) -> None:
    task = a_running_task()
    WorkspaceTask.objects.filter(pk=task.pk).update(
        cancel_requested_at="2026-01-01T00:00:00Z", cancel_requested_by="ada", cancel_reason="stop"
    )

    sweep()

    task.refresh_from_db()
    assert (task.status, task.error_message) == ("cancelled", "stop")


@pytest.mark.django_db
def test_a_gate_that_fails_does_not_keep_the_others_waiting(ada: User, settings: Settings) -> None:
    waits = a_task_at_a_gate(settings, "BrokenGate")
    ready = a_running_task(name="other")
    WorkspaceTask.objects.filter(pk__in=[waits.pk, ready.pk]).update(
        cancel_requested_at=Now(), cancel_requested_by="ada", cancel_reason="stop"
    )

    settle_cancellations()

    assert WorkspaceTask.objects.get(pk=ready.pk).status == TaskStatus.CANCELLED


@pytest.mark.django_db(transaction=True)
def test_a_cancellation_that_races_with_the_end_of_a_stage_ends_the_task_once(ada: User) -> None:
    """F1: whoever comes first, the task ends cancelled, once, with nothing open, and no sweep is needed."""
    workspace = a_workspace()
    for delay in range(60):
        task = a_task(workspace)
        start_next(workspace.pk)
        task.refresh_from_db()
        claim = claimed(task)

        def cancel(task: WorkspaceTask = task, seconds: float = delay / 10_000) -> None:
            time.sleep(seconds)
            cancel_task(task, user=ada)
            connection.close()

        with ThreadPoolExecutor(1) as pool:
            cancelling = pool.submit(cancel)
            close_stage(claim, StageOutcome("done"))
            cancelling.result()

        task.refresh_from_db()
        assert task.status == TaskStatus.CANCELLED
        assert task.transitions.filter(to_status="cancelled").count() == 1
        assert nothing_open(task)


@pytest.mark.django_db(transaction=True)
def test_a_cancellation_that_races_with_a_claim_is_either_first_or_told(ada: User) -> None:
    """F1: a stage that was claimed finds the request, and a task that was cancelled has no claim."""
    workspace = a_workspace()
    for delay in range(40):
        task = a_task(workspace, TaskType.PLAN_ONLY)
        start_next(workspace.pk)
        stage = open_stage(task)

        def claim(stage: TaskStage = stage, seconds: float = delay / 10_000) -> bool:
            time.sleep(seconds)
            held = claim_stage(stage.pk, "host-a", new_token())
            connection.close()
            return held is not None

        with ThreadPoolExecutor(1) as pool:
            claiming = pool.submit(claim)
            cancel_task(task, user=ada)
            held = claiming.result()

        task.refresh_from_db()
        stage.refresh_from_db()
        expected = ("running", "running") if held else ("cancelled", "cancelled")
        assert (task.status, stage.status) == expected
        assert task.cancel_requested_at is not None


@pytest.mark.django_db
def test_earlier_changes_are_cancelled_in_favour_of_a_later_one(ada: User) -> None:
    """F11: pending and waiting for approval, each with a comment; the lock goes with its task."""
    waiting, pending, chosen, later = changes_of_one_workspace()

    assert cancel_previous(chosen, user=ada) == 2

    reason = f"cancelled by ada in favour of task #{chosen.pk}"
    for task in (waiting, pending):
        task.refresh_from_db()
        comment = task.comments.get()
        assert (task.status, task.error_message) == ("cancelled", reason)
        assert (comment.action_type, comment.comment) == ("cancel_previous", reason)
    assert [WorkspaceTask.objects.get(pk=task.pk).status for task in (chosen, later)] == [
        "pending",
        "pending",
    ]
    assert not Workspace.objects.get(pk=chosen.workspace_id).is_locked
    assert start_next(chosen.workspace_id) == [chosen.pk]


def changes_of_one_workspace() -> list[WorkspaceTask]:
    """One that waits for approval and holds the lock, and three that are pending behind it."""
    first = a_running_task()
    behind = [a_task(first.workspace) for _ in range(3)]
    finish_plan(first, add=1, has_changes=True)
    return [first, *behind]


@pytest.mark.django_db
def test_a_lock_of_somebody_else_stays_when_earlier_tasks_go(ada: User) -> None:
    """F11: that it names another task or a person is all that counts (#1 is not #10)."""
    waiting, _, chosen, later = changes_of_one_workspace()
    Workspace.objects.filter(pk=chosen.workspace_id).update(
        locked_by="grace", lock_reason=f"Locked for apply (task #{waiting.pk}).", lock_task=later
    )

    cancel_previous(chosen, user=ada)

    assert Workspace.objects.get(pk=chosen.workspace_id).lock_task == later


@pytest.mark.django_db
def test_plans_and_other_workspaces_are_left_alone(ada: User) -> None:
    other = a_task(a_workspace("other"))
    workspace = a_workspace()
    plan = a_task(workspace, TaskType.PLAN_ONLY)

    assert cancel_previous(a_task(workspace), user=ada) == 0

    assert [WorkspaceTask.objects.get(pk=task.pk).status for task in (other, plan)] == [
        "pending",
        "pending",
    ]


@pytest.mark.django_db
def test_only_a_pending_task_may_push_others_aside(ada: User) -> None:
    waiting, *_ = changes_of_one_workspace()

    with pytest.raises(Conflict, match="apply_pending and not pending"):
        cancel_previous(waiting, user=ada)


@pytest.mark.django_db
def test_a_plan_waits_for_no_change_and_pushes_none_aside(ada: User) -> None:
    change = a_task(a_workspace())
    plan = a_task(change.workspace, TaskType.PLAN_ONLY)

    with pytest.raises(Conflict, match="plan_only: no earlier task keeps it waiting"):
        cancel_previous(plan, user=ada)

    assert WorkspaceTask.objects.get(pk=change.pk).status == TaskStatus.PENDING


@pytest.mark.django_db(transaction=True)
def test_pushing_aside_races_with_a_confirmation_and_one_wins(ada: User) -> None:
    """M7, F1."""
    for number in range(10):
        waiting = a_running_task(name=f"shop-{number}")
        chosen = a_task(waiting.workspace)
        finish_plan(waiting, add=1, has_changes=True)

        def confirm(task: WorkspaceTask = waiting) -> bool:
            try:
                confirm_apply(task, user=ada)
            except Conflict:
                return False
            finally:
                connection.close()
            return True

        with ThreadPoolExecutor(1) as pool:
            confirming = pool.submit(confirm)
            cancelled = cancel_previous(chosen, user=ada)
            confirmed = confirming.result()

        waiting.refresh_from_db()
        assert (cancelled == 1) is not confirmed
        assert waiting.status == ("running" if confirmed else "cancelled")
