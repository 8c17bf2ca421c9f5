"""Attachments: which workspace asks which RunTask at which stage."""

from django.db import models

from iacplatform.accounts.models import User
from iacplatform.common.ids import new_id
from runtasks.models.run_task import EnforcementLevel, RunTask, RunTaskStage
from workspaces.models import Workspace


def new_attachment_id() -> str:
    """A semantic id such as ``wrt-4fz0…``."""
    return new_id("wrt")


class WorkspaceRunTask(models.Model):
    """A RunTask at one stage of a workspace's tasks.

    Any of them, a disabled one too, replaces the global configuration of its RunTask in this workspace (F38).
    """

    workspace_run_task_id = models.CharField(
        max_length=50, unique=True, default=new_attachment_id, editable=False
    )
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="run_tasks")
    run_task = models.ForeignKey(RunTask, on_delete=models.PROTECT, related_name="attachments")
    stage = models.CharField(max_length=10, choices=RunTaskStage.choices)
    enforcement_level = models.CharField(
        max_length=10, choices=EnforcementLevel.choices, default=EnforcementLevel.ADVISORY
    )
    priority = models.IntegerField(default=0, help_text="Lower ones are asked first")
    enabled = models.BooleanField(default=True)
    created_by = models.ForeignKey(
        User, on_delete=models.SET_NULL, null=True, editable=False, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["priority", "pk"]
        verbose_name = "attached run task"
        constraints = [
            models.UniqueConstraint(
                fields=["workspace", "run_task", "stage"], name="one_attachment_a_stage"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.run_task} at {self.get_stage_display()}"
