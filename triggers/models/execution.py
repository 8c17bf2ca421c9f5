"""Executions: what a trigger does, or did, because of one task (reference §1.7)."""

from django.db import models
from django.db.models import F, Q

from iacplatform.accounts.models import User
from iacplatform.common.ids import new_id
from triggers.models.run_trigger import RunTrigger
from workspaces.models import Workspace, WorkspaceTask


class ExecutionStatus(models.TextChoices):
    """Where an execution stands; all but the first are final, unless a failed task is repaired."""

    PENDING = "pending", "Pending"
    TRIGGERED = "triggered", "Triggered"
    SKIPPED = "skipped", "Skipped"
    FAILED = "failed", "Failed"


WAITS = Q(status=ExecutionStatus.PENDING, due_at__isnull=False)


def new_execution_id() -> str:
    """A semantic id such as ``tte-4fz0…``."""
    return new_id("tte")


class ExecutionQuerySet(models.QuerySet["TaskTriggerExecution"]):
    """Reads of executions."""

    def visible_to(self, user: User) -> "ExecutionQuerySet":
        """Executions of the tasks that the user may see."""
        return self.filter(source_task__workspace__in=Workspace.objects.visible_to(user))

    def pending(self) -> "ExecutionQuerySet":
        """Executions that have not ended."""
        return self.filter(status=ExecutionStatus.PENDING)

    def waiting(self) -> "ExecutionQuerySet":
        """Executions whose source was applied and whose target has not got its task yet."""
        return self.filter(WAITS)


class TaskTriggerExecution(models.Model):
    """One trigger, because of one task of its source.

    Prepared with the task, so that people see and may switch off what its apply will start (F41). Due
    once the task is applied, and then triggered exactly once. ``target_name`` outlives the target.
    """

    execution_id = models.CharField(
        max_length=50, unique=True, default=new_execution_id, editable=False
    )
    source_task = models.ForeignKey(
        WorkspaceTask, on_delete=models.CASCADE, related_name="trigger_executions"
    )
    run_trigger = models.ForeignKey(
        RunTrigger,
        on_delete=models.SET_NULL,
        null=True,
        related_name="executions",
        help_text="Empty where it was deleted",
    )
    target_workspace = models.ForeignKey(
        Workspace,
        on_delete=models.SET_NULL,
        null=True,
        related_name="+",
        help_text="Empty where it was deleted",
    )
    target_name = models.CharField(max_length=100)
    target_task = models.ForeignKey(
        WorkspaceTask,
        on_delete=models.SET_NULL,
        null=True,
        related_name="triggered_by",
        help_text="The task that was made; several sources may share it",
    )
    status = models.CharField(
        max_length=10, choices=ExecutionStatus.choices, default=ExecutionStatus.PENDING
    )
    message = models.TextField(blank=True, help_text="Why it still waits, or was not triggered")
    temporarily_disabled = models.BooleanField(default=False)
    disabled_by = models.CharField(max_length=150, blank=True)
    disabled_at = models.DateTimeField(null=True)
    due_at = models.DateTimeField(null=True, help_text="When the source task was applied")
    completed_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = ExecutionQuerySet.as_manager()

    class Meta:
        ordering = ["pk"]
        verbose_name = "trigger execution"
        indexes = [
            models.Index(
                fields=["target_workspace", "id"], condition=WAITS, name="waiting_executions"
            ),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["source_task", "run_trigger"], name="one_execution_a_task_and_trigger"
            ),
            models.CheckConstraint(
                condition=Q(status__in=ExecutionStatus.values), name="known_execution_status"
            ),
            models.CheckConstraint(
                condition=~Q(status=ExecutionStatus.TRIGGERED) | Q(due_at__isnull=False),
                name="only_an_applied_task_triggers",
            ),
            models.CheckConstraint(
                condition=~(WAITS & Q(temporarily_disabled=True)),
                name="a_disabled_execution_does_not_wait",
            ),
            models.CheckConstraint(
                condition=Q(target_task=None) | ~Q(source_task=F("target_task")),
                name="no_task_triggers_itself",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.source_task} → {self.target_name}"

    @property
    def waits(self) -> bool:
        """Whether its source was applied and its target has not got its task yet."""
        return self.status == ExecutionStatus.PENDING and self.due_at is not None
