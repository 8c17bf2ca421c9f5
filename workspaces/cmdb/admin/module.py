"""The module trees."""

from django.contrib import admin
from django.utils.safestring import SafeString

from iacplatform.common.presentation import list_link
from workspaces.admin.part_of_workspace import PartOfWorkspaceAdmin
from workspaces.cmdb.models import ModuleHierarchy, ResourceIndex


@admin.register(ModuleHierarchy)
class ModuleHierarchyAdmin(PartOfWorkspaceAdmin):
    """Every module of every workspace's state."""

    list_display = [
        "module",
        "workspace_name",
        "depth",
        "resources",
        "total_resource_count",
        "child_module_count",
    ]
    search_fields = ["module_path", "workspace__name", "=workspace__workspace_id"]
    fields = [
        ("module", "workspace_name"),
        ("module_name", "module_key", "depth"),
        "parent_path",
        ("resources", "total_resource_count", "child_module_count"),
    ]

    @admin.display(description="module", ordering="module_path")
    def module(self, module: ModuleHierarchy) -> str:
        """Its path."""
        return str(module)

    @admin.display(description="resources", ordering="resource_count")
    def resources(self, module: ModuleHierarchy) -> SafeString:
        """A link to the resources in the module itself."""
        return list_link(
            ResourceIndex,
            f"{module.resource_count} resources",
            workspace__id__exact=module.workspace_id,
            module_path__exact=module.module_path,
        )
