"""State versions: what is known of them, never the state itself."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.template.defaultfilters import filesizeformat

from iacplatform.common.presentation import object_link
from workspaces.admin.part_of_workspace import PartOfWorkspaceAdmin
from workspaces.models import StateVersion


@admin.register(StateVersion)
class StateVersionAdmin(PartOfWorkspaceAdmin):
    """Every state version, the newest first; the state itself is read through the API."""

    list_display = [
        "version_of",
        "workspace_name",
        "resource_count",
        "size",
        "serial",
        "terraform_version",
        "import_source",
        "saved_by",
        "created_at",
    ]
    list_filter = ["import_source", "is_rollback"]
    search_fields = ["workspace__name", "workspace__workspace_id", "lineage", "=checksum"]
    search_help_text = "Name or id of the workspace, lineage or checksum"
    ordering = ["-pk"]
    fields = [
        ("workspace_name", "version"),
        "description",
        ("import_source", "rolled_back_from", "recovered_from"),
        ("resource_count", "output_count", "size"),
        ("lineage", "serial", "terraform_version"),
        "checksum",
        "saved_by",
        ("created_by", "created_at"),
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[StateVersion]:
        """Leaves the states in the database."""
        rows = super().get_queryset(request).select_related("task", "created_by")
        return rows.defer("content", "task__outputs")

    @admin.display(description="version", ordering="version")
    def version_of(self, state: StateVersion) -> str:
        """The number within the workspace."""
        return f"version {state.version}"

    @admin.display(description="size", ordering="size_bytes")
    def size(self, state: StateVersion) -> str:
        """The size of the state file."""
        return filesizeformat(state.size_bytes)

    @admin.display(description="rolled back from")
    def rolled_back_from(self, state: StateVersion) -> str:
        """The version whose content it has; that may be gone."""
        return f"version {state.rollback_from_version}" if state.is_rollback else ""

    @admin.display(description="saved by")
    def saved_by(self, state: StateVersion) -> Any:
        """The task that saved it, or the person who uploaded it."""
        return object_link(state.task) or state.created_by
