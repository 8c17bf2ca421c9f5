"""Plans that nobody approves in time."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta

import pytest
from django.db import connection
from django.db.models.functions import Now

from iacplatform.common.errors import Conflict
from tests.domain import a_running_task, a_task, a_user, finish_plan
from workspaces.models import Workspace, WorkspaceTask
from workspaces.services.approvals import expire_approvals
from workspaces.services.queue import start_next
from workspaces.services.tasks import confirm_apply


def a_task_waiting_for_approval(
    *, minutes: int, name: str = "shop", seconds_allowed: int | None = 600
) -> WorkspaceTask:
    """It has waited for so many minutes."""
    task = a_running_task(name=name, approval_timeout_seconds=seconds_allowed)
    finish_plan(task, add=1, has_changes=True)
    Workspace.objects.filter(pk=task.workspace_id).update(
        locked_at=Now() - timedelta(minutes=minutes)
    )
    return task


@pytest.mark.django_db
def test_a_plan_that_nobody_approves_in_time_is_cancelled_and_makes_room() -> None:
    """M7: by the system, with the reason; the workspace is free for the next change."""
    task = a_task_waiting_for_approval(minutes=11)

    assert expire_approvals() == [task.pk]

    task.refresh_from_db()
    move = task.transitions.last()
    reason = "Approval timed out: nobody confirmed the plan within 600 seconds"
    assert move is not None
    assert (task.status, task.error_message) == ("cancelled", reason)
    assert (move.actor, move.reason) == ("system", reason)
    assert not Workspace.objects.get(pk=task.workspace_id).is_locked
    behind = a_task(task.workspace)
    assert start_next(task.workspace_id) == [behind.pk]


@pytest.mark.django_db
def test_a_plan_has_the_time_that_its_workspace_gives_it() -> None:
    task = a_task_waiting_for_approval(minutes=9)

    assert expire_approvals() == []

    assert WorkspaceTask.objects.get(pk=task.pk).status == "apply_pending"


@pytest.mark.django_db
def test_without_a_limit_a_plan_waits_for_ever() -> None:
    a_task_waiting_for_approval(minutes=10**6, seconds_allowed=None)

    assert expire_approvals() == []


@pytest.mark.django_db
def test_a_plan_that_timed_out_can_no_longer_be_confirmed() -> None:
    """M7."""
    task = a_task_waiting_for_approval(minutes=11)
    expire_approvals()
    task.refresh_from_db()

    with pytest.raises(Conflict, match="cancelled"):
        confirm_apply(task, user=a_user())


@pytest.mark.django_db(transaction=True)
def test_two_sweeps_at_once_end_a_task_once() -> None:
    for number in range(10):
        task = a_task_waiting_for_approval(minutes=11, name=f"shop-{number}")

        with ThreadPoolExecutor(2) as pool:
            sweeps = [pool.submit(_sweep) for _ in range(2)]
            expired = [sweep.result() for sweep in sweeps]

        assert sorted(expired) == [[], [task.pk]]
        assert task.transitions.filter(to_status="cancelled").count() == 1


def _sweep() -> list[int]:
    try:
        return expire_approvals()
    finally:
        connection.close()


@pytest.mark.django_db(transaction=True)
def test_a_confirmation_at_the_last_moment_wins_or_loses_as_a_whole() -> None:
    """M7: exactly one of the two, and the lock is the apply's or nobody's."""
    user = a_user()
    for number in range(20):
        task = a_task_waiting_for_approval(minutes=11, name=f"shop-{number}")

        def confirm(task: WorkspaceTask = task) -> bool:
            try:
                confirm_apply(task, user=user)
            except Conflict:
                return False
            finally:
                connection.close()
            return True

        with ThreadPoolExecutor(2) as pool:
            confirming, sweeping = pool.submit(confirm), pool.submit(_sweep)
            confirmed, expired = confirming.result(), sweeping.result()

        task.refresh_from_db()
        locked = Workspace.objects.get(pk=task.workspace_id).is_locked
        assert confirmed is (expired == [])
        assert (task.status, locked) == (("running", True) if confirmed else ("cancelled", False))


@pytest.mark.django_db(transaction=True)
def test_a_task_that_cannot_be_ended_does_not_keep_the_others_waiting() -> None:
    broken = a_task_waiting_for_approval(minutes=11)
    overdue = a_task_waiting_for_approval(minutes=11, name="other")
    with refused_end(broken):
        assert expire_approvals() == [overdue.pk]

    assert WorkspaceTask.objects.get(pk=broken.pk).status == "apply_pending"


@contextmanager
def refused_end(task: WorkspaceTask) -> Iterator[None]:
    """The schema refuses this task's end while the block runs."""
    rule = f"CHECK (id <> {task.pk} OR status <> 'cancelled')"
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE workspaces_workspacetask ADD CONSTRAINT refused {rule}")
        try:
            yield
        finally:
            cursor.execute("ALTER TABLE workspaces_workspacetask DROP CONSTRAINT refused")
