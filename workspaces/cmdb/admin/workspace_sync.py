"""How far the index of each workspace is, and asking for a sync."""

from collections.abc import Collection
from functools import partial

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.safestring import SafeString

from iacplatform.common.presentation import badge, list_link
from workspaces.admin.part_of_workspace import PartOfWorkspaceAdmin
from workspaces.cmdb.models import ResourceIndex, SyncStatus, WorkspaceSync
from workspaces.cmdb.services.sync_requests import request_sync


@admin.register(WorkspaceSync)
class WorkspaceSyncAdmin(PartOfWorkspaceAdmin):
    """A row for each workspace that was synchronised."""

    list_display = [
        "workspace_name",
        "state",
        "triggered_by",
        "synced_version",
        "resources",
        "last_success_at",
        "last_error",
    ]
    list_filter = ["status", "triggered_by"]
    search_fields = ["workspace__name", "=workspace__workspace_id"]
    ordering = ["workspace__name"]
    actions = ["sync"]
    fields = [
        ("workspace_name", "state"),
        ("triggered_by", "started_at", "completed_at", "lease_expires_at"),
        ("synced_version", "last_success_at"),
        "last_error",
        ("resources", "added_count", "updated_count", "deleted_count"),
    ]

    def offered_actions(self, obj: WorkspaceSync) -> Collection[str]:
        """Asking for a sync."""
        return {"sync"}

    @admin.display(description="state", ordering="status")
    def state(self, sync: WorkspaceSync) -> SafeString:
        """Whether somebody is at it, and how the last one ended."""
        if sync.status == SyncStatus.SYNCING:
            return badge("Syncing", "busy")
        return badge("Failed", "bad") if sync.last_error else badge("Idle", "good")

    @admin.display(description="resources", ordering="resource_count")
    def resources(self, sync: WorkspaceSync) -> SafeString:
        """A link to them."""
        text = f"{sync.resource_count} resources"
        return list_link(ResourceIndex, text, workspace__id__exact=sync.workspace_id)

    @admin.action(description="Synchronise", permissions=["operate"])
    def sync(self, request: HttpRequest, queryset: QuerySet[WorkspaceSync]) -> HttpResponse | None:
        """Asks for a sync of each, which is done in the background."""
        for sync in queryset:
            self.attempt(request, partial(_request, sync))
        return self.back(queryset)


def _request(sync: WorkspaceSync) -> str:
    request_sync(sync.workspace)
    return f"A sync of {sync.workspace} was asked for"
