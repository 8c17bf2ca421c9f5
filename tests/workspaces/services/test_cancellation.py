"""Cancelling: at once where nobody works, else by whoever holds the work."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection
from pytest_django import Settings

from executor.core.outcome import ApplyOutput, SavedStateOutput, StageOutcome
from executor.pipeline import close_stage
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
from workspaces.models import TaskStage, Workspace, WorkspaceTask
from workspaces.services.cancellation import NeedsForce, cancel_task
from workspaces.services.queue import start_next
from workspaces.task_status import TaskStatus


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
    finish_stage(task, output=ApplyOutput(b'{"serial": 1}'))

    cancel_task(task, user=ada)

    task.refresh_from_db()
    assert (task.status, open_stage(task).status) == ("running", "ready")
    assert claimed(task).name == "saving_state"


@pytest.mark.django_db
def test_a_task_that_waits_at_a_gate_is_cancelled_at_once(ada: User, settings: Settings) -> None:
    settings.STAGE_GATES = ["tests.executor.test_pipeline.HoldingGate"]
    task = a_running_task()
    for _ in ("fetching", "init"):
        finish_stage(task)
    assert open_stage(task).status == "waiting"

    cancel_task(task, user=ada)

    task.refresh_from_db()
    assert task.status == TaskStatus.CANCELLED


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


@pytest.mark.django_db(transaction=True)
def test_a_cancellation_that_races_with_the_end_of_a_stage_ends_the_task_once() -> None:
    """F1: whoever comes first, the task ends cancelled, once, with nothing open."""
    workspace, ada = a_workspace(), a_user("ada")
    for _ in range(15):
        task = a_task(workspace)
        start_next(workspace.pk)
        task.refresh_from_db()
        claim = claimed(task)

        def cancel(task: WorkspaceTask = task) -> None:
            cancel_task(task, user=ada)
            connection.close()

        with ThreadPoolExecutor(1) as pool:
            cancelling = pool.submit(cancel)
            close_stage(claim, StageOutcome("done"))
            cancelling.result()
        sweep()

        task.refresh_from_db()
        assert task.status == TaskStatus.CANCELLED
        assert task.transitions.filter(to_status="cancelled").count() == 1
        assert not TaskStage.objects.hot().filter(task=task).exists()
