"""Checks: starting one, by a person or by the clock, and cancelling it."""

from contextlib import suppress

from iacplatform.accounts.models import User
from iacplatform.common.errors import Conflict
from workspaces.models import Workspace, WorkspaceTask
from workspaces.models.task import TaskQuerySet
from workspaces.services.cancellation import cancel_task
from workspaces.services.editing import editing
from workspaces.services.tasks import create_task
from workspaces.task_status import TaskType

DESCRIPTION = "Drift check"
CANCELLED = "drift check cancelled"


class CheckRuns(Conflict):
    """A check of the workspace has not ended; ``task_id`` is its task."""

    code = "check_running"


def check_now(workspace: Workspace, *, user: User) -> WorkspaceTask:
    """Starts a check whatever the schedule says; while something is applied it waits.

    Raises:
        CheckRuns: another one has not ended.
        WorkspaceLocked: the workspace is locked.
        InvalidInput: there is nothing to plan with.
    """
    with editing(workspace) as current:
        running = live_checks(current).first()
        if running is not None:
            raise CheckRuns(
                f"Drift check #{running.pk} is {running.status}; wait for its end or cancel it",
                task_id=running.pk,
            )
        return create_task(
            current, user=user, task_type=TaskType.DRIFT_CHECK, description=DESCRIPTION
        )


def check_by_schedule(workspace: Workspace) -> WorkspaceTask:
    """Starts a background check, which is nobody's (F6).

    Raises ``Conflict`` while the workspace has live tasks (F43), else as :func:`check_now`.
    """
    with editing(workspace) as current:
        if current.tasks.live().exists():
            raise Conflict("The workspace has tasks that have not ended")
        return create_task(
            current, user=None, task_type=TaskType.DRIFT_CHECK, description=DESCRIPTION
        )


def cancel_checks(workspace: Workspace, *, user: User) -> int:
    """Cancels the checks that have not ended, and returns how many."""
    cancelled = 0
    for task in live_checks(workspace):
        with suppress(Conflict):  # it has just ended by itself
            cancel_task(task, user=user, reason=CANCELLED)
            cancelled += 1
    return cancelled


def live_checks(workspace: Workspace) -> TaskQuerySet:
    """The tasks of the workspace's checks that have not ended, oldest first."""
    checks = workspace.tasks.live().filter(task_type=TaskType.DRIFT_CHECK)
    return checks.order_by("pk")
