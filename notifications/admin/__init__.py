"""What an operator sees of notifications, and may do to them; one module a noun."""

from notifications.admin.attachment import WorkspaceNotificationAdmin
from notifications.admin.log import NotificationLogAdmin
from notifications.admin.notification import NotificationConfigAdmin

__all__ = ["NotificationConfigAdmin", "NotificationLogAdmin", "WorkspaceNotificationAdmin"]
