"""Addresses below ``/api/v1``; a workspace's id is the semantic or the numeric one."""

from typing import Any

from django.urls import path

from iacplatform.accounts.administration.urls import ORGANIZATION
from iacplatform.common import converters  # noqa: F401  # registers `pk`, `sid` and `ref`
from workspaces.api.access_grants import OrganizationGrantViewSet, WorkspaceGrantViewSet
from workspaces.api.configurations import ConfigurationVersionViewSet
from workspaces.api.engine_versions import EngineVersionViewSet
from workspaces.api.interruptions import InterruptionViewSet
from workspaces.api.outputs import OutputViewSet, RemoteDataViewSet
from workspaces.api.projects import ProjectViewSet, WorkspaceProjectViewSet
from workspaces.api.resource_snapshots import ResourceSnapshotViewSet
from workspaces.api.resources import ResourceVersionViewSet, ResourceViewSet
from workspaces.api.state_contents import (
    StateContentViewSet,
    StateFileUploadViewSet,
    StateUploadViewSet,
)
from workspaces.api.states import RemoteStateView, StateVersionViewSet
from workspaces.api.tasks import (
    CommentViewSet,
    ResourceChangeViewSet,
    TaskActionViewSet,
    TaskViewSet,
    TransitionViewSet,
)
from workspaces.api.variable_sets import (
    EffectiveVariableViewSet,
    SetVariableVersionViewSet,
    SetVariableViewSet,
    VariableSetViewSet,
)
from workspaces.api.variables import VariableVersionViewSet, VariableViewSet
from workspaces.api.workspaces import WorkspaceListViewSet, WorkspaceViewSet

Actions = dict[str, Any]
LIST: Actions = {"get": "list"}
READ: Actions = {"get": "retrieve"}
COLLECTION: Actions = {"get": "list", "post": "create"}
ITEM: Actions = {"get": "retrieve", "put": "update", "patch": "partial_update", "delete": "destroy"}
# Nothing of these is ever changed in part: each change is a new version.
VERSIONED: Actions = {"get": "retrieve", "put": "update", "delete": "destroy"}

WORKSPACE = "workspaces/<ref:workspace_id>"
TASK = f"{WORKSPACE}/tasks/<pk:task_id>"
VARIABLE = f"{WORKSPACE}/variables/<sid:variable_id>"
SET = "variable-sets/<sid:variable_set_id>"
SET_VARIABLE = f"{SET}/variables/<sid:variable_id>"
RESOURCE = f"{WORKSPACE}/resources/<pk:resource_id>"
SNAPSHOT = f"{WORKSPACE}/snapshots/<pk:snapshot_id>"
CONFIGURATION = f"{WORKSPACE}/configuration-versions/<sid:configuration_id>"
STATES = f"{WORKSPACE}/state-versions"
STATE = f"{STATES}/<pk:version>"
ENGINE = "engine-versions/<pk:engine_version_id>"

GRANT: Actions = {"get": "retrieve", "patch": "partial_update", "delete": "destroy"}
workspace_project = WorkspaceProjectViewSet.as_view({"get": "project", "put": "move"})
outputs_sharing = WorkspaceViewSet.as_view({"get": "outputs_sharing", "put": "share_outputs"})
set_projects = VariableSetViewSet.as_view({"get": "projects", "put": "assign_projects"})
set_workspaces = VariableSetViewSet.as_view({"get": "workspaces", "put": "assign_workspaces"})
upload_file = StateFileUploadViewSet.as_view({"post": "upload_file"})
dependencies = ResourceViewSet.as_view({"get": "dependencies", "put": "set_dependencies"})
rollback = ResourceViewSet.as_view({"post": "rollback"})

