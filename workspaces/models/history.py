"""What happened to a task: its transitions, its log, what people said."""

from django.db import models

from iacplatform.accounts.models import User
from workspaces.models.task import WorkspaceTask
from workspaces.task_status import Phase, Stage, TaskStatus


class TaskTransition(models.Model):
    """A change of a task's status, written in the transaction that made it; never changed."""

    task = models.ForeignKey(WorkspaceTask, on_delete=models.CASCADE, related_name="transitions")
    from_status = models.CharField(max_length=24, choices=TaskStatus.choices, blank=True)
    to_status = models.CharField(max_length=24, choices=TaskStatus.choices)
    stage = models.CharField(max_length=30, choices=Stage.choices)
    actor = models.CharField(max_length=150, help_text="A user name, or the part of the platform")
    reason = models.TextField(blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return f"{self.task}: {self.from_status or 'new'} → {self.to_status}"


class TaskLog(models.Model):
    """Consecutive lines of a task's log; ``first_line`` counts from 1 over the whole task."""

    task = models.ForeignKey(WorkspaceTask, on_delete=models.CASCADE, related_name="logs")
    phase = models.CharField(max_length=5, choices=Phase.choices)
    stage = models.CharField(max_length=30, choices=Stage.choices)
    first_line = models.PositiveBigIntegerField()
    line_count = models.PositiveIntegerField()
    kinds = models.JSONField(
        default=dict, help_text="Line number → kind, of the lines that are not plain output"
    )
    content = models.TextField(help_text="The lines, each ended by a newline")
    created_at = models.DateTimeField(help_text="When the first of the lines was written")

    class Meta:
        ordering = ["task", "first_line"]
        constraints = [
            models.UniqueConstraint(
                fields=["task", "first_line"], name="a_log_line_is_stored_once"
            ),
        ]

    def __str__(self) -> str:
        return f"lines {self.first_line}+{self.line_count} of {self.task}"


class CommentAction(models.TextChoices):
    """What a comment goes with."""

    COMMENT = "comment", "Comment"
    CONFIRM_APPLY = "confirm_apply", "Confirmed the apply"
    CANCEL = "cancel", "Cancelled"
    CANCEL_PREVIOUS = "cancel_previous", "Cancelled earlier tasks"
    OVERRIDE = "override", "Overrode run tasks"
    RESOLVE_INTERRUPTION = "resolve_interruption", "Resolved an interrupted apply"
    RETRY_STATE_SAVE = "retry_state_save", "Saved the state again"


class TaskComment(models.Model):
    """What somebody said about a task, or did to it."""

    task = models.ForeignKey(WorkspaceTask, on_delete=models.CASCADE, related_name="comments")
    user = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    username = models.CharField(max_length=150)
    comment = models.TextField()
    action_type = models.CharField(
        max_length=20, choices=CommentAction.choices, default=CommentAction.COMMENT
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return f"{self.username}: {self.comment[:60]}"
