"""Overrides: a person takes advisory results that did not pass for settled (reference §6.1.7)."""

from django.db import transaction
from django.db.models.functions import Coalesce, Now

from iacplatform.accounts.models import User
from iacplatform.common.errors import DomainError, InvalidInput
from runtasks.models import (
    OPEN,
    UNSUCCESSFUL,
    EnforcementLevel,
    ResultStatus,
    RunTaskResult,
)
from runtasks.services.results import GATE_SUFFIX, settle
from workspaces.models import CommentAction, TaskStage, WorkspaceTask
from workspaces.services.comments import write_comment
from workspaces.task_status import StageStatus, TaskStatus


class NothingToOverride(DomainError):
    """The task is not where results can be overridden, or has none that could be."""


class MandatoryStays(DomainError):
    """A mandatory result did not pass: nobody overrides that."""

    status = 403
    code = "permission_denied"


def override_run_tasks(task: WorkspaceTask, *, user: User, comment: str) -> int:
    """Overrides the advisory results of a task that waits at run tasks, or for approval.

    At a gate, those that have not answered yet are overridden too, and the task goes on at once if
    nothing else holds it. Returns how many results were overridden.

    Raises:
        InvalidInput: there is no comment.
        NothingToOverride: the task is elsewhere, or all its results are in order.
        MandatoryStays: a mandatory one did not pass.
    """
    if not comment.strip():
        raise InvalidInput("comment", "must not be empty")
    with transaction.atomic():
        # The gate first: closing, cancelling and settling lock in this order too.
        gate = _waiting_gate(task)
        locked = WorkspaceTask.objects.select_for_update(of=("self",), no_key=True)
        current = locked.get(pk=task.pk)
        found = _overridable(current, gate)
        for result in found:
            _override(result, user, comment)
        write_comment(current, user, f"Run tasks overridden: {comment}", CommentAction.OVERRIDE)
    if gate is not None:
        settle(gate.pk)
    return len(found)


def _waiting_gate(task: WorkspaceTask) -> TaskStage | None:
    waiting = task.stages.filter(status=StageStatus.WAITING, name__endswith=GATE_SUFFIX)
    return waiting.select_for_update(of=("self",), no_key=True).first()


def _overridable(task: WorkspaceTask, gate: TaskStage | None) -> list[RunTaskResult]:
    if gate is None and task.status != TaskStatus.APPLY_PENDING:
        raise NothingToOverride(
            f"Task #{task.pk} is {task.status}: run tasks are overridden while it waits at them, "
            "or for approval"
        )
    results = task.run_task_results.light()
    unsuccessful = results.filter(status__in=UNSUCCESSFUL)
    if mandatory := unsuccessful.filter(enforcement_level=EnforcementLevel.MANDATORY).first():
        raise MandatoryStays(f"The mandatory run task {mandatory.run_task_name} did not pass")
    found = list(unsuccessful)
    if gate is not None:
        found += results.filter(
            gate=gate, status__in=OPEN, enforcement_level=EnforcementLevel.ADVISORY
        )
    if not found:
        raise NothingToOverride(f"Task #{task.pk} has no run task to override")
    return found


def _override(result: RunTaskResult, user: User, comment: str) -> None:
    said = f" (was {result.status}: {result.message})" if result.message else ""
    # By its status: the service may answer at this moment, and then nothing is left to override.
    RunTaskResult.objects.filter(pk=result.pk, status=result.status).update(
        status=ResultStatus.OVERRIDDEN,
        override_by=user.get_username(),
        override_at=Now(),
        message=f"Overridden by {user.get_username()}: {comment}{said}",
        access_token=None,
        completed_at=Coalesce("completed_at", Now()),
        updated_at=Now(),
    )
