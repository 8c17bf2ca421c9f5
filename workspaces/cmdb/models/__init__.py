"""What is known of resources, and how it got there."""

from workspaces.cmdb.models.external_source import ExternalSource, HTTPMethod, PullStatus, SyncLog
from workspaces.cmdb.models.module import ModuleHierarchy
from workspaces.cmdb.models.resource import ResourceIndex, SourceType
from workspaces.cmdb.models.workspace_sync import SyncStatus, SyncTrigger, WorkspaceSync

__all__ = [
    "ExternalSource",
    "HTTPMethod",
    "ModuleHierarchy",
    "PullStatus",
    "ResourceIndex",
    "SourceType",
    "SyncLog",
    "SyncStatus",
    "SyncTrigger",
    "WorkspaceSync",
]