urlpatterns = [
    path("workspaces", WorkspaceListViewSet.as_view(COLLECTION)),
    path(WORKSPACE, WorkspaceViewSet.as_view(ITEM)),
    path(f"{WORKSPACE}/overview", WorkspaceViewSet.as_view({"get": "overview"})),
    path(f"{WORKSPACE}/lock", WorkspaceViewSet.as_view({"post": "lock"})),
    path(f"{WORKSPACE}/unlock", WorkspaceViewSet.as_view({"post": "unlock"})),
    path(f"{WORKSPACE}/outputs-sharing", outputs_sharing),
    path(f"{WORKSPACE}/tasks", TaskViewSet.as_view(COLLECTION)),
    path(f"{WORKSPACE}/tasks/plan", TaskViewSet.as_view({"post": "create"})),
    path(TASK, TaskViewSet.as_view(READ)),
    path(f"{TASK}/confirm-apply", TaskActionViewSet.as_view({"post": "confirm_apply"})),
    path(f"{TASK}/cancel", TaskActionViewSet.as_view({"post": "cancel"})),
    path(f"{TASK}/cancel-previous", TaskActionViewSet.as_view({"post": "cancel_previous"})),
    path(f"{TASK}/retry-state-save", TaskActionViewSet.as_view({"post": "retry_state_save"})),
    path(f"{TASK}/interruption", InterruptionViewSet.as_view(READ)),
    path(f"{TASK}/resolve-interruption", InterruptionViewSet.as_view({"post": "resolve"})),
    path(f"{TASK}/transitions", TransitionViewSet.as_view(LIST)),
    path(f"{TASK}/comments", CommentViewSet.as_view(COLLECTION)),
    path(f"{TASK}/resource-changes", ResourceChangeViewSet.as_view(LIST)),
    path(f"{WORKSPACE}/variables", VariableViewSet.as_view(COLLECTION)),
    path(VARIABLE, VariableViewSet.as_view(VERSIONED)),
    path(f"{VARIABLE}/versions", VariableVersionViewSet.as_view(LIST)),
    path(f"{VARIABLE}/versions/<pk:version>", VariableVersionViewSet.as_view(READ)),
    path(f"{WORKSPACE}/effective-variables", EffectiveVariableViewSet.as_view(LIST)),
    path("variable-sets", VariableSetViewSet.as_view(COLLECTION)),
    path(SET, VariableSetViewSet.as_view(ITEM)),
    path(f"{SET}/projects", set_projects),
    path(f"{SET}/workspaces", set_workspaces),
    path(f"{SET}/variables", SetVariableViewSet.as_view(COLLECTION)),
    path(SET_VARIABLE, SetVariableViewSet.as_view(VERSIONED)),
    path(f"{SET_VARIABLE}/versions", SetVariableVersionViewSet.as_view(LIST)),
    path(f"{SET_VARIABLE}/versions/<pk:version>", SetVariableVersionViewSet.as_view(READ)),
    path(f"{WORKSPACE}/resources", ResourceViewSet.as_view(COLLECTION)),
    path(f"{WORKSPACE}/resources/import", ResourceViewSet.as_view({"post": "import_blocks"})),
    path(f"{WORKSPACE}/resources/deploy", ResourceViewSet.as_view({"post": "deploy"})),
    path(f"{WORKSPACE}/resources/export/hcl", ResourceViewSet.as_view({"get": "export_hcl"})),
    path(RESOURCE, ResourceViewSet.as_view(VERSIONED)),
    path(f"{RESOURCE}/restore", ResourceViewSet.as_view({"post": "restore"})),
    path(f"{RESOURCE}/dependencies", dependencies),
    path(f"{RESOURCE}/versions", ResourceVersionViewSet.as_view(LIST)),
    path(f"{RESOURCE}/versions/compare", ResourceVersionViewSet.as_view({"get": "compare"})),
    path(f"{RESOURCE}/versions/<pk:version>", ResourceVersionViewSet.as_view(READ)),
    path(f"{RESOURCE}/versions/<pk:version>/rollback", rollback),
    path(f"{WORKSPACE}/snapshots", ResourceSnapshotViewSet.as_view(COLLECTION)),
    path(SNAPSHOT, ResourceSnapshotViewSet.as_view({"get": "retrieve", "delete": "destroy"})),
    path(f"{SNAPSHOT}/compare", ResourceSnapshotViewSet.as_view({"get": "compare"})),
    path(f"{SNAPSHOT}/restore", ResourceSnapshotViewSet.as_view({"post": "restore"})),
    path(f"{WORKSPACE}/configuration-versions", ConfigurationVersionViewSet.as_view(COLLECTION)),
    path(CONFIGURATION, ConfigurationVersionViewSet.as_view(READ)),
    path(f"{CONFIGURATION}/download", ConfigurationVersionViewSet.as_view({"get": "download"})),
    path(STATES, StateVersionViewSet.as_view(LIST)),
    path(f"{STATES}/current", StateVersionViewSet.as_view({"get": "current"})),
    path(f"{STATES}/current/download", StateContentViewSet.as_view({"get": "download_current"})),
    path(f"{STATES}/compare", StateVersionViewSet.as_view({"get": "compare"})),
    path(STATE, StateVersionViewSet.as_view({"get": "retrieve", "delete": "destroy"})),
    path(f"{STATE}/retrieve", StateContentViewSet.as_view({"get": "retrieve_content"})),
    path(f"{STATE}/download", StateContentViewSet.as_view({"get": "download"})),
    path(f"{STATE}/rollback", StateVersionViewSet.as_view({"post": "rollback"})),
    path(f"{WORKSPACE}/state/upload", StateUploadViewSet.as_view({"post": "upload"})),
    path(f"{WORKSPACE}/state/upload-file", upload_file),
    path(f"{WORKSPACE}/state/rollback", StateVersionViewSet.as_view({"post": "rollback_to"})),
    path(f"{WORKSPACE}/state-outputs", StateVersionViewSet.as_view({"get": "outputs"})),
    path("workspaces/<sid:workspace_id>/state-outputs/full", RemoteStateView.as_view()),
    path(f"{WORKSPACE}/outputs", OutputViewSet.as_view(COLLECTION)),
    path(f"{WORKSPACE}/outputs/<sid:output_id>", OutputViewSet.as_view(ITEM)),
    path(f"{WORKSPACE}/remote-data", RemoteDataViewSet.as_view(COLLECTION)),
    path(f"{WORKSPACE}/remote-data/<sid:remote_data_id>", RemoteDataViewSet.as_view(ITEM)),
    path("projects", ProjectViewSet.as_view(COLLECTION)),
    path("projects/<sid:project_id>", ProjectViewSet.as_view(ITEM)),
    path(f"{WORKSPACE}/project", workspace_project),
    path(f"{WORKSPACE}/access-grants", WorkspaceGrantViewSet.as_view(COLLECTION)),
    path(f"{WORKSPACE}/access-grants/<sid:grant_id>", WorkspaceGrantViewSet.as_view(GRANT)),
    path(f"{ORGANIZATION}/access-grants", OrganizationGrantViewSet.as_view(COLLECTION)),
    path(f"{ORGANIZATION}/access-grants/<sid:grant_id>", OrganizationGrantViewSet.as_view(GRANT)),
    path("engine-versions", EngineVersionViewSet.as_view(COLLECTION)),
    path(ENGINE, EngineVersionViewSet.as_view(ITEM)),
    path(f"{ENGINE}/set-default", EngineVersionViewSet.as_view({"post": "set_default"})),
]
