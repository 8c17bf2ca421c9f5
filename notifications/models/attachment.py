"""Attachments: which workspace tells which receiver of which events."""

from django.db import models

from iacplatform.accounts.models import User
from iacplatform.common.ids import new_id
from notifications.models.config import NotificationConfig, events_field
from workspaces.models import Workspace


def new_attachment_id() -> str:
    """A semantic id such as ``wn-4fz0…``."""
    return new_id("wn")


class WorkspaceNotification(models.Model):
    """A notification of one workspace, with events of its own.

    Even a disabled one replaces the global configuration of its notification in this workspace (F38).
    """

    workspace_notification_id = models.CharField(
        max_length=50, unique=True, default=new_attachment_id, editable=False
    )
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="notifications")
    notification = models.ForeignKey(
        NotificationConfig, on_delete=models.PROTECT, related_name="attachments"
    )
    events = events_field()
    enabled = models.BooleanField(default=True)
    created_by = models.ForeignKey(
        User, on_delete=models.SET_NULL, null=True, editable=False, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["pk"]
        verbose_name = "workspace notification"
        constraints = [
            models.UniqueConstraint(
                fields=["workspace", "notification"], name="one_attachment_a_notification"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.notification} of {self.workspace}"
