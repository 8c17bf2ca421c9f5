"""Logs of messages; those that were given up can be sent again."""

from collections.abc import Collection
from functools import partial
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from iacplatform.common.admin import Confirmation, ReadOnlyAdmin
from iacplatform.common.presentation import object_link
from notifications.admin.badges import log_badge
from notifications.admin.notification import SECRET
from notifications.models import LogStatus, NotificationLog
from notifications.services.logs import replay_message
from workspaces.admin.part_of_workspace import LARGE

SEND_AGAIN = Confirmation(
    action="replay_failed",
    title="Send failed messages again",
    explanation="Each is sent again, with all its attempts, at once: late, and perhaps out of order.",
    columns=("Message", "Notification", "Event", "State", "Error"),
    submit_label="Send them again",
)


@admin.register(NotificationLog)
class NotificationLogAdmin(ReadOnlyAdmin):
    """Every message, the newest first."""

    list_display = [
        "log_id",
        "task_link",
        "event",
        "notification_name",
        "notification_type",
        "state",
        "tries",
        "error_message",
        "created_at",
    ]
    list_filter = ["status", "event", "notification_type"]
    search_fields = ["=log_id", "=task__id", "notification_name", "workspace__name"]
    search_help_text = "Id of the message, number of the task, name of notification or workspace"
    ordering = ["-pk"]
    actions = ["replay_failed"]
    fields = [
        ("task_link", "log_id"),
        ("notification_link", "notification_type"),
        "event",
        "state",
        "error_message",
        ("tries", "next_retry_at"),
        ("created_at", "sent_at", "completed_at"),
        "request_headers",
        "request_payload",
        ("response_status_code", "response_body"),
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[NotificationLog]:
        """With the task, without what is large or secret."""
        rows = super().get_queryset(request).select_related("task", "workspace", "notification")
        secret = (f"notification__{name}" for name in SECRET)
        return rows.defer("task__outputs", *LARGE, *secret)

    def offered_actions(self, obj: NotificationLog) -> Collection[str]:
        """Replaying, if it was given up."""
        return {"replay_failed"} if obj.status == LogStatus.FAILED else ()

    @admin.display(description="task", ordering="task")
    def task_link(self, log: NotificationLog) -> SafeString:
        """The task and its workspace."""
        link = object_link(log.task, f"#{log.task_id}")
        return format_html("{} of {}", link, object_link(log.workspace))

    @admin.display(description="notification", ordering="notification_name")
    def notification_link(self, log: NotificationLog) -> SafeString | str:
        """The notification, as long as there is one."""
        return object_link(log.notification) or f"{log.notification_name} (deleted)"

    @admin.display(description="state", ordering="status")
    def state(self, log: NotificationLog) -> SafeString:
        """The status in its colour."""
        return log_badge(log)

    @admin.display(description="retries", ordering="retry_count")
    def tries(self, log: NotificationLog) -> str:
        """How many of how many."""
        return f"{log.retry_count} of {log.max_retry_count}"

    @admin.action(description="Send failed messages again", permissions=["operate"])
    def replay_failed(
        self, request: HttpRequest, queryset: QuerySet[NotificationLog]
    ) -> HttpResponse | None:
        """Gives messages that were given up all their attempts again, after showing why they were."""
        if asked := self.ask_first(request, queryset, SEND_AGAIN, _cells):
            return asked
        for log in queryset:
            self.attempt(request, partial(self._replay, request, log))
        return self.back(queryset)

    def _replay(self, request: HttpRequest, log: Any) -> str:
        replay_message(log)
        self.log_change(request, log, "Sent again")
        return f"Message {log.log_id} is sent again"


def _cells(log: NotificationLog) -> list[Any]:
    sent = [object_link(log, log.log_id), log.notification_name, log.get_event_display()]
    return [*sent, log_badge(log), log.error_message]
