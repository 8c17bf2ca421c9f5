"""The chain of stages, link by link (design §3, §4).

Closing a stage writes its outputs, its own row and the next stage's row in one transaction, and only
then publishes a message as a hint. So the chain lives in the rows: a kill between two links loses
nothing and doubles nothing.
"""

import math
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Protocol

from django.db import transaction
from django.db.models.functions import Now

from executor.claims import Claim, end_attempt, give_back
from executor.core.outcome import SavedStateOutput, StageOutcome
from executor.dispatch import (
    dispatch_after_commit,
    dispatch_elsewhere_after_commit,
    hint_after_commit,
)
from executor.interruption import engine_outlived_its_time, fall_back_to_checkpoint
from executor.outputs import store_output
from iacplatform.common.retry import retry_transaction
from workspaces.exceptions import SnapshotInvalid
from workspaces.gates import Refused, gates_for
from workspaces.models import AppliedState, ApplyStatus, TaskStage, WorkspaceTask
from workspaces.services import locks
from workspaces.services.applied_states import finish_apply, lock_reason
from workspaces.services.gates import close_gate, enter_gate
from workspaces.services.queue import open_stage
from workspaces.services.snapshots import validate_snapshot
from workspaces.services.tasks import start_apply
from workspaces.task_status import (
    GATES,
    STAGES_OF,
    Stage,
    StageStatus,
    TaskStatus,
    TaskType,
)
from workspaces.transitions import SYSTEM, transition

CLOSE_SECONDS = 120.0
POSTPONED_SECONDS = 10.0
# An engine that plans is gone seconds after its worker; where no other host takes the stage, for how long
# its task waits for one that is not.
LONGEST_WAIT = timedelta(minutes=10)
GIVEN_BACK = frozenset({"handed_over", "postponed"})
ENDS_AN_APPLY = frozenset({Stage.APPLYING, Stage.RESCUE})
AFTER_APPLY = Stage.POST_APPLY_RUN_TASKS


def close_stage(claim: Claim, outcome: StageOutcome) -> bool:
    """Ends a stage attempt under its fencing token and goes on; says whether the task has ended.

    Tried again while PostgreSQL is away: for ``applying`` without end, because until then its state is
    only here. Raises :class:`Fenced` if the claim is no longer ours.
    """
    seconds = math.inf if claim.name == Stage.APPLYING else CLOSE_SECONDS
    return retry_transaction(partial(_close, claim, outcome), seconds=seconds)


def _close(claim: Claim, outcome: StageOutcome) -> bool:
    if outcome.result == "postponed":
        outcome = _wait_or_give_up(claim, outcome)
    if outcome.result in GIVEN_BACK:
        _give_back(claim, outcome)
        return False
    with transaction.atomic():
        fresh = end_attempt(claim, outcome)
        if fresh and outcome.output is not None:
            store_output(outcome.output, claim, outcome)
        task = WorkspaceTask.objects.get(pk=claim.task_id)
        if fresh:
            _go_on(task, claim, outcome)
    return task.is_final


def _wait_or_give_up(claim: Claim, outcome: StageOutcome) -> StageOutcome:
    """Fails a stage that has been put off for too long because of an engine that does not end."""
    if claim.name == Stage.RESCUE:
        task = WorkspaceTask.objects.select_related("workspace").get(pk=claim.task_id)
        too_long = engine_outlived_its_time(task)
    else:
        begun = TaskStage.objects.filter(pk=claim.stage_id, started_at__lt=Now() - LONGEST_WAIT)
        too_long = begun.exists()
    return replace(outcome, result="failed") if too_long else outcome


def _give_back(claim: Claim, outcome: StageOutcome) -> None:
    # Only the host that applied has the directory that a rescue is for.
    elsewhere = claim.name != Stage.RESCUE
    wait = POSTPONED_SECONDS if outcome.result == "postponed" else 0.0
    with transaction.atomic():
        if give_back(claim, outcome.message, outcome.last_line, elsewhere=elsewhere, wait=wait):
            dispatch_elsewhere_after_commit(claim.stage_id)


def _go_on(task: WorkspaceTask, claim: Claim, outcome: StageOutcome) -> None:
    if claim.name in ENDS_AN_APPLY and outcome.output is not None:
        # However the apply ended, what it did to the world is in its state file: save that first.
        return advance(task, claim)
    if claim.name == Stage.RESCUE:
        fall_back_to_checkpoint(task, token=claim.token, why=outcome.message)
        return advance(task, claim)
    if claim.name == Stage.SAVING_STATE:
        return _finish_apply(task, claim, outcome)
    if outcome.result == "done" and task.cancel_requested_at is not None:
        return end_task(task, "cancelled", task.cancel_reason)
    if outcome.result == "done":
        return advance(task, claim)
    return end_task(task, outcome.result, outcome.message)


