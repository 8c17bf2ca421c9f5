"""State versions: numbered without gaps or doubles, one transaction each."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import transaction
from django.db.models import Max, Min, Q

from iacplatform.accounts.models import User
from iacplatform.common.errors import Conflict, NotFound
from iacplatform.terraform.state import read_state, with_serial
from workspaces.models import StateImportSource, StateVersion, Workspace, WorkspaceTask
from workspaces.services.editing import editing
from workspaces.task_status import HOLDS_WORKSPACE, TaskType

LIVE_CHANGE = Q(task_type=TaskType.PLAN_AND_APPLY, status__in=HOLDS_WORKSPACE)


def save_state_version(
    workspace_id: int,
    content: bytes,
    *,
    task: WorkspaceTask | None = None,
    user: User | None = None,
    description: str = "",
    rollback_from_version: int | None = None,
    recovered_from: str = "",
    import_source: StateImportSource = StateImportSource.TERRAFORM_APPLY,
) -> StateVersion:
    """Stores a state file as the workspace's next version (F26).

    The number is allocated under the workspace's row lock. Raises ``StateError`` where the content is no state.
    """
    info = read_state(content)
    with transaction.atomic():
        workspace = Workspace.objects.select_for_update(of=("self",), no_key=True).get(
            pk=workspace_id
        )
        newest = workspace.state_versions.without_content().first()
        return StateVersion.objects.create(
            workspace=workspace,
            version=newest.version + 1 if newest else 1,
            content=content,
            checksum=hashlib.sha256(content).hexdigest(),
            size_bytes=len(content),
            lineage=info.lineage,
            serial=info.serial,
            terraform_version=info.terraform_version,
            resource_count=info.resource_count,
            output_count=len(info.outputs),
            task=task,
            description=description,
            import_source=import_source,
            rollback_from_version=rollback_from_version,
            recovered_from=recovered_from,
            created_by=user or (task.created_by if task else None),
        )


@contextmanager
def changing_state(workspace: Workspace) -> Iterator[Workspace]:
    """:func:`editing`, for whoever puts another state in the newest's place.

    Raises :class:`Conflict` while a task that changes the state is live; none can begin meanwhile.
    """
    with editing(workspace) as current:
        if current.tasks.filter(LIVE_CHANGE).exists():
            raise Conflict("A plan-and-apply of the workspace is live; the state must not change")
        yield current


def roll_back(workspace: Workspace, *, version: int, user: User, reason: str = "") -> StateVersion:
    """Makes the content of an older version the newest state again (reference §5.9, F30).

    Its serial is raised above all others, inside the content too, so that the next apply accepts it.

    Raises:
        WorkspaceLocked: the workspace is locked.
        Conflict: a plan-and-apply is live, or the version is the newest already.
        NotFound: there is no such version.
    """
    with changing_state(workspace) as current:
        target = current.state_versions.filter(version=version).first()
        newest = current.state_versions.without_content().first()
        if target is None or newest is None:
            raise NotFound(f"There is no state version {version}")
        if target.version == newest.version:
            raise Conflict(f"State version {version} is the newest already")
        return save_state_version(
            current.pk,
            with_serial(target.content, max(target.serial, newest.serial + 1)),
            user=user,
            description=": ".join(filter(None, [f"Rolled back to version {version}", reason])),
            import_source=StateImportSource.ROLLBACK,
            rollback_from_version=version,
        )


def delete_state_version(workspace: Workspace, *, version: int) -> None:
    """Removes a version for good; a rollback that came from it only remembers its number.

    Raises:
        WorkspaceLocked: the workspace is locked.
        Conflict: it is the newest, or a task that has not ended was planned from it or wrote it.
        NotFound: there is no such version.
    """
    with editing(workspace) as current:
        row = current.state_versions.without_content().filter(version=version).first()
        if row is None:
            raise NotFound(f"There is no state version {version}")
        if not current.state_versions.filter(version__gt=version).exists():
            raise Conflict(f"State version {version} is the newest, which cannot be deleted")
        needed = needed_from(current)
        if needed is not None and version >= needed:
            raise Conflict(f"State version {version} is needed by a task that has not ended")
        row.delete()


def needed_from(workspace: Workspace) -> int | None:
    """The first version that a task which has not ended may still have to do with.

    That is the newest from before the oldest such task was created; ``None`` without such tasks.
    """
    began = workspace.tasks.live().aggregate(began=Min("created_at"))["began"]
    if began is None:
        return None
    earlier = workspace.state_versions.filter(created_at__lte=began)
    return int(earlier.aggregate(number=Max("version"))["number"] or 0)
