"""Addresses below ``/api/v1``."""

from typing import Any

from django.urls import path

from iacplatform.common import converters  # noqa: F401  # registers `sid` and `ref`
from notifications.api.attachments import AttachmentViewSet
from notifications.api.logs import LogViewSet
from notifications.api.notifications import NotificationViewSet

Actions = dict[str, Any]
ITEM: Actions = {"get": "retrieve", "put": "update", "patch": "partial_update", "delete": "destroy"}

NOTIFICATION = "notifications/<sid:notification_id>"
WORKSPACE = "workspaces/<ref:workspace_id>"
ATTACHMENTS = f"{WORKSPACE}/notifications"
LOGS = f"{WORKSPACE}/notification-logs"
LOG = f"{LOGS}/<sid:log_id>"

attachments = AttachmentViewSet.as_view({"get": "overview", "post": "create"})

urlpatterns = [
    path("notifications", NotificationViewSet.as_view({"get": "list", "post": "create"})),
    path("notifications/available", NotificationViewSet.as_view({"get": "available"})),
    path(NOTIFICATION, NotificationViewSet.as_view(ITEM)),
    path(f"{NOTIFICATION}/test", NotificationViewSet.as_view({"post": "test"})),
    path(ATTACHMENTS, attachments),
    path(f"{ATTACHMENTS}/<sid:workspace_notification_id>", AttachmentViewSet.as_view(ITEM)),
    path(LOGS, LogViewSet.as_view({"get": "list"})),
    path(LOG, LogViewSet.as_view({"get": "retrieve"})),
    path(f"{LOG}/replay", LogViewSet.as_view({"post": "replay"})),
]
