"""The core domain's tables."""

from workspaces.models.access import Access, access_of
from workspaces.models.access_grant import AccessGrant
from workspaces.models.configuration_version import ConfigurationVersion
from workspaces.models.engine_version import Engine, EngineVersion
from workspaces.models.history import CommentAction, TaskComment, TaskLog, TaskTransition
from workspaces.models.output import RemoteDataToken, WorkspaceOutput, WorkspaceRemoteData
from workspaces.models.project import Project
from workspaces.models.resource import ChangeType, ResourceCodeVersion, WorkspaceResource
from workspaces.models.resource_change import ApplyStatus, ChangeAction, ResourceChange
from workspaces.models.resource_dependency import ResourceDependency
from workspaces.models.resource_snapshot import ResourceSnapshot
from workspaces.models.stage import TaskStage
from workspaces.models.state_version import StateImportSource, StateVersion
from workspaces.models.task import (
    AppliedState,
    StateCheckpoint,
    StateSource,
    TaskPlan,
    TaskSnapshot,
    WorkspaceTask,
)
from workspaces.models.variable import ValueFormat, Variable, VariableType, WorkspaceVariable
from workspaces.models.variable_set import SetVariable, VariableSet, VariableSetScope
from workspaces.models.workspace import ConfigurationSource, OutputsSharing, Workspace

__all__ = [
    "Access",
    "AccessGrant",
    "AppliedState",
    "ApplyStatus",
    "ChangeAction",
    "ChangeType",
    "CommentAction",
    "ConfigurationSource",
    "ConfigurationVersion",
    "Engine",
    "EngineVersion",
    "OutputsSharing",
    "Project",
    "RemoteDataToken",
    "ResourceChange",
    "ResourceCodeVersion",
    "ResourceDependency",
    "ResourceSnapshot",
    "SetVariable",
    "StateCheckpoint",
    "StateImportSource",
    "StateSource",
    "StateVersion",
    "TaskComment",
    "TaskLog",
    "TaskPlan",
    "TaskSnapshot",
    "TaskStage",
    "TaskTransition",
    "ValueFormat",
    "Variable",
    "VariableSet",
    "VariableSetScope",
    "VariableType",
    "Workspace",
    "WorkspaceOutput",
    "WorkspaceRemoteData",
    "WorkspaceResource",
    "WorkspaceTask",
    "WorkspaceVariable",
    "access_of",
]
