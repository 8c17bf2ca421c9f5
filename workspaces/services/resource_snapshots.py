"""Named snapshots of a workspace's resources: taken, compared with today, and restored."""

from collections.abc import Sequence
from dataclasses import dataclass

from iacplatform.accounts.models import User
from iacplatform.common.conflicts import taken
from iacplatform.common.errors import Conflict, InvalidInput, NotFound
from workspaces.models import (
    ChangeType,
    ConfigurationSource,
    ResourceCodeVersion,
    ResourceSnapshot,
    StateVersion,
    TaskSnapshot,
    Workspace,
    WorkspaceResource,
    WorkspaceTask,
)
from workspaces.services.code_versions import copy_versions, current_code
from workspaces.services.editing import editing

NAME_TAKEN = "another snapshot of the workspace has this name"


@dataclass(frozen=True)
class SnapshotDifference:
    """How a workspace's resources differ from a snapshot.

    ``changed`` have other code now, ``deleted`` were deleted since, ``added`` came since.
    """

    changed: Sequence[ResourceCodeVersion]
    deleted: Sequence[ResourceCodeVersion]
    added: Sequence[WorkspaceResource]
    unchanged_count: int


def take_resource_snapshot(
    workspace: Workspace,
    *,
    user: User,
    name: str,
    description: str = "",
    task_id: int | None = None,
) -> ResourceSnapshot:
    """Writes down the version of each active resource, or those that a task was created with.

    The versions are read by one statement, so a change that is made at the same time is in it whole or not
    at all; a lock does not hinder it. Raises ``Conflict`` for a name that is taken, ``InvalidInput`` for
    what is no task of the workspace or one without a snapshot.
    """
    task = None if task_id is None else _task(workspace, task_id)
    versions = _versions_now(workspace) if task is None else _versions_of(task)
    with taken("one_resource_snapshot_a_name", "name", NAME_TAKEN):
        return ResourceSnapshot.objects.create(
            workspace=workspace,
            name=name,
            description=description,
            versions=versions,
            resource_count=len(versions),
            task=task,
            state_version=_state_version(workspace, task),
            created_by=user,
        )


def compare_resource_snapshot(snapshot: ResourceSnapshot) -> SnapshotDifference:
    """How the resources are now differs from a snapshot; what a restore would undo.

    Raises ``Conflict`` where a version of the snapshot is gone.
    """
    then = _versions_in(snapshot)
    active = [version for version in then if version.resource.is_active]
    changed = [version for version in active if not _is_current(version)]
    resources = snapshot.workspace.resources.active()
    return SnapshotDifference(
        changed=changed,
        deleted=[version for version in then if not version.resource.is_active],
        added=list(resources.exclude(resource_id__in=list(snapshot.versions))),
        unchanged_count=len(active) - len(changed),
    )


def restore_resource_snapshot(snapshot: ResourceSnapshot, *, user: User) -> SnapshotDifference:
    """Makes the resources what a snapshot says, in one transaction, and returns what had differed.

    What has changed gets its code again as a new version, what was deleted is restored, and what was not there
    is deleted, whoever depends on it: the snapshot is the whole. Description and tags stay as they are.

    Raises:
        WorkspaceLocked: the workspace is locked.
        NotFound: the snapshot was deleted meanwhile.
        Conflict: a version of the snapshot is gone.
    """
    with editing(snapshot.workspace) as workspace:
        if not workspace.resource_snapshots.filter(pk=snapshot.pk).exists():
            raise NotFound("The snapshot was deleted")
        difference = compare_resource_snapshot(snapshot)
        back = [*difference.changed, *difference.deleted]
        added = [current_code(resource) for resource in difference.added]
        summary = f"Snapshot {snapshot.name} restored"
        for sources, kind in ((back, ChangeType.ROLLBACK), (added, ChangeType.DELETE)):
            copy_versions(
                sources,
                kind,
                user=user,
                change_summary=summary,
                is_active=kind == ChangeType.ROLLBACK,
            )
    return difference


def _versions_now(workspace: Workspace) -> dict[str, int]:
    rows = workspace.resources.filter(is_active=True, current_version__isnull=False)
    return dict(rows.order_by("resource_id").values_list("resource_id", "current_version_id"))


def _versions_of(task: WorkspaceTask) -> dict[str, int]:
    snapshot = TaskSnapshot.objects.filter(task=task).first()
    if snapshot is None or snapshot.resource_versions is None:
        raise InvalidInput("task_id", f"task #{task.pk} has no snapshot")
    if snapshot.configuration_source == ConfigurationSource.ARCHIVE:
        raise InvalidInput("task_id", f"task #{task.pk} is planned from an archive")
    return {name: entry["version_id"] for name, entry in snapshot.resource_versions.items()}


def _task(workspace: Workspace, task_id: int) -> WorkspaceTask:
    task = workspace.tasks.filter(pk=task_id).first()
    if task is None:
        raise InvalidInput("task_id", f"there is no task #{task_id} in the workspace")
    return task


def _state_version(workspace: Workspace, task: WorkspaceTask | None) -> StateVersion | None:
    """The state that the task saved, or else the newest."""
    states = workspace.state_versions.without_content()
    if task is not None and (saved := states.filter(task=task).first()):
        return saved
    return states.first()


def _versions_in(snapshot: ResourceSnapshot) -> list[ResourceCodeVersion]:
    rows = ResourceCodeVersion.objects.filter(
        resource__workspace=snapshot.workspace_id, pk__in=snapshot.versions.values()
    )
    found = rows.select_related("resource__current_version").order_by("resource__resource_id")
    versions = list(found)
    if len(versions) != len(snapshot.versions):
        raise Conflict("A resource version of the snapshot is gone; it cannot be compared")
    return versions


def _is_current(version: ResourceCodeVersion) -> bool:
    now = current_code(version.resource)
    return now == version or (now.tf_code, now.variables) == (version.tf_code, version.variables)
