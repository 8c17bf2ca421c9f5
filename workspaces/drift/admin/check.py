"""The history of checks, with what each has found."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.utils.safestring import SafeString

from iacplatform.common.presentation import admin_link
from workspaces.admin.part_of_workspace import PartOfWorkspaceAdmin
from workspaces.drift.admin.badges import check_badge, drift_badge, severity_badge
from workspaces.drift.models import CheckStatus, DriftCheck
from workspaces.models import WorkspaceTask

SHOWN_OBJECTS = 200


@admin.register(DriftCheck)
class DriftCheckAdmin(PartOfWorkspaceAdmin):
    """Every check, the newest first."""

    list_display = [
        "check_id",
        "workspace_name",
        "task_link",
        "status_text",
        "drift",
        "worst",
        "ignored_count",
        "is_scheduled",
        "created_at",
    ]
    list_filter = ["severity", "status", "has_drift", "is_scheduled"]
    search_fields = ["=check_id", "=task__id", "workspace__name", "workspace__workspace_id"]
    search_help_text = "Id of the check, number of the task, name or id of the workspace"
    fields = [
        ("workspace_name", "task_link", "check_id"),
        ("status_text", "is_scheduled"),
        "message",
        ("drift", "worst", "ignored_count", "total_resources"),
        "found",
        ("state_version", "created_at", "started_at", "completed_at"),
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[DriftCheck]:
        """Without what was found, which only the page of one of them shows."""
        rows: QuerySet[DriftCheck] = super().get_queryset(request)
        return rows.defer("resources")

    @admin.display(description="task", ordering="task")
    def task_link(self, check: DriftCheck) -> SafeString:
        """The task, as a link."""
        return admin_link(WorkspaceTask, check.task_id, f"#{check.task_id}")

    @admin.display(description="status", ordering="status")
    def status_text(self, check: DriftCheck) -> SafeString | str:
        """The status in its colour."""
        return check_badge(check.status)

    @admin.display(description="drift", ordering="drift_count")
    def drift(self, check: DriftCheck) -> SafeString | str:
        """How much drifted, once that is known."""
        return drift_badge(check) if check.status == CheckStatus.SUCCESS else ""

    @admin.display(description="worst", ordering="severity")
    def worst(self, check: DriftCheck) -> SafeString | str:
        """The worst severity."""
        return severity_badge(check.severity)

    @admin.display(description="found")
    def found(self, check: DriftCheck) -> SafeString:
        """What differs, object by object."""
        return found_table(check)


def found_table(check: DriftCheck) -> SafeString:
    """What a check has found, as a table; at most :data:`SHOWN_OBJECTS` rows."""
    children = [
        {**child, "resource": resource, "badge": severity_badge(child["severity"])}
        for resource in check.resources or []
        for child in resource["drifted_children"]
    ]
    shown: dict[str, Any] = {"children": children[:SHOWN_OBJECTS], "count": len(children)}
    return render_to_string("admin/drift/found.html", shown)