class Link(Protocol):
    """A place in a task's chain: a claim, or the row of a gate."""

    @property
    def phase(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def position(self) -> int: ...


def advance(
    task: WorkspaceTask, after: Link, *, send: Callable[[TaskStage], None] = hint_after_commit
) -> None:
    """Opens the next link behind ``after``; at the end of the plan phase, decides.

    ``send`` gets the hint out once the transaction has committed.
    """
    stages = STAGES_OF[after.phase]
    # A rescue stands where the apply stood whose worker died.
    place = Stage.APPLYING if after.name == Stage.RESCUE else after.name
    for name in stages[stages.index(place) + 1 :]:
        if name == AFTER_APPLY:
            return
        if name not in GATES:
            send(open_stage(task, after.phase, name, position=after.position + 1))
            return
        gate = enter_gate(task, after.phase, name, position=after.position + 1)
        if gate is None:
            continue
        if gate.status == StageStatus.WAITING:
            return
        after = gate
    decide(task)


def open_gate(stage: TaskStage) -> bool:
    """Lets a task that waits at a gate go on; False if it no longer waits. Callable any number of times."""
    with transaction.atomic():
        if not close_gate(stage):
            return False
        task = WorkspaceTask.objects.select_for_update(of=("self",), no_key=True).get(
            pk=stage.task_id
        )
        if not task.is_final:
            advance(task, stage, send=dispatch_after_commit)
    return True


def refuse_gate(stage: TaskStage, message: str) -> bool:
    """Ends a task that waits at a gate as failed; False if it no longer waits."""
    with transaction.atomic():
        if not close_gate(stage, StageStatus.FAILED, message):
            return False
        task = WorkspaceTask.objects.select_for_update(of=("self",), no_key=True).get(
            pk=stage.task_id
        )
        if not task.is_final:
            end_task(task, "failed", message)
    return True


def waiting_gates() -> list[tuple[int]]:
    """Ids of the stages at which tasks wait."""
    waiting = TaskStage.objects.filter(status=StageStatus.WAITING).order_by("pk")
    return list(waiting.values_list("pk"))


def review_gate(stage_id: int) -> None:
    """Asks a gate again, whose end may have been forgotten; part of the sweep."""
    stage = TaskStage.objects.select_related("task").filter(pk=stage_id).first()
    if stage is None or stage.status != StageStatus.WAITING:
        return
    answers = [gate.review(stage) for gate in gates_for(stage.task, stage.name)]
    refused = next((answer for answer in answers if isinstance(answer, Refused)), None)
    if refused is not None:
        refuse_gate(stage, refused.reason)
    elif "wait" not in answers:
        open_gate(stage)


def decide(task: WorkspaceTask) -> None:
    """The end of the plan phase: done, or waiting for approval with the workspace locked first."""
    if task.task_type != TaskType.PLAN_AND_APPLY:
        return transition(task, TaskStatus.SUCCESS, stage=Stage.COMPLETED)
    if not task.has_changes:
        return transition(task, TaskStatus.PLANNED_AND_FINISHED, stage=Stage.PLANNED_AND_FINISHED)
    if not locks.lock_for_apply(task):
        task.workspace.refresh_from_db()
        reason = (
            "The workspace could not be locked for the apply: it is locked by "
            f"{task.workspace.locked_by} ({task.workspace.lock_reason})"
        )
        return end_task(task, "failed", reason)
    transition(task, TaskStatus.APPLY_PENDING, stage=Stage.APPLY_PENDING)
    if task.auto_apply:
        _apply_automatically(task)
    return None


def _apply_automatically(task: WorkspaceTask) -> None:
    try:
        validate_snapshot(task)
    except SnapshotInvalid as error:
        return end_task(task, "failed", str(error))
    return start_apply(task, actor=SYSTEM, description="Applied automatically")


def _finish_apply(task: WorkspaceTask, claim: Claim, outcome: StageOutcome) -> None:
    applied = AppliedState.objects.defer("content").get(task=task)
    saved = outcome.output
    if isinstance(saved, SavedStateOutput) and saved.lock_reason:
        return end_task(task, "failed", outcome.message, keep_locked=saved.lock_reason)
    if outcome.result != "done":
        return fail_unsaved(task, outcome.message)
    # It is a state version now: one copy of it is enough.
    AppliedState.objects.filter(task=task).update(content=None)
    if not applied.succeeded:
        result = "cancelled" if applied.cancelled else "failed"
        return end_task(task, result, applied.error, keep_locked=lock_reason(applied))
    finish_apply(task)
    enter_gate(task, claim.phase, AFTER_APPLY, position=claim.position + 1)
    return None


def fail_unsaved(task: WorkspaceTask, message: str) -> None:
    """Fails a task whose applied state is in the platform's keeping, but in no state version.

    Nobody may plan yet, so the workspace stays locked until the state was saved again.
    """
    reason = f"The state of task #{task.pk} was not saved: {message}"
    end_task(task, "failed", f"state save failed: {message}", keep_locked=reason)


def end_task(task: WorkspaceTask, result: str, message: str, *, keep_locked: str = "") -> None:
    """Ends a task as failed or cancelled: its log and stage stay.

    Its lock is released, or kept for the reason ``keep_locked`` until a person has seen to it.
    """
    task.resource_changes.filter(apply_status=ApplyStatus.APPLYING).update(
        apply_status=ApplyStatus.FAILED, apply_error=message, apply_completed_at=Now()
    )
    if keep_locked:
        locks.keep_locked(task, reason=keep_locked)
    else:
        locks.release_task_lock(task)
    status = TaskStatus.CANCELLED if result == "cancelled" else TaskStatus.FAILED
    actor = task.cancel_requested_by if result == "cancelled" else ""
    transition(task, status, actor=actor or SYSTEM, reason=message[:500], error_message=message)
