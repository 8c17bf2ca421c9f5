"""Notifications; they are made through the API."""

from collections.abc import Collection
from functools import partial
from typing import Any, cast

from django.contrib import admin, messages
from django.db.models import Count, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.safestring import SafeString

from iacplatform.accounts.models import User
from iacplatform.common.admin import Confirmation, ReadOnlyAdmin
from iacplatform.common.presentation import badge, list_link, object_link, public_url
from notifications.models import NotificationConfig, NotificationLog, WorkspaceNotification
from notifications.models.config import SIGNED
from notifications.services.configuration import update_notification
from notifications.services.trial import try_out

SECRET = ("endpoint_url", "secret", "custom_headers")


DISABLE = Confirmation(
    action="disable",
    title="Disable",
    explanation="Nothing more is sent to these receivers, and what waits to be sent is given up.",
    columns=("Notification", "Organization", "Told", "Attached to"),
    submit_label="Disable",
)


@admin.register(NotificationConfig)
class NotificationConfigAdmin(ReadOnlyAdmin):
    """Every notification, without its secret and the values of its headers."""

    list_display = ["name", "owner", "notification_type", "state", "told", "address", "updated_at"]
    list_filter = ["notification_type", "enabled", "is_global", "organization"]
    search_fields = ["name", "notification_id", "description"]
    actions = ["enable", "disable", "send_a_test"]
    fields = [
        ("name", "notification_id"),
        ("owner", "notification_type"),
        "description",
        "state",
        "told",
        "address",
        ("signature", "headers"),
        ("retries", "timeout_seconds"),
        ("workspaces", "log_list"),
        ("created_by", "created_at", "updated_at"),
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[NotificationConfig]:
        """With the number of workspaces that have attached it."""
        rows: QuerySet[NotificationConfig] = super().get_queryset(request)
        counted = rows.annotate(workspace_count=Count("attachments"))
        return counted.select_related("organization", "created_by")

    def offered_actions(self, obj: NotificationConfig) -> Collection[str]:
        """The actions that make sense now."""
        return {"disable" if obj.enabled else "enable", "send_a_test"}

    @admin.display(description="organization", ordering="organization__name")
    def owner(self, config: NotificationConfig) -> str:
        """Whose it is."""
        return str(config.organization or "the whole platform")

    @admin.display(description="state", ordering="enabled")
    def state(self, config: NotificationConfig) -> SafeString:
        """Whether it is told anything at all."""
        return badge("Enabled", "good") if config.enabled else badge("Disabled", "idle")

    @admin.display(description="told")
    def told(self, config: NotificationConfig) -> str:
        """What it is told of without an attachment."""
        if not config.is_global:
            return "where it is attached"
        return f"globally of {', '.join(config.global_events)}"

    @admin.display(description="address")
    def address(self, config: NotificationConfig) -> str:
        """Where it leads, as far as that may be shown."""
        return public_url(config.shown_url) or ", ".join(config.recipients)

    @admin.display(description="signature")
    def signature(self, config: NotificationConfig) -> str:
        """Whether messages are signed; never with what."""
        if config.notification_type not in SIGNED:
            return "not of this type"
        return "set" if config.secret else "none"

    @admin.display(description="custom headers")
    def headers(self, config: NotificationConfig) -> str:
        """Their names."""
        return ", ".join(config.custom_headers) or "none"

    @admin.display(description="retries")
    def retries(self, config: NotificationConfig) -> str:
        """How often, and after what time."""
        return f"{config.retry_count}, each after {config.retry_interval_seconds} s"

    @admin.display(description="attached to")
    def workspaces(self, config: Any) -> SafeString:
        """A link to its attachments."""
        text = f"{config.workspace_count} workspaces"
        return list_link(WorkspaceNotification, text, notification__id__exact=config.pk)

    @admin.display(description="messages")
    def log_list(self, config: NotificationConfig) -> SafeString:
        """A link to its logs."""
        return list_link(NotificationLog, "its messages", notification__id__exact=config.pk)

    @admin.action(description="Enable", permissions=["operate"])
    def enable(
        self, request: HttpRequest, queryset: QuerySet[NotificationConfig]
    ) -> HttpResponse | None:
        """Lets it be told again."""
        return self._switch(request, queryset, on=True)

    @admin.action(description="Disable", permissions=["operate"])
    def disable(
        self, request: HttpRequest, queryset: QuerySet[NotificationConfig]
    ) -> HttpResponse | None:
        """Stops its being told anything, after showing what of; what waits is given up."""
        if asked := self.ask_first(request, queryset, DISABLE, self._cells):
            return asked
        return self._switch(request, queryset, on=False)

    def _cells(self, config: NotificationConfig) -> list[Any]:
        return [object_link(config), self.owner(config), self.told(config), self.workspaces(config)]

    def _switch(
        self, request: HttpRequest, queryset: QuerySet[NotificationConfig], *, on: bool
    ) -> HttpResponse | None:
        for config in queryset:
            self.attempt(request, partial(self._switch_one, request, config, on=on))
        return self.back(queryset)

    def _switch_one(self, request: HttpRequest, config: NotificationConfig, *, on: bool) -> str:
        update_notification(config, user=cast("User", request.user), enabled=on)
        message = f"{config} is {'enabled' if on else 'disabled'}"
        self.log_change(request, config, message)
        return message

    @admin.action(description="Send a test message", permissions=["operate"])
    def send_a_test(
        self, request: HttpRequest, queryset: QuerySet[NotificationConfig]
    ) -> HttpResponse | None:
        """Tells how the receivers take a test message."""
        for config in queryset:
            problem = try_out(config).problem
            level = messages.ERROR if problem else messages.SUCCESS
            said = problem or "it accepted the test message"
            self.message_user(request, f"{config}: {said}", level)
        return self.back(queryset)
