"""Locking a workspace: always with an owner and a reason."""

import pytest
from pytest_django import DjangoCaptureOnCommitCallbacks

from iacplatform.accounts.models import User
from tests.domain import a_task, a_user, a_workspace, finish_plan
from workspaces.exceptions import NotLockOwner, WorkspaceLocked
from workspaces.models import Workspace, WorkspaceTask
from workspaces.services.locks import (
    keep_locked,
    lock_workspace,
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


def test_the_lock_of_a_task_that_waits_for_approval_cannot_be_forced(ada: User) -> None:
    """F10: it is what keeps two changes apart."""
    task = a_task_waiting_for_approval()

    with pytest.raises(NotLockOwner, match=f"task #{task.pk}"):
        unlock_workspace(Workspace.objects.get(pk=task.workspace_id), user=ada, force=True)


def test_the_lock_that_a_failed_task_left_can_be_removed(ada: User) -> None:
    task = a_task_waiting_for_approval()
    transition(task, TaskStatus.FAILED)
    keep_locked(task, reason="Auto-locked: State save failed")
    workspace = Workspace.objects.get(pk=task.workspace_id)

    unlock_workspace(workspace, user=ada)

    assert not workspace.is_locked


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
