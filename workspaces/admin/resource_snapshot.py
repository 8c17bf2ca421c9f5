"""Named snapshots of resources, and what people say of resources that need each other."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString

from iacplatform.common.admin import ReadOnlyAdmin
from iacplatform.common.presentation import object_link
from workspaces.admin.part_of_workspace import LARGE, PartOfWorkspaceAdmin
from workspaces.models import ResourceDependency, ResourceSnapshot


@admin.register(ResourceSnapshot)
class ResourceSnapshotAdmin(PartOfWorkspaceAdmin):
    """Snapshots, newest first; compared and restored through the API."""

    list_display = [
        "name",
        "workspace_name",
        "resource_count",
        "of_task",
        "created_by",
        "created_at",
    ]
    search_fields = ["name", "description", "workspace__name", "workspace__workspace_id"]
    fields = [
        ("workspace_name", "name"),
        "description",
        "resource_count",
        ("of_task", "of_state"),
        ("created_by", "created_at"),
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[ResourceSnapshot]:
        """Leaves the versions and the states in the database."""
        rows = super().get_queryset(request).select_related("created_by", "task", "state_version")
        return rows.defer("versions", "task__outputs", "state_version__content")

    @admin.display(description="task")
    def of_task(self, snapshot: ResourceSnapshot) -> SafeString | str:
        """The task whose versions these are."""
        return object_link(snapshot.task)

    @admin.display(description="state")
    def of_state(self, snapshot: ResourceSnapshot) -> str:
        """The number of the state that belongs to it."""
        return f"version {snapshot.state_version.version}" if snapshot.state_version else ""


@admin.register(ResourceDependency)
class ResourceDependencyAdmin(ReadOnlyAdmin):
    """Explicit dependencies; what the code refers to is computed when it is asked for."""

    list_display = ["resource", "depends_on", "workspace_name", "created_by", "created_at"]
    search_fields = [
        "resource__resource_id",
        "depends_on__resource_id",
        "resource__workspace__name",
        "resource__workspace__workspace_id",
    ]
    ordering = ["-pk"]
    fields = [
        "workspace_name",
        ("resource", "depends_on"),
        ("created_by", "created_at"),
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[ResourceDependency]:
        """With both resources and their workspace, without what of it may be large or secret."""
        rows: QuerySet[ResourceDependency] = super().get_queryset(request)
        related = rows.select_related("resource__workspace", "depends_on", "created_by")
        return related.defer(*(f"resource__{name}" for name in LARGE))

    @admin.display(description="workspace", ordering="resource__workspace__name")
    def workspace_name(self, dependency: ResourceDependency) -> SafeString | str:
        """The workspace, as a link."""
        return object_link(dependency.resource.workspace)
