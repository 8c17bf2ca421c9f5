"""Snapshots: what a workspace was when a task was created (reference §5.7)."""

from typing import Any, TypeVar

from django.db.models import Q

from workspaces.exceptions import SnapshotInvalid
from workspaces.models import (
    ConfigurationSource,
    EngineVersion,
    ResourceCodeVersion,
    SetVariable,
    TaskSnapshot,
    Workspace,
    WorkspaceTask,
    WorkspaceVariable,
)
from workspaces.models.output import STATIC_OUTPUT
from workspaces.services.effective_variables import effective_variables
from workspaces.services.remote_data import remote_sources

V = TypeVar("V", WorkspaceVariable, SetVariable)
REQUIRED = ("resource_versions", "variables", "provider_config", "outputs", "remote_data")


def take_snapshot(task: WorkspaceTask, engine_version: EngineVersion) -> TaskSnapshot:
    """Freezes the workspace's configuration for a task; variables by reference, without values."""
    workspace = task.workspace
    from_archive = workspace.configuration_source == ConfigurationSource.ARCHIVE
    return TaskSnapshot.objects.create(
        task=task,
        resource_versions={} if from_archive else _resource_versions(workspace),
        variables=_variables(workspace),
        provider_config=workspace.provider_config,
        outputs=_outputs(workspace, static_only=from_archive),
        remote_data=list(
            workspace.remote_data.values("remote_data_id", "source_workspace_id", "data_name")
        ),
        tf_code=workspace.tf_code,
        configuration_source=workspace.configuration_source,
        configuration_version=(workspace.configuration_versions.first() if from_archive else None),
        engine_version=engine_version,
    )


def _resource_versions(workspace: Workspace) -> dict[str, Any]:
    return {
        resource.resource_id: {
            "resource_db_id": resource.pk,
            "version_id": resource.current_version_id,
            "version": resource.current_version.version,
        }
        for resource in workspace.resources.active()
        if resource.current_version is not None
    }


def _outputs(workspace: Workspace, *, static_only: bool) -> list[dict[str, Any]]:
    """Static outputs and those of resources that are there; a deleted resource has none (§5.3)."""
    there = Q(resource_name__in=["", STATIC_OUTPUT])
    if not static_only:  # an archive has no modules of the platform's resources
        there |= Q(resource_name__in=workspace.resources.active().values("resource_id"))
    fields = ("resource_name", "output_name", "output_value", "description", "sensitive")
    return [dict(row) for row in workspace.outputs.filter(there).values(*fields)]


def _variables(workspace: Workspace) -> list[dict[str, Any]]:
    """References to the variables that count; those of sets say so by ``variable_set_id``."""
    variables = [each.variable for each in effective_variables(workspace)]
    _remember_secrets(workspace, [each for each in variables if isinstance(each, SetVariable)])
    return [_reference(variable) for variable in variables]


def _reference(variable: WorkspaceVariable | SetVariable) -> dict[str, Any]:
    names = ("variable_id", "version", "variable_type")
    reference = {name: getattr(variable, name) for name in names}
    if isinstance(variable, SetVariable):
        reference["variable_set_id"] = variable.variable_set.variable_set_id
    return reference


def _remember_secrets(workspace: Workspace, variables: list[SetVariable]) -> None:
    """A set may be taken away again; what it gave is masked in the workspace's states for ever."""
    through = SetVariable.given_to.through
    rows = [
        through(setvariable_id=variable.pk, workspace_id=workspace.pk)
        for variable in variables
        if variable.sensitive
    ]
    through.objects.bulk_create(rows, ignore_conflicts=True)


def snapshot_variables(snapshot: TaskSnapshot) -> list[WorkspaceVariable | SetVariable]:
    """The variable rows that a snapshot names, whatever became of the variables and sets since."""
    own: set[tuple[str, int]] = set()
    shared: set[tuple[str, int]] = set()
    for reference in snapshot.variables or []:
        wanted = shared if "variable_set_id" in reference else own
        wanted.add((reference["variable_id"], reference["version"]))
    found: list[WorkspaceVariable | SetVariable] = [
        *_versions(WorkspaceVariable, own),
        *_versions(SetVariable, shared),
    ]
    return sorted(found, key=lambda row: row.key)


def _versions(model: type[V], wanted: set[tuple[str, int]]) -> list[V]:
    if not wanted:
        return []
    rows = model._base_manager.filter(variable_id__in={variable for variable, _ in wanted})
    return [row for row in rows if (row.variable_id, row.version) in wanted]


def snapshot_code(snapshot: TaskSnapshot) -> list[dict[str, Any]]:
    """The configuration bodies that a snapshot names, in the order of their resource ids."""
    references = sorted((snapshot.resource_versions or {}).items())
    ids = [reference["version_id"] for _, reference in references]
    bodies = ResourceCodeVersion.objects.in_bulk(ids)
    return [bodies[pk].tf_code for pk in ids]


def validate_snapshot(task: WorkspaceTask) -> None:
    """Raises :class:`SnapshotInvalid` where a task cannot be applied from its snapshot."""
    snapshot = TaskSnapshot.objects.filter(task=task).first()
    if snapshot is None:
        raise SnapshotInvalid(f"Task #{task.pk} has no snapshot; create a new task")
    for name in REQUIRED:
        if getattr(snapshot, name) is None:
            raise SnapshotInvalid(f"The snapshot of task #{task.pk} has no {name}")
    _check_versions_exist(task, snapshot)
    remote_sources(snapshot)


def _check_versions_exist(task: WorkspaceTask, snapshot: TaskSnapshot) -> None:
    wanted = {entry["version_id"] for entry in (snapshot.resource_versions or {}).values()}
    if ResourceCodeVersion.objects.filter(pk__in=wanted).count() != len(wanted):
        raise SnapshotInvalid(f"A resource version of task #{task.pk} is gone; create a new task")
    if len(snapshot_variables(snapshot)) != len(snapshot.variables or []):
        raise SnapshotInvalid(f"A variable version of task #{task.pk} is gone; create a new task")
