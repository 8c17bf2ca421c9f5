"""What an operator sees of the CMDB, and may do; one module a noun."""

from workspaces.cmdb.admin.external_source import ExternalSourceAdmin, SyncLogAdmin
from workspaces.cmdb.admin.module import ModuleHierarchyAdmin
from workspaces.cmdb.admin.resource import ResourceIndexAdmin
from workspaces.cmdb.admin.workspace_sync import WorkspaceSyncAdmin

__all__ = [
    "ExternalSourceAdmin",
    "ModuleHierarchyAdmin",
    "ResourceIndexAdmin",
    "SyncLogAdmin",
    "WorkspaceSyncAdmin",
]
