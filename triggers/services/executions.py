"""Executions: prepared with a task, due with its apply, skipped where it ends otherwise (reference §6.3)."""

from django.db import transaction
from django.db.models import QuerySet, Value
from django.db.models.functions import Concat, Now

from iacplatform.common.errors import Conflict
from triggers.models import ExecutionStatus, RunTrigger, TaskTriggerExecution
from triggers.services.hint import hint_after_commit
from workspaces.models import WorkspaceTask

ENDED = {"completed_at": Now(), "updated_at": Now()}


def planned_executions(
    task: WorkspaceTask, triggers: QuerySet[RunTrigger]
) -> list[TaskTriggerExecution]:
    """What the apply of a task would trigger, by those of these triggers that are enabled; nothing is stored."""
    enabled = triggers.filter(source=task.workspace_id, enabled=True).select_related("target")
    light = enabled.defer("target__tf_code", "target__provider_config", "target__lock_file")
    return [
        TaskTriggerExecution(
            source_task=task,
            run_trigger=trigger,
            target_workspace=trigger.target,
            target_name=trigger.target.name,
        )
        for trigger in light
    ]


def prepare(task: WorkspaceTask) -> bool:
    """Writes an execution for each enabled trigger, in the transaction that creates the task (F41).

    Returns whether there are any.
    """
    # Locked: a trigger that is deleted at this moment is gone, or has an execution to let go of.
    locked = RunTrigger.objects.select_for_update(of=("self",), no_key=True)
    return bool(TaskTriggerExecution.objects.bulk_create(planned_executions(task, locked)))


def mark_due(task: WorkspaceTask) -> None:
    """The task was applied: its executions are due, save those that were disabled for it.

    A task for which none was prepared takes the triggers of this moment. One that had failed before, and
    was repaired, fires what its failure had skipped.
    """
    executions = TaskTriggerExecution.objects.filter(source_task=task)
    if not executions.exists() and not prepare(task):
        return
    undecided = executions.filter(due_at=None)
    undecided.filter(temporarily_disabled=True).update(
        status=ExecutionStatus.SKIPPED,
        due_at=Now(),
        message=Concat(Value("Disabled for this task by "), "disabled_by"),
        **ENDED,
    )
    due = undecided.update(
        status=ExecutionStatus.PENDING,
        due_at=Now(),
        message="",
        completed_at=None,
        updated_at=Now(),
    )
    if due:
        hint_after_commit()


def skip_all(task: WorkspaceTask, why: str) -> None:
    """The task has ended without being applied: it triggers nothing."""
    pending = TaskTriggerExecution.objects.pending().filter(source_task=task, due_at=None)
    pending.update(status=ExecutionStatus.SKIPPED, message=why, **ENDED)


def wake(task: WorkspaceTask) -> None:
    """A task has ended: its workspace's lock may be gone, for which others have waited."""
    if TaskTriggerExecution.objects.waiting().filter(target_workspace=task.workspace_id).exists():
        hint_after_commit()


def switch_execution(execution: TaskTriggerExecution, *, disabled: bool, by: str) -> None:
    """Disables an execution for its task, or enables it again, until the task is applied (F41).

    One that waits for its target after that is skipped for good when it is disabled.
    Raises :class:`Conflict` where it has ended, or is to be enabled though it is due already.
    """
    pending = TaskTriggerExecution.objects.pending().filter(pk=execution.pk)
    switched = pending.filter(due_at=None).update(
        temporarily_disabled=disabled,
        disabled_by=by if disabled else "",
        disabled_at=Now() if disabled else None,
        updated_at=Now(),
    )
    if disabled and not switched:
        switched = pending.update(
            status=ExecutionStatus.SKIPPED,
            message=f"Skipped by {by}",
            temporarily_disabled=True,
            disabled_by=by,
            disabled_at=Now(),
            **ENDED,
        )
    execution.refresh_from_db()
    if not switched:
        where = "due" if execution.waits else execution.status
        raise Conflict(f"The trigger of {execution.target_name} is {where} and cannot be switched")


def try_again(execution: TaskTriggerExecution) -> None:
    """Makes an execution due again that was skipped, or has failed, after its source was applied.

    Raises :class:`Conflict` for any other.
    """
    ended = [ExecutionStatus.SKIPPED, ExecutionStatus.FAILED]
    rows = TaskTriggerExecution.objects.filter(pk=execution.pk, due_at__isnull=False)
    with transaction.atomic():
        again = rows.filter(status__in=ended).update(
            status=ExecutionStatus.PENDING,
            message="",
            temporarily_disabled=False,
            disabled_by="",
            disabled_at=None,
            completed_at=None,
            updated_at=Now(),
        )
        if not again:
            raise Conflict("Only what was skipped or failed after an apply can be tried again")
        hint_after_commit()
    execution.refresh_from_db()
