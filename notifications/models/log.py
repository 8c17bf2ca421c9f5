"""Logs: one message to one receiver, and what became of it."""

from django.db import models
from django.db.models import Q

from iacplatform.common.ids import new_id
from notifications.models.attachment import WorkspaceNotification
from notifications.models.config import NotificationConfig, NotificationType
from workspaces.models import Workspace, WorkspaceTask
from workspaces.task_events import EventName

RESPONSE_CHARACTERS = 1000


class LogStatus(models.TextChoices):
    """How far a message is."""

    PENDING = "pending", "Pending"
    SENDING = "sending", "Sending"
    SUCCESS = "success", "Success"
    FAILED = "failed", "Failed"


def new_log_id() -> str:
    """A semantic id such as ``nlog-4fz0…``; random, so that no two collide (F39)."""
    return new_id("nlog", 20)


class NotificationLog(models.Model):
    """A message, made when its event happened, and the last attempt at delivering it.

    ``delivery_key`` is the key of its outbox entry. A notification may be deleted in the moment in which
    an event of a task is written, and the task must not fail for that: so no foreign key is enforced.
    """

    log_id = models.CharField(max_length=50, unique=True, default=new_log_id, editable=False)
    delivery_key = models.CharField(max_length=200, unique=True, editable=False)
    task = models.ForeignKey(
        WorkspaceTask, on_delete=models.CASCADE, related_name="notification_logs"
    )
    workspace = models.ForeignKey(
        Workspace, on_delete=models.CASCADE, related_name="notification_logs"
    )
    notification = models.ForeignKey(
        NotificationConfig,
        on_delete=models.SET_NULL,
        null=True,
        related_name="logs",
        db_constraint=False,
    )
    workspace_notification = models.ForeignKey(
        WorkspaceNotification,
        on_delete=models.SET_NULL,
        null=True,
        related_name="+",
        db_constraint=False,
        help_text="Empty for a global notification",
    )
    notification_name = models.CharField(max_length=100)
    notification_type = models.CharField(max_length=20, choices=NotificationType.choices)
    event = models.CharField(max_length=30, choices=EventName.choices)
    status = models.CharField(
        max_length=10, choices=LogStatus.choices, default=LogStatus.PENDING, editable=False
    )
    request_payload = models.JSONField(help_text="The message, without its signature")
    request_headers = models.JSONField(default=dict, help_text="Secrets are masked")
    response_status_code = models.PositiveIntegerField(null=True)
    response_body = models.CharField(max_length=RESPONSE_CHARACTERS, blank=True)
    error_message = models.TextField(blank=True)
    retry_count = models.PositiveIntegerField(default=0, help_text="Attempts after the first one")
    max_retry_count = models.PositiveIntegerField()
    next_retry_at = models.DateTimeField(null=True)
    sent_at = models.DateTimeField(null=True, help_text="When the last attempt began")
    completed_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-pk"]
        verbose_name = "notification log"
        indexes = [
            models.Index(fields=["workspace", "-id"], name="notification_logs_of_workspace"),
            models.Index(fields=["workspace", "status", "-id"], name="notification_logs_by_status"),
            models.Index(
                fields=["completed_at"],
                condition=Q(completed_at__isnull=False),
                name="ended_notification_logs",
            ),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(status__in=LogStatus.values), name="known_notification_log_status"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.event} to {self.notification_name}"
