"""Firing: one task of the target for all that is due there, exactly once (reference §6.3).

Each target is one transaction, which makes the task and ends the executions or does neither. So it may
be tried at any time, by any number of processes, and killed at any statement.
"""

from collections.abc import Sequence

import structlog
from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.db.models.functions import Now

from iacplatform.common.errors import DomainError
from triggers.models import ExecutionStatus, TaskTriggerExecution
from triggers.services.executions import ENDED
from workspaces.models import Workspace, WorkspaceTask
from workspaces.services.tasks import create_task
from workspaces.task_status import TaskType

WAITS_FOR = "Waits: "
DELETED = "The target workspace was deleted"
SWITCHED_OFF = "The run trigger is disabled"
REMOVED = "The run trigger was deleted"
OUR_FAULT = "platform error: the task could not be created; it is tried again"
LARGE = ("source_task__workspace__tf_code", "source_task__workspace__provider_config")
Executions = Sequence[TaskTriggerExecution]
logger = structlog.get_logger(__name__)


def fire_due() -> None:
    """Gives each target its task, as far as it can have one now; the others wait and say why.

    Called after each commit that makes something due, and every two seconds.
    """
    _give_up_deleted()
    for target_id in _targets():
        try:
            _fire(target_id)
        except Exception:  # whatever it is, the other targets do not wait for it
            logger.exception("run_trigger_not_fired", target=target_id)
            _say(
                TaskTriggerExecution.objects.waiting().filter(target_workspace=target_id), OUR_FAULT
            )


def _targets() -> list[int]:
    """Ids of targets for which something is due, the one that has waited for longest first.

    Left out is a target whose lock is the reason that its executions give already.
    """
    waiting = TaskTriggerExecution.objects.waiting().filter(target_workspace__isnull=False)
    told = Q(
        run_trigger__enabled=True,
        target_workspace__is_locked=True,
        message__endswith=F("target_workspace__lock_reason"),
    )
    due = waiting.exclude(told).order_by("due_at", "pk")
    return list(dict.fromkeys(due.values_list("target_workspace", flat=True)))


def _give_up_deleted() -> None:
    gone = TaskTriggerExecution.objects.waiting().filter(target_workspace=None)
    gone.update(status=ExecutionStatus.FAILED, message=DELETED, **ENDED)


def _fire(target_id: int) -> None:
    with transaction.atomic():
        locked = Workspace.objects.select_for_update(of=("self",), no_key=True)
        target = locked.filter(pk=target_id).first()
        wanted = _without_unwanted(_waiting_for(target_id))
        if target is None or not wanted:
            return
        rows = TaskTriggerExecution.objects.filter(pk__in=[each.pk for each in wanted])
        try:
            task = _join(target, wanted) or _create(target, wanted)
        except DomainError as error:
            _say(rows, f"{WAITS_FOR}{error}")
            return
        rows.update(status=ExecutionStatus.TRIGGERED, target_task=task, message="", **ENDED)
    sources = [each.source_task_id for each in wanted]
    logger.info("run_trigger_fired", task_id=task.pk, target=target.workspace_id, sources=sources)


def _waiting_for(target_id: int) -> Executions:
    waiting = TaskTriggerExecution.objects.waiting().filter(target_workspace=target_id)
    related = waiting.select_related(
        "run_trigger", "source_task__workspace", "source_task__created_by"
    )
    light = related.defer(*LARGE).order_by("due_at", "pk")
    return list(light.select_for_update(of=("self",), no_key=True))


def _without_unwanted(executions: Executions) -> Executions:
    """Skips those whose trigger was removed or switched off meanwhile; returns the others."""
    wanted = []
    for execution in executions:
        trigger = execution.run_trigger
        if trigger is not None and trigger.enabled:
            wanted.append(execution)
            continue
        why = REMOVED if trigger is None else SWITCHED_OFF
        row = TaskTriggerExecution.objects.filter(pk=execution.pk)
        row.update(status=ExecutionStatus.SKIPPED, message=why, **ENDED)
    return wanted


def _join(target: Workspace, executions: Executions) -> WorkspaceTask | None:
    """Adds the sources to a task of the target that triggers have made and that has not begun."""
    made = Exists(TaskTriggerExecution.objects.filter(target_task=OuterRef("pk")))
    queued = target.tasks.queued().filter(made, task_type=TaskType.PLAN_AND_APPLY)
    # Nobody starts it meanwhile, that takes the target's row; whoever cancels it now is waited for.
    task = queued.select_for_update(of=("self",), no_key=True).first()
    if task is None:
        return None
    earlier = task.triggered_by.select_related("source_task__workspace").defer(*LARGE)
    task.description = describe([*earlier.order_by("due_at", "pk"), *executions])
    task.save(update_fields=["description", "updated_at"])
    return task


def _create(target: Workspace, executions: Executions) -> WorkspaceTask:
    """Creates the task, in the name of whoever made the first source task (F6: that may be nobody)."""
    return create_task(
        target,
        user=executions[0].source_task.created_by,
        task_type=TaskType.PLAN_AND_APPLY,
        description=describe(executions),
    )


def describe(executions: Executions) -> str:
    """``Triggered by workspace network (task #1), dns (task #2)``."""
    sources = (
        f"{each.source_task.workspace.name} (task #{each.source_task_id})" for each in executions
    )
    return f"Triggered by workspace {', '.join(sources)}"


def _say(executions: QuerySet[TaskTriggerExecution], message: str) -> None:
    executions.exclude(message=message).update(message=message, updated_at=Now())
