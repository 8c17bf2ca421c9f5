"""What lists can be narrowed by."""

import django_filters  # type: ignore[import-untyped]

from iacplatform.common.filtering import FilterSet, TextFilter, yes_or_no
from notifications.models import (
    LogStatus,
    NotificationConfig,
    NotificationLog,
    NotificationType,
)
from workspaces.task_events import EventName

LARGEST_TASK_ID = 2**63 - 1


class NotificationFilter(FilterSet):
    """Notifications by name, type, organization and whether they are used."""

    search = TextFilter("name", "description")
    notification_type = django_filters.ChoiceFilter(choices=NotificationType.choices)
    enabled = yes_or_no()
    is_global = yes_or_no()
    organization = django_filters.CharFilter(field_name="organization__name")

    class Meta:
        model = NotificationConfig
        fields: list[str] = []


class LogFilter(FilterSet):
    """Logs by event, status, task and notification."""

    event = django_filters.ChoiceFilter(choices=EventName.choices)
    status = django_filters.ChoiceFilter(choices=LogStatus.choices)
    task_id = django_filters.NumberFilter(min_value=0, max_value=LARGEST_TASK_ID, decimal_places=0)
    notification_id = django_filters.CharFilter(
        field_name="notification__notification_id", max_length=50
    )

    class Meta:
        model = NotificationLog
        fields: list[str] = []
