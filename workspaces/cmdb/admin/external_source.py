"""External sources, trying and pulling them, and what came of it; they are made through the API."""

from collections.abc import Collection
from functools import partial
from typing import cast

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.safestring import SafeString

from iacplatform.accounts.models import User
from iacplatform.common.admin import ReadOnlyAdmin
from iacplatform.common.presentation import Tone, badge, list_link, object_link, public_url
from workspaces.cmdb.models import ExternalSource, PullStatus, ResourceIndex, SyncLog
from workspaces.cmdb.services.fetching import try_out
from workspaces.cmdb.services.pulling import request_pull

TONES: dict[str, Tone] = {
    PullStatus.RUNNING: "busy",
    PullStatus.SUCCESS: "good",
    PullStatus.FAILED: "bad",
}


@admin.register(ExternalSource)
class ExternalSourceAdmin(ReadOnlyAdmin):
    """Every external source, without the values of its headers."""

    list_display = [
        "name",
        "organization",
        "state",
        "address",
        "last_pull",
        "last_sync_at",
        "resources",
    ]
    list_filter = ["is_enabled", "last_sync_status", "organization"]
    search_fields = ["name", "=source_id", "api_endpoint"]
    actions = ["send_a_test", "pull"]
    fields = [
        ("name", "source_id", "organization"),
        "description",
        ("state", "sync_interval_minutes"),
        ("http_method", "address"),
        "headers",
        ("response_path", "primary_key_field", "resource_type_filter"),
        "field_mapping",
        ("cloud_provider", "account_id", "account_name", "region"),
        ("last_pull", "last_sync_at", "resources", "logs"),
        "last_sync_message",
        ("created_by", "created_at", "updated_at"),
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[ExternalSource]:
        """With the organization."""
        rows = super().get_queryset(request).select_related("organization", "created_by")
        return cast("QuerySet[ExternalSource]", rows)

    def offered_actions(self, obj: ExternalSource) -> Collection[str]:
        """Trying it, and pulling what is enabled."""
        return {"send_a_test", "pull"} if obj.is_enabled else {"send_a_test"}

    @admin.display(description="state", ordering="is_enabled")
    def state(self, source: ExternalSource) -> SafeString:
        """Whether it is pulled at all."""
        return badge("Enabled", "good") if source.is_enabled else badge("Disabled", "idle")

    @admin.display(description="API endpoint", ordering="api_endpoint")
    def address(self, source: ExternalSource) -> str:
        """Where it is asked, without what may be a password in it."""
        return public_url(source.api_endpoint)

    @admin.display(description="headers")
    def headers(self, source: ExternalSource) -> str:
        """Their names."""
        return ", ".join(source.auth_headers) or "none"

    @admin.display(description="last pull", ordering="last_sync_status")
    def last_pull(self, source: ExternalSource) -> SafeString | str:
        """How it ended."""
        if not source.last_sync_status:
            return ""
        return badge(source.get_last_sync_status_display(), TONES[source.last_sync_status])

    @admin.display(description="resources", ordering="last_sync_count")
    def resources(self, source: ExternalSource) -> SafeString:
        """A link to them."""
        text = f"{source.last_sync_count} resources"
        return list_link(ResourceIndex, text, external_source__id__exact=source.pk)

    @admin.display(description="logs")
    def logs(self, source: ExternalSource) -> SafeString:
        """A link to its pulls."""
        return list_link(SyncLog, "Every pull", source__id__exact=source.pk)

    @admin.action(description="Send a test request", permissions=["operate"])
    def send_a_test(
        self, request: HttpRequest, queryset: QuerySet[ExternalSource]
    ) -> HttpResponse | None:
        """Tells what the sources answer now; nothing of it is kept."""
        for source in queryset:
            trial = try_out(source)
            count = f"{len(trial.inventory.rows)} resources"
            answer = trial.problem or f"{count} {trial.inventory.message}".strip()
            level = messages.ERROR if trial.problem else messages.SUCCESS
            self.message_user(request, f"{source}: {answer}", level)
        return self.back(queryset)

    @admin.action(description="Pull now", permissions=["operate"])
    def pull(self, request: HttpRequest, queryset: QuerySet[ExternalSource]) -> HttpResponse | None:
        """Asks for a pull of each, which is done in the background."""
        for source in queryset:
            self.attempt(request, partial(_request, source, cast("User", request.user)))
        return self.back(queryset)


def _request(source: ExternalSource, user: User) -> str:
    request_pull(source, user=user)
    return f"A pull of {source} was asked for"


@admin.register(SyncLog)
class SyncLogAdmin(ReadOnlyAdmin):
    """Every pull, the newest first."""

    list_display = [
        "started_at",
        "source_link",
        "state",
        "resources_synced",
        "resources_added",
        "resources_updated",
        "resources_deleted",
        "error_message",
    ]
    list_filter = ["status"]
    search_fields = ["source__name", "=source__source_id"]
    fields = [
        ("source_link", "state"),
        ("started_at", "completed_at"),
        ("resources_synced", "resources_added", "resources_updated", "resources_deleted"),
        "message",
        "error_message",
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[SyncLog]:
        """With the source, without its secrets."""
        rows = super().get_queryset(request).select_related("source")
        return cast("QuerySet[SyncLog]", rows.defer("source__auth_headers"))

    @admin.display(description="source", ordering="source__name")
    def source_link(self, log: SyncLog) -> SafeString | str:
        """The source, as a link."""
        return object_link(log.source)

    @admin.display(description="status", ordering="status")
    def state(self, log: SyncLog) -> SafeString:
        """The status in its colour."""
        return badge(log.get_status_display(), TONES[log.status])
