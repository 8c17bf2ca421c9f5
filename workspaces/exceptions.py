"""What can go wrong in the core domain, one class a case."""

from iacplatform.common.errors import Conflict, Locked
from workspaces.models import Workspace


class MoveNotAllowed(Conflict):
    """The task's status does not allow this."""

    code = "move_not_allowed"


class StatusChanged(Conflict):
    """Somebody else changed the task's status first."""

    code = "status_changed"


class SnapshotInvalid(Conflict):
    """The task's snapshot is incomplete, so it cannot be applied (reference §5.7)."""

    code = "snapshot_invalid"


class WorkspaceLocked(Locked):
    """The workspace is locked."""

    def __init__(self, workspace: Workspace) -> None:
        super().__init__(
            f"The workspace is locked by {workspace.locked_by}: {workspace.lock_reason}",
            locked_by=workspace.locked_by,
            lock_reason=workspace.lock_reason,
            locked_at=workspace.locked_at.isoformat() if workspace.locked_at else None,
        )


class WorkspaceInUse(Conflict):
    """The workspace still holds what its deletion would leave behind."""

    code = "workspace_in_use"


class NotLockOwner(Conflict):
    """The lock belongs to somebody else."""

    code = "not_lock_owner"
