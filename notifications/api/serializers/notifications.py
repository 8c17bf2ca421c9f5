"""Notifications and their attachments."""

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from iacplatform.accounts.models import Organization
from notifications.api.serializers.fields import EventsField
from notifications.models import NotificationConfig, NotificationType, WorkspaceNotification
from notifications.models.config import RETRY_COUNT, RETRY_INTERVAL_SECONDS, TIMEOUT_SECONDS
from notifications.services.headers import masked_headers
from workspaces.api.serializers.fields import username_field
from workspaces.task_events import EventName

MOST_RECIPIENTS = 50


def _number(allowed: range, name: str) -> serializers.IntegerField:
    low, high = allowed.start, allowed.stop - 1
    problem = f"{name} must be between {low} and {high}"
    return serializers.IntegerField(
        min_value=low,
        max_value=high,
        required=False,
        error_messages={"min_value": problem, "max_value": problem},
    )


class NotificationSerializer(serializers.ModelSerializer[NotificationConfig]):
    """A notification; its secret and its headers' values go in and never come out."""

    organization = serializers.SlugRelatedField[Organization](
        slug_field="name", read_only=True, allow_null=True
    )
    name = serializers.RegexField(
        r"\A[a-zA-Z0-9_-]+\Z",
        max_length=100,
        error_messages={
            "invalid": "name can only contain letters, numbers, dashes and underscores"
        },
    )
    description = serializers.CharField(max_length=10_000, required=False, allow_blank=True)
    endpoint_url = serializers.CharField(
        max_length=500,
        required=False,
        allow_blank=True,
        help_text="Of all types but e-mail. Its tail is masked where it is as good as a password",
    )
    recipients = serializers.ListField(
        child=serializers.EmailField(max_length=254),
        max_length=MOST_RECIPIENTS,
        required=False,
        help_text="Of e-mail only",
    )
    secret = serializers.CharField(
        max_length=500,
        required=False,
        allow_blank=True,
        trim_whitespace=False,
        write_only=True,
        help_text="Signs webhooks and Lark's messages; an empty text takes it away",
    )
    secret_set = serializers.SerializerMethodField()
    custom_headers = serializers.DictField(
        child=serializers.CharField(allow_blank=True, trim_whitespace=False),
        required=False,
        help_text="Of webhooks only. Values are masked, and a mask keeps the value that is there",
    )
    global_events = EventsField(required=False)
    retry_count = _number(RETRY_COUNT, "retry_count")
    retry_interval_seconds = _number(RETRY_INTERVAL_SECONDS, "retry_interval_seconds")
    timeout_seconds = _number(TIMEOUT_SECONDS, "timeout_seconds")
    workspace_count = serializers.SerializerMethodField(
        help_text="Workspaces with an attachment for it"
    )
    created_by = username_field()

    class Meta:
        model = NotificationConfig
        fields = [
            "notification_id",
            "organization",
            "name",
            "description",
            "notification_type",
            "endpoint_url",
            "recipients",
            "secret",
            "secret_set",
            "custom_headers",
            "enabled",
            "is_global",
            "global_events",
            "retry_count",
            "retry_interval_seconds",
            "timeout_seconds",
            "workspace_count",
            "created_by",
            "created_at",
            "updated_at",
        ]
        # The one for unique names would make the organization required; the service sees to them.
        validators: list[Any] = []

    def to_representation(self, instance: NotificationConfig) -> Any:
        """Without what is secret."""
        shown = super().to_representation(instance)
        return {
            **shown,
            "endpoint_url": instance.shown_url,
            "custom_headers": masked_headers(instance.custom_headers),
        }

    def get_secret_set(self, config: NotificationConfig) -> bool:
        """Whether messages are signed."""
        return bool(config.secret)

    @extend_schema_field(OpenApiTypes.INT)
    def get_workspace_count(self, config: Any) -> int:
        """As the list counts them, or counted now."""
        if hasattr(config, "workspace_count"):
            return int(config.workspace_count)
        return int(config.attachments.count())


class NotificationChangeSerializer(NotificationSerializer):
    """A change of a notification, whose type stays."""

    notification_type = serializers.ChoiceField(choices=NotificationType.choices, required=False)


class NewNotificationSerializer(NotificationSerializer):
    """A notification that is to be; its organization may be left out by who has only one."""

    organization = serializers.SlugField(  # type: ignore[assignment]
        max_length=64,
        required=False,
        allow_null=True,
        help_text="`null` makes it the whole platform's, which takes an administrator",
    )


class AvailableNotificationSerializer(serializers.ModelSerializer[NotificationConfig]):
    """A notification that a workspace can use."""

    global_events = EventsField(read_only=True)

    class Meta:
        model = NotificationConfig
        fields = [
            "notification_id",
            "name",
            "description",
            "notification_type",
            "is_global",
            "global_events",
        ]
        read_only_fields = fields


class TestMessageSerializer(serializers.Serializer[Any]):
    """What a test says."""

    __test__ = False  # pytest: no test of ours

    event = serializers.ChoiceField(
        choices=EventName.choices, default=EventName.TASK_COMPLETED.value
    )
    test_message = serializers.CharField(max_length=500, default="", allow_blank=True)


class TestReportSerializer(serializers.Serializer[Any]):
    """How the receiver took a test message."""

    __test__ = False

    success = serializers.BooleanField()
    status_code = serializers.IntegerField(allow_null=True)
    response_time_ms = serializers.IntegerField()
    message = serializers.CharField()
    error_message = serializers.CharField()


class WorkspaceNotificationSerializer(serializers.ModelSerializer[WorkspaceNotification]):
    """A notification of one workspace."""

    notification_id = serializers.SlugRelatedField[NotificationConfig](
        slug_field="notification_id", source="notification", read_only=True
    )
    notification_name = serializers.CharField(source="notification.name", read_only=True)
    notification_type = serializers.ChoiceField(
        choices=NotificationType.choices,
        source="notification.notification_type",
        read_only=True,
    )
    notification_enabled = serializers.BooleanField(source="notification.enabled", read_only=True)
    is_global = serializers.BooleanField(source="notification.is_global", read_only=True)
    events = EventsField(required=False)
    created_by = username_field()

    class Meta:
        model = WorkspaceNotification
        fields = [
            "workspace_notification_id",
            "notification_id",
            "notification_name",
            "notification_type",
            "notification_enabled",
            "is_global",
            "events",
            "enabled",
            "created_by",
            "created_at",
            "updated_at",
        ]


class NewWorkspaceNotificationSerializer(WorkspaceNotificationSerializer):
    """An attachment that is to be; ``context["notifications"]`` are those that may be attached."""

    notification_id = serializers.CharField(max_length=50)  # type: ignore[assignment]

    def validate_notification_id(self, reference: str) -> NotificationConfig:
        """The notification that is meant."""
        found = self.context["notifications"].filter(notification_id=reference).first()
        if found is None:
            raise serializers.ValidationError(f"There is no notification {reference}.")
        config: NotificationConfig = found
        return config


class GlobalNotificationSerializer(serializers.ModelSerializer[NotificationConfig]):
    """A global notification as it concerns a workspace that has no attachment for it."""

    events = EventsField(source="global_events", read_only=True)

    class Meta:
        model = NotificationConfig
        fields = [
            "notification_id",
            "name",
            "description",
            "notification_type",
            "is_global",
            "events",
        ]
        read_only_fields = fields


class WorkspaceNotificationsSerializer(serializers.Serializer[Any]):
    """All who are told of a workspace's tasks."""

    workspace_notifications = WorkspaceNotificationSerializer(many=True)
    global_notifications = GlobalNotificationSerializer(many=True)
