"""Results: one question to one RunTask about one task, and how it was answered."""

from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from iacplatform.accounts.models import User
from iacplatform.common.fields import EncryptedTextField
from iacplatform.common.ids import new_id
from runtasks.models.attachment import WorkspaceRunTask
from runtasks.models.run_task import EnforcementLevel, RunTask, RunTaskStage
from workspaces.models import TaskStage, Workspace, WorkspaceTask


class ResultStatus(models.TextChoices):
    """Where a result stands; all but the first two are final."""

    PENDING = "pending", "Pending"
    RUNNING = "running", "Running"
    PASSED = "passed", "Passed"
    FAILED = "failed", "Failed"
    ERROR = "error", "Error"
    TIMEOUT = "timeout", "Timed out"
    SKIPPED = "skipped", "Skipped"
    OVERRIDDEN = "overridden", "Overridden"


OPEN = frozenset({ResultStatus.PENDING, ResultStatus.RUNNING})
UNSUCCESSFUL = frozenset({ResultStatus.FAILED, ResultStatus.ERROR, ResultStatus.TIMEOUT})


def new_result_id() -> str:
    """A semantic id such as ``rtr-4fz0…``."""
    return new_id("rtr")


class ResultQuerySet(models.QuerySet["RunTaskResult"]):
    """Reads of results, and the one way in which they end."""

    def visible_to(self, user: User) -> "ResultQuerySet":
        """Results of the workspaces that the user may see."""
        return self.filter(task__workspace__in=Workspace.objects.visible_to(user))

    def open(self) -> "ResultQuerySet":
        """Results that have not ended."""
        return self.filter(status__in=OPEN)

    def light(self) -> "ResultQuerySet":
        """Without what may be large or secret."""
        return self.defer("request_payload", "access_token")

    def close(self, status: ResultStatus, message: str, **changes: Any) -> int:
        """Ends those that are open, and their tokens at once; of two who do so one succeeds.

        Returns how many were ended.
        """
        return self.open().update(
            status=status,
            message=message,
            access_token=None,
            completed_at=Now(),
            updated_at=Now(),
            **changes,
        )


class RunTaskResult(models.Model):
    """What a RunTask is asked about a task at a stage, and what it answered.

    Name, address and enforcement are those of the moment the stage was reached: what is edited later
    changes nothing (F34). ``timeout_at`` and ``max_run_timeout_at`` are set once it is asked.
    """

    result_id = models.CharField(max_length=50, unique=True, default=new_result_id, editable=False)
    task = models.ForeignKey(
        WorkspaceTask, on_delete=models.CASCADE, related_name="run_task_results"
    )
    gate = models.ForeignKey(TaskStage, on_delete=models.CASCADE, related_name="run_task_results")
    run_task = models.ForeignKey(
        RunTask, on_delete=models.SET_NULL, null=True, related_name="results"
    )
    workspace_run_task = models.ForeignKey(
        WorkspaceRunTask,
        on_delete=models.SET_NULL,
        null=True,
        related_name="+",
        help_text="Empty for a global run task",
    )
    run_task_name = models.CharField(max_length=100)
    endpoint_url = models.CharField(max_length=500)
    stage = models.CharField(max_length=10, choices=RunTaskStage.choices)
    enforcement_level = models.CharField(max_length=10, choices=EnforcementLevel.choices)
    priority = models.IntegerField(default=0)
    timeout_seconds = models.PositiveIntegerField()
    max_run_seconds = models.PositiveIntegerField()
    status = models.CharField(
        max_length=10, choices=ResultStatus.choices, default=ResultStatus.PENDING
    )
    message = models.TextField(blank=True)
    url = models.CharField(max_length=500, blank=True, help_text="The service's own page of it")
    access_token = EncryptedTextField(null=True, help_text="Gone as soon as the result has ended")
    request_payload = models.JSONField(default=dict, help_text="The webhook without its token")
    requested_at = models.DateTimeField(
        null=True, help_text="When the webhook was written; empty while an earlier batch is asked"
    )
    started_at = models.DateTimeField(null=True, help_text="When the service accepted it")
    last_heartbeat_at = models.DateTimeField(null=True)
    timeout_at = models.DateTimeField(null=True, help_text="End of the time without progress")
    max_run_timeout_at = models.DateTimeField(null=True, help_text="End of all its time")
    completed_at = models.DateTimeField(null=True)
    override_by = models.CharField(max_length=150, blank=True)
    override_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = ResultQuerySet.as_manager()

    class Meta:
        ordering = ["gate", "priority", "pk"]
        verbose_name = "run task result"
        indexes = [
            models.Index(
                fields=["max_run_timeout_at", "timeout_at"],
                condition=Q(status__in=["pending", "running"]),
                name="open_run_task_results",
            ),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["task", "stage", "run_task"], name="one_result_a_run_task_and_stage"
            ),
            models.CheckConstraint(
                condition=Q(status__in=ResultStatus.values), name="known_result_status"
            ),
            models.CheckConstraint(
                condition=Q(status__in=["pending", "running"]) | Q(access_token=None),
                name="a_closed_result_has_no_token",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.run_task_name} at {self.get_stage_display()} of {self.task}"

    @property
    def is_open(self) -> bool:
        """Whether an answer is still awaited."""
        return self.status in OPEN

    @property
    def blocks(self) -> bool:
        """Whether its end keeps the task from going on; what was applied is never taken back."""
        return (
            self.status in UNSUCCESSFUL
            and self.enforcement_level == EnforcementLevel.MANDATORY
            and self.stage != RunTaskStage.POST_APPLY
        )

    def api_url(self, what: str) -> str:
        """The address below which the service reaches this result: ``callback``, ``plan-json`` …"""
        return f"{settings.BASE_URL}/api/v1/run-task-results/{self.result_id}/{what}"
