"""Stages: the chain of a task, one row a step; a row is also its claim (design §3)."""

from datetime import timedelta

from django.db import models
from django.db.models import Q

from workspaces.models.task import WorkspaceTask
from workspaces.task_status import ExecutionMode, Phase, Stage, StageStatus


class StageQuerySet(models.QuerySet["TaskStage"]):
    """Reads of stages."""

    def hot(self) -> "StageQuerySet":
        """Stages that somebody has to do something about."""
        return self.filter(status__in=[StageStatus.READY, StageStatus.RUNNING, StageStatus.WAITING])


class TaskStage(models.Model):
    """One step of a task. ``token``, ``owner`` and ``lease_until`` are the claim of its attempt."""

    task = models.ForeignKey(WorkspaceTask, on_delete=models.CASCADE, related_name="stages")
    position = models.PositiveSmallIntegerField()
    phase = models.CharField(max_length=5, choices=Phase.choices)
    name = models.CharField(max_length=30, choices=Stage.choices)
    mode = models.CharField(max_length=10, choices=ExecutionMode.choices)
    status = models.CharField(max_length=10, choices=StageStatus.choices, default=StageStatus.READY)
    token = models.BigIntegerField(null=True)
    owner = models.CharField(max_length=255, blank=True)
    lease_until = models.DateTimeField(null=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    prefer_host = models.CharField(max_length=255, blank=True)
    reserved_until = models.DateTimeField(
        null=True, help_text="Until then only the preferred host may claim it"
    )
    not_before = models.DateTimeField(null=True, help_text="Nobody may claim it earlier")
    dispatched_at = models.DateTimeField(null=True)
    dispatch_count = models.PositiveIntegerField(default=0)
    skipped = models.BooleanField(default=False)
    message = models.TextField(blank=True, help_text="Why it was skipped, or what failed")
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    objects = StageQuerySet.as_manager()

    class Meta:
        ordering = ["task", "position"]
        indexes = [
            models.Index(
                fields=["status", "lease_until"],
                condition=Q(status__in=["ready", "running", "waiting"]),
                name="stage_hot",
            ),
        ]
        constraints = [
            models.UniqueConstraint(fields=["task", "position"], name="one_stage_a_position"),
            models.UniqueConstraint(
                fields=["task"],
                condition=Q(status__in=["ready", "running", "waiting"]),
                name="one_open_stage_a_task",
            ),
            models.CheckConstraint(
                condition=Q(status__in=StageStatus.values), name="known_stage_status"
            ),
            models.CheckConstraint(
                condition=~Q(status="running") | Q(token__isnull=False, lease_until__isnull=False),
                name="a_running_stage_is_claimed",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} of {self.task}"

    @property
    def duration(self) -> timedelta | None:
        """From the claim of the last attempt, or the first of those that were put off, to its end."""
        if self.started_at is None or self.finished_at is None:
            return None
        return self.finished_at - self.started_at
