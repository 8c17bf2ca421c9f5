"""What a workspace's configuration is made of; changed through services, which version it."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.template.defaultfilters import filesizeformat

from workspaces.admin.part_of_workspace import PartOfWorkspaceAdmin
from workspaces.models import (
    ConfigurationVersion,
    WorkspaceOutput,
    WorkspaceRemoteData,
    WorkspaceResource,
    WorkspaceVariable,
)

HIDDEN = "(sensitive)"


@admin.register(WorkspaceVariable)
class WorkspaceVariableAdmin(PartOfWorkspaceAdmin):
    """Every version of every variable."""

    list_display = [
        "key",
        "workspace_name",
        "variable_type",
        "sensitive",
        "version",
        "is_current",
        "is_deleted",
        "created_by",
        "created_at",
    ]
    list_filter = ["is_current", "is_deleted", "variable_type", "sensitive"]
    search_fields = ["key", "variable_id", "workspace__name", "workspace__workspace_id"]
    fields = [
        "workspace_name",
        ("key", "variable_id"),
        ("version", "is_current", "is_deleted"),
        "shown_value",
        ("variable_type", "value_format", "sensitive"),
        "description",
        ("created_by", "created_at"),
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[WorkspaceVariable]:
        """Leaves the values in the database; only a variable's own page reads one."""
        return super().get_queryset(request).select_related("created_by").defer("value")

    @admin.display(description="value")
    def shown_value(self, variable: WorkspaceVariable) -> str:
        """The value, unless it is sensitive; so are the versions from before it became so."""
        versions = WorkspaceVariable.objects.filter(variable_id=variable.variable_id)
        return HIDDEN if versions.filter(sensitive=True).exists() else variable.value


@admin.register(WorkspaceOutput)
class WorkspaceOutputAdmin(PartOfWorkspaceAdmin):
    """The definitions of outputs."""

    list_display = ["output_name", "workspace_name", "resource_name", "sensitive", "updated_at"]
    list_filter = ["sensitive"]
    search_fields = ["output_name", "resource_name", "workspace__name", "workspace__workspace_id"]
    fields = [
        "workspace_name",
        ("output_name", "output_id"),
        "resource_name",
        "shown_value",
        "sensitive",
        "description",
        ("created_at", "updated_at"),
    ]

    @admin.display(description="value")
    def shown_value(self, output: WorkspaceOutput) -> str:
        """The expression or literal, unless it is sensitive."""
        return HIDDEN if output.sensitive else output.output_value


@admin.register(WorkspaceResource)
class WorkspaceResourceAdmin(PartOfWorkspaceAdmin):
    """The resources that the platform keeps; their code is read through the API."""

    list_display = [
        "resource_id",
        "workspace_name",
        "code_version",
        "is_active",
        "last_applied_at",
        "updated_at",
    ]
    list_filter = ["is_active"]
    search_fields = ["resource_id", "workspace__name", "workspace__workspace_id", "description"]
    fields = [
        "workspace_name",
        "resource_id",
        "description",
        "tags",
        "code_version",
        "is_active",
        "last_applied_at",
        ("created_by", "created_at", "updated_at"),
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[WorkspaceResource]:
        """With the number of the current code, without the code."""
        large = ("current_version__tf_code", "current_version__variables")
        return super().get_queryset(request).select_related("current_version").defer(*large)

    @admin.display(description="code")
    def code_version(self, resource: WorkspaceResource) -> str:
        """The number of the current code."""
        return f"version {resource.current_version.version}" if resource.current_version else ""


@admin.register(WorkspaceRemoteData)
class WorkspaceRemoteDataAdmin(PartOfWorkspaceAdmin):
    """Which workspaces read whose outputs."""

    list_display = ["data_name", "workspace_name", "source_workspace", "updated_at"]
    search_fields = ["data_name", "workspace__name", "source_workspace__name"]
    fields = [
        "workspace_name",
        ("data_name", "remote_data_id"),
        "source_workspace",
        "description",
        ("created_at", "updated_at"),
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[WorkspaceRemoteData]:
        """With the name of the workspace that is read."""
        return super().get_queryset(request).select_related("source_workspace")


@admin.register(ConfigurationVersion)
class ConfigurationVersionAdmin(PartOfWorkspaceAdmin):
    """Uploaded archives: what is known of them, never their content."""

    list_display = [
        "configuration_id",
        "workspace_name",
        "file_count",
        "size",
        "created_by",
        "created_at",
    ]
    search_fields = ["configuration_id", "workspace__name", "workspace__workspace_id", "=sha256"]
    fields = [
        ("workspace_name", "configuration_id"),
        "description",
        ("file_count", "size"),
        "sha256",
        ("created_by", "created_at"),
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[ConfigurationVersion]:
        """Leaves the archives in the database."""
        return super().get_queryset(request).select_related("created_by").defer("archive")

    @admin.display(description="size")
    def size(self, version: ConfigurationVersion) -> str:
        """The size of the archive and of the files in it."""
        packed, unpacked = version.size_bytes, version.unpacked_bytes
        return f"{filesizeformat(packed)}, unpacked {filesizeformat(unpacked)}"
