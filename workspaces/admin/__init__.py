"""What an operator sees of the core domain, and may do to it; one module a noun."""

from workspaces.admin.access import AccessGrantAdmin, ProjectAdmin
from workspaces.admin.configuration import (
    ConfigurationVersionAdmin,
    WorkspaceOutputAdmin,
    WorkspaceRemoteDataAdmin,
    WorkspaceResourceAdmin,
    WorkspaceVariableAdmin,
)
from workspaces.admin.engine_version import EngineVersionAdmin
from workspaces.admin.resource_snapshot import ResourceDependencyAdmin, ResourceSnapshotAdmin
from workspaces.admin.state_version import StateVersionAdmin
from workspaces.admin.task import WorkspaceTaskAdmin
from workspaces.admin.variable_set import SetVariableAdmin, VariableSetAdmin
from workspaces.admin.workspace import WorkspaceAdmin

__all__ = [
    "AccessGrantAdmin",
    "ConfigurationVersionAdmin",
    "EngineVersionAdmin",
    "ProjectAdmin",
    "ResourceDependencyAdmin",
    "ResourceSnapshotAdmin",
    "SetVariableAdmin",
    "StateVersionAdmin",
    "VariableSetAdmin",
    "WorkspaceAdmin",
    "WorkspaceOutputAdmin",
    "WorkspaceRemoteDataAdmin",
    "WorkspaceResourceAdmin",
    "WorkspaceTaskAdmin",
    "WorkspaceVariableAdmin",
]
