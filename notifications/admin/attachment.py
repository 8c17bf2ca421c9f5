"""Attachments; they are made through the API."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString

from iacplatform.common.presentation import object_link
from notifications.admin.notification import SECRET
from notifications.models import WorkspaceNotification
from workspaces.admin.part_of_workspace import PartOfWorkspaceAdmin


@admin.register(WorkspaceNotification)
class WorkspaceNotificationAdmin(PartOfWorkspaceAdmin):
    """Which workspaces tell whom of what."""

    list_display = [
        "workspace_notification_id",
        "workspace_name",
        "notification_name",
        "told",
        "enabled",
    ]
    list_filter = ["enabled", "notification__notification_type"]
    search_fields = ["workspace__name", "workspace__workspace_id", "notification__name"]
    fields = [
        ("workspace_name", "notification_name"),
        "workspace_notification_id",
        "told",
        "enabled",
        ("created_by", "created_at", "updated_at"),
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[WorkspaceNotification]:
        """With the name of the notification, without what of it is secret."""
        rows = super().get_queryset(request).select_related("notification", "created_by")
        return rows.defer(*(f"notification__{name}" for name in SECRET))

    @admin.display(description="notification", ordering="notification__name")
    def notification_name(self, attachment: WorkspaceNotification) -> SafeString | str:
        """The notification, as a link."""
        return object_link(attachment.notification)

    @admin.display(description="events")
    def told(self, attachment: WorkspaceNotification) -> str:
        """What it is told of."""
        return ", ".join(attachment.events)
