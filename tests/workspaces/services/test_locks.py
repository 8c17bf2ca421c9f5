"""Locking a workspace: always with an owner and a reason."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection, transaction
from pytest_django import DjangoCaptureOnCommitCallbacks

from iacplatform.accounts.models import User
from iacplatform.common.errors import Forbidden
from tests.domain import a_task, a_user, a_workspace, finish_plan
from workspaces.exceptions import NotLockOwner, WorkspaceLocked
from workspaces.models import Workspace, WorkspaceTask
from workspaces.services.locks import (
    keep_locked,
    lock_workspace,
    release_orphaned_locks,
    release_task_lock,
    unlock_workspace,
)
from workspaces.services.queue import start_next
from workspaces.services.tasks import create_task
from workspaces.task_status import TaskStatus, TaskType
from workspaces.transitions import transition

pytestmark = pytest.mark.django_db


@pytest.fixture
def ada() -> User:
    return a_user("ada")


def a_task_waiting_for_approval() -> WorkspaceTask:
    task = a_task(a_workspace())
    start_next(task.workspace_id)
    task.refresh_from_db()
    finish_plan(task, add=1, has_changes=True)
    return task


def test_a_lock_says_who_when_and_why(ada: User) -> None:
    """LOCKCOL: real columns, a real timestamp."""
    workspace = a_workspace()

    lock_workspace(workspace, user=ada, reason="release freeze")

    assert (workspace.is_locked, workspace.locked_by) == (True, "ada")
    assert workspace.locked_at is not None
    assert workspace.lock_reason == "release freeze"


def test_unlocking_clears_every_column(ada: User) -> None:
    """LOCKCOL: false, null, null and the empty string."""
    workspace = a_workspace()
    lock_workspace(workspace, user=ada, reason="release freeze")

    unlock_workspace(workspace, user=ada)

    assert (workspace.is_locked, workspace.locked_by, workspace.locked_at) == (False, None, None)
    assert (workspace.lock_reason, workspace.lock_task) == ("", None)


def test_a_locked_workspace_is_not_locked_again(ada: User) -> None:
    workspace = a_workspace()
    lock_workspace(workspace, user=ada, reason="release freeze")

    with pytest.raises(WorkspaceLocked, match="ada: release freeze"):
        lock_workspace(workspace, user=a_user("grace"), reason="mine")


def test_anothers_lock_needs_force(ada: User) -> None:
    """F10: an owner check."""
    workspace, grace = a_workspace(), a_user("grace")
    lock_workspace(workspace, user=ada, reason="release freeze")

    with pytest.raises(NotLockOwner):
        unlock_workspace(workspace, user=grace)
    unlock_workspace(workspace, user=grace, force=True)

    assert not workspace.is_locked


def test_force_is_for_those_who_may(ada: User) -> None:
    """F10: a level, not a word in the request, takes a lock from somebody."""
    workspace, grace = a_workspace(), a_user("grace")
    lock_workspace(workspace, user=ada, reason="release freeze")

    with pytest.raises(Forbidden, match="ada; you may not force"):
        unlock_workspace(workspace, user=grace, force=True, may_force=False)
    with pytest.raises(NotLockOwner):
        unlock_workspace(workspace, user=grace, may_force=False)
    assert Workspace.objects.get(pk=workspace.pk).locked_by == "ada"
    unlock_workspace(workspace, user=ada, force=True, may_force=False)

    assert not workspace.is_locked


def test_the_lock_of_a_task_that_waits_for_approval_cannot_be_forced(ada: User) -> None:
    """F10: it is what keeps two changes apart."""
    task = a_task_waiting_for_approval()

    with pytest.raises(NotLockOwner, match=f"task #{task.pk}"):
        unlock_workspace(Workspace.objects.get(pk=task.workspace_id), user=ada, force=True)


def a_kept_lock(reason: str = "Auto-locked: State save failed") -> Workspace:
    """A workspace that stays locked because a person has to look at how its task ended."""
    task = a_task_waiting_for_approval()
    transition(task, TaskStatus.FAILED)
    keep_locked(task, reason=reason)
    return Workspace.objects.get(pk=task.workspace_id)


def test_a_lock_that_was_kept_on_purpose_needs_force(ada: User) -> None:
    """Whoever unlocks it must know why it is there: a plan could start from an old state."""
    workspace = a_kept_lock()

    with pytest.raises(NotLockOwner, match=r"State save failed.*or force the unlocking"):
        unlock_workspace(workspace, user=ada)
    assert Workspace.objects.get(pk=workspace.pk).is_locked
    unlock_workspace(workspace, user=ada, force=True)

    assert (workspace.is_locked, workspace.lock_kept) == (False, False)


def test_a_lock_that_a_task_left_behind_by_a_fault_can_be_removed(ada: User) -> None:
    workspace = a_kept_lock()
    Workspace.objects.filter(pk=workspace.pk).update(lock_kept=False)

    unlock_workspace(workspace, user=ada)

    assert not workspace.is_locked


def test_a_lock_whose_task_has_ended_is_released_unless_it_was_kept_on_purpose() -> None:
    kept, orphaned = a_kept_lock(), a_workspace("other")
    ended = a_task(orphaned)
    transition(ended, TaskStatus.CANCELLED)
    locked = {"is_locked": True, "locked_by": "system", "lock_reason": "x", "lock_task": ended}
    Workspace.objects.filter(pk=orphaned.pk).update(**locked)

    release_orphaned_locks()

    orphaned.refresh_from_db()
    assert (orphaned.is_locked, orphaned.lock_task, orphaned.lock_reason) == (False, None, "")
    assert Workspace.objects.get(pk=kept.pk).is_locked


def test_the_locks_of_people_and_of_live_tasks_are_nobodys_orphans(ada: User) -> None:
    task = a_task_waiting_for_approval()
    locked = a_workspace("other")
    lock_workspace(locked, user=ada, reason="release freeze")

    release_orphaned_locks()

    assert Workspace.objects.get(pk=task.workspace_id).lock_task == task
    assert Workspace.objects.get(pk=locked.pk).locked_by == "ada"


@pytest.mark.django_db(transaction=True)
def test_a_lock_that_somebody_takes_while_an_orphaned_one_is_released_stays(ada: User) -> None:
    workspace = a_kept_lock()
    Workspace.objects.filter(pk=workspace.pk).update(lock_kept=False)

    def release() -> None:
        release_orphaned_locks()
        connection.close()

    with ThreadPoolExecutor(1) as pool, transaction.atomic():
        unlock_workspace(workspace, user=ada)
        lock_workspace(workspace, user=ada, reason="mine now")
        released = pool.submit(release)
        released.result()
    release_orphaned_locks()

    assert Workspace.objects.get(pk=workspace.pk).locked_by == "ada"


def test_a_task_releases_its_own_lock_only() -> None:
    """F10, F11: task 1 is not task 10."""
    task = a_task_waiting_for_approval()
    stranger = a_task(a_workspace("other"))
    stranger.workspace_id = task.workspace_id

    release_task_lock(stranger)
    assert Workspace.objects.get(pk=task.workspace_id).is_locked
    release_task_lock(task)

    assert not Workspace.objects.get(pk=task.workspace_id).is_locked


def test_unlocking_starts_what_waited(
    ada: User, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    workspace = a_workspace()
    task = a_task(workspace, TaskType.PLAN_ONLY)
    lock_workspace(workspace, user=ada, reason="release freeze")
    assert start_next(workspace.pk) == []

    with django_capture_on_commit_callbacks(execute=True):
        unlock_workspace(workspace, user=ada)

    task.refresh_from_db()
    assert task.status == TaskStatus.RUNNING


def test_a_locked_workspace_gets_no_new_task(ada: User) -> None:
    workspace = a_workspace()
    lock_workspace(workspace, user=ada, reason="release freeze")

    with pytest.raises(WorkspaceLocked) as caught:
        create_task(workspace, user=ada, task_type=TaskType.PLAN_ONLY)

    assert caught.value.details["locked_by"] == "ada"
    assert caught.value.details["lock_reason"] == "release freeze"
