"""Logs of messages."""

from rest_framework import serializers

from notifications.models import NotificationConfig, NotificationLog, WorkspaceNotification
from workspaces.models import Workspace


class LogSerializer(serializers.ModelSerializer[NotificationLog]):
    """A message and how its delivery stands."""

    workspace_id = serializers.SlugRelatedField[Workspace](
        slug_field="workspace_id", source="workspace", read_only=True
    )
    task_id = serializers.IntegerField(read_only=True)
    notification_id = serializers.SlugRelatedField[NotificationConfig](
        slug_field="notification_id",
        source="notification",
        read_only=True,
        allow_null=True,
        help_text="`null` where the notification was deleted",
    )
    workspace_notification_id = serializers.SlugRelatedField[WorkspaceNotification](
        slug_field="workspace_notification_id",
        source="workspace_notification",
        read_only=True,
        allow_null=True,
        help_text="`null` for a global notification",
    )

    class Meta:
        model = NotificationLog
        fields = [
            "log_id",
            "workspace_id",
            "task_id",
            "notification_id",
            "workspace_notification_id",
            "notification_name",
            "notification_type",
            "event",
            "status",
            "response_status_code",
            "error_message",
            "retry_count",
            "max_retry_count",
            "next_retry_at",
            "sent_at",
            "completed_at",
            "created_at",
        ]
        read_only_fields = fields


class LogDetailSerializer(LogSerializer):
    """A message with what was sent and answered."""

    class Meta(LogSerializer.Meta):
        fields = [
            *LogSerializer.Meta.fields,
            "request_payload",
            "request_headers",
            "response_body",
        ]
        read_only_fields = fields
