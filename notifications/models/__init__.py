"""Who is told of what happens to tasks, and what became of each message."""

from notifications.models.attachment import WorkspaceNotification
from notifications.models.config import NotificationConfig, NotificationType
from notifications.models.log import LogStatus, NotificationLog

__all__ = [
    "LogStatus",
    "NotificationConfig",
    "NotificationLog",
    "NotificationType",
    "WorkspaceNotification",
]
