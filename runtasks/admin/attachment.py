"""Attachments; they are made through the API."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString

from iacplatform.common.presentation import object_link
from runtasks.models import WorkspaceRunTask
from workspaces.admin.part_of_workspace import PartOfWorkspaceAdmin


@admin.register(WorkspaceRunTask)
class WorkspaceRunTaskAdmin(PartOfWorkspaceAdmin):
    """Which workspaces ask which RunTasks at which stage."""

    list_display = [
        "workspace_run_task_id",
        "workspace_name",
        "run_task_name",
        "stage",
        "enforcement_level",
        "priority",
        "enabled",
    ]
    list_filter = ["stage", "enforcement_level", "enabled"]
    search_fields = ["workspace__name", "workspace__workspace_id", "run_task__name"]
    fields = [
        ("workspace_name", "run_task_name"),
        "workspace_run_task_id",
        ("stage", "enforcement_level", "priority"),
        "enabled",
        ("created_by", "created_at", "updated_at"),
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[WorkspaceRunTask]:
        """With the name of the RunTask, without its key."""
        rows = super().get_queryset(request).select_related("run_task", "created_by")
        return rows.defer("run_task__hmac_key")

    @admin.display(description="run task", ordering="run_task__name")
    def run_task_name(self, attachment: WorkspaceRunTask) -> SafeString | str:
        """The RunTask, as a link."""
        return object_link(attachment.run_task)
