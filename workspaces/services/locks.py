"""Locking a workspace: one conditional UPDATE, always with an owner and a reason."""

from functools import partial

import structlog
from django.db import transaction
from django.db.models import QuerySet
from django.db.models.functions import Now

from iacplatform.accounts.models import User
from iacplatform.common.errors import Forbidden
from workspaces.exceptions import NotLockOwner, WorkspaceLocked
from workspaces.models import Workspace, WorkspaceTask
from workspaces.services.queue import start_next
from workspaces.task_status import FINAL
from workspaces.transitions import SYSTEM

UNLOCKED = {
    "is_locked": False,
    "locked_by": None,
    "locked_at": None,
    "lock_reason": "",
    "lock_task": None,
    "lock_kept": False,
}
logger = structlog.get_logger(__name__)


def _take(workspace_id: int, *, locked_by: str, reason: str, task: WorkspaceTask | None) -> bool:
    return bool(
        Workspace.objects.filter(pk=workspace_id, is_locked=False).update(
            is_locked=True,
            locked_by=locked_by,
            locked_at=Now(),
            lock_reason=reason,
            lock_task=task,
            lock_kept=False,
        )
    )


def lock_workspace(workspace: Workspace, *, user: User, reason: str) -> None:
    """Locks a workspace for a person; raises :class:`WorkspaceLocked` if it is locked already."""
    taken = _take(
        workspace.pk,
        locked_by=user.get_username(),
        reason=reason or f"Locked by {user.get_username()}",
        task=None,
    )
    workspace.refresh_from_db()
    if not taken:
        raise WorkspaceLocked(workspace)


def unlock_workspace(
    workspace: Workspace, *, user: User, force: bool = False, may_force: bool = True
) -> None:
    """Removes a lock and asks the queue; another's lock, or one that was kept, only with ``force`` (F10).

    A lock that a task holds while it waits for approval or applies is what keeps two changes apart, so
    even ``force`` leaves it: cancel the task instead. ``may_force`` says whether the user's level is enough to
    take a lock from somebody.

    Raises:
        NotLockOwner: the lock is not the user's to remove so.
        Forbidden: ``force`` would remove it, and the user may not.
    """
    with transaction.atomic():
        current = Workspace.objects.select_for_update(of=("self",), no_key=True).get(
            pk=workspace.pk
        )
        try:
            _check_unlock(current, user)
        except NotLockOwner as refusal:
            _check_force(current, refusal, force=force, may_force=may_force)
        Workspace.objects.filter(pk=workspace.pk).update(**UNLOCKED)
        transaction.on_commit(partial(start_next, workspace.pk))
    workspace.refresh_from_db()


def _check_force(
    workspace: Workspace, refusal: NotLockOwner, *, force: bool, may_force: bool
) -> None:
    if not force or _belongs_to_live_task(workspace):
        raise refusal
    if not may_force:
        raise Forbidden(f"{refusal}; you may not force the unlocking") from refusal


def _belongs_to_live_task(workspace: Workspace) -> bool:
    return workspace.lock_task is not None and not workspace.lock_task.is_final


def _check_unlock(workspace: Workspace, user: User) -> None:
    if not workspace.is_locked:
        return
    if _belongs_to_live_task(workspace):
        raise NotLockOwner(
            f"The lock belongs to task #{workspace.lock_task_id}: confirm or cancel the task"
        )
    if workspace.lock_kept:
        raise NotLockOwner(
            f"{workspace.lock_reason} Resolve that in task #{workspace.lock_task_id},"
            " or force the unlocking"
        )
    if workspace.locked_by not in (user.get_username(), SYSTEM):
        raise NotLockOwner(f"The lock belongs to {workspace.locked_by}")


def lock_for_apply(task: WorkspaceTask) -> bool:
    """Locks the workspace for a task that waits for approval; False if it is locked already (H7)."""
    reason = (
        f"Locked for apply (task #{task.pk}). "
        "Do not modify resources/variables until apply completes."
    )
    return _take(task.workspace_id, locked_by=SYSTEM, reason=reason, task=task)


def keep_locked(task: WorkspaceTask, *, reason: str) -> None:
    """Leaves the workspace locked after a task whose end a person must look at."""
    Workspace.objects.filter(pk=task.workspace_id).update(
        is_locked=True,
        locked_by=SYSTEM,
        locked_at=Now(),
        lock_reason=reason,
        lock_task=task,
        lock_kept=True,
    )


def release_task_lock(task: WorkspaceTask) -> None:
    """Removes the lock if it is this task's; any other lock stays."""
    Workspace.objects.filter(pk=task.workspace_id, lock_task=task).update(**UNLOCKED)


def release_orphaned_locks() -> None:
    """Removes locks whose task has ended and that nobody kept on purpose.

    A task's end and its lock's are one transaction, so there should be none: part of the sweep because
    a workspace must not stay locked without a reason.
    """
    orphaned = Workspace.objects.filter(
        is_locked=True, lock_kept=False, lock_task__status__in=FINAL
    )
    for pk in orphaned.values_list("pk", flat=True):
        try:
            _release_orphan(orphaned.filter(pk=pk))
        except Exception:  # whatever it is, the other workspaces do not wait for it
            logger.exception("orphaned_lock_not_released", workspace=pk)


def _release_orphan(orphan: QuerySet[Workspace]) -> None:
    with transaction.atomic():
        # Looked at again under its lock: somebody may have locked it anew.
        still = orphan.select_for_update(of=("self",), no_key=True, skip_locked=True).first()
        if still is not None:
            Workspace.objects.filter(pk=still.pk).update(**UNLOCKED)
