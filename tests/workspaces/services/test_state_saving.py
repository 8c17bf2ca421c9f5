"""Saving a state again that the worker could not save."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection
from pytest_django import DjangoCaptureOnCommitCallbacks

from executor.core.outcome import ApplyOutput
from iacplatform.accounts.models import User
from iacplatform.common.errors import Conflict
from tests.domain import a_running_task, a_task_ready_to_apply, a_user, finish_stage
from tests.factories import ResourceChangeFactory, ResourceFactory
from tests.interruptions import (
    LINEAGE,
    a_state,
    an_applying_task,
    an_interrupted_task,
    an_unsaved_task,
    fail_to_save_state,
    lose_worker,
)
from workspaces.models import AppliedState, StateVersion, TaskSnapshot, Workspace, WorkspaceTask
from workspaces.services.interruptions import resolve_interruption
from workspaces.services.locks import lock_workspace, unlock_workspace
from workspaces.services.state import save_state_version
from workspaces.services.state_saving import retry_state_save
from workspaces.task_status import TaskStatus, TaskType

BEFORE = a_state(1, "a")
AFTER = a_state(3, "a", "b")


@pytest.fixture
def ada() -> User:
    return a_user("ada")


def workspace_of(task: WorkspaceTask) -> Workspace:
    """The workspace as it is now."""
    return Workspace.objects.get(pk=task.workspace_id)


@pytest.mark.django_db
def test_a_task_whose_state_is_saved_again_is_applied(ada: User) -> None:
    """F9, O5: the error said so, the workspace was locked, and the retry repairs both."""
    task = an_unsaved_task(AFTER, before=BEFORE)
    assert (task.status, task.error_message[:17]) == ("failed", "state save failed")
    assert workspace_of(task).lock_kept

    version = retry_state_save(task, user=ada)

    task.refresh_from_db()
    assert (task.status, task.stage, task.error_message) == ("applied", "applied", "")
    assert (version.version, version.task_id, version.created_by) == (2, task.pk, ada)
    saved = StateVersion.objects.get(pk=version.pk)
    assert (saved.content, saved.serial, saved.lineage) == (AFTER, 3, LINEAGE)
    assert not workspace_of(task).is_locked
    assert AppliedState.objects.get(task=task).content is None


@pytest.mark.django_db
def test_the_repair_is_in_the_history_and_says_that_the_backup_can_go(ada: User) -> None:
    task = an_unsaved_task(AFTER)

    retry_state_save(task, user=ada)

    move = task.transitions.last()
    comment = task.comments.get()
    assert move is not None
    assert (move.from_status, move.to_status, move.actor) == ("failed", "applied", "ada")
    assert (comment.action_type, comment.username) == ("retry_state_save", "ada")
    assert "version 1" in comment.comment
    assert "delete it" in comment.comment


@pytest.mark.django_db
def test_a_repaired_task_has_applied_all_its_resources(ada: User) -> None:
    """S4-7: as if the state had been saved at once."""
    task = a_task_ready_to_apply()
    resource = ResourceFactory.create(workspace=task.workspace)
    versions = {resource.resource_id: {"resource_db_id": resource.pk}}
    TaskSnapshot.objects.filter(task=task).update(resource_versions=versions)
    for status in ("pending", "applying", "failed", "completed"):
        ResourceChangeFactory.create(
            task=task, apply_status=status, apply_error="state save failed"
        )
    finish_stage(task, output=ApplyOutput(AFTER))
    fail_to_save_state(task)

    retry_state_save(task, user=ada)

    resource.refresh_from_db()
    assert resource.last_applied_at is not None
    assert set(task.resource_changes.values_list("apply_status", flat=True)) == {"completed"}
    assert workspace_of(task).last_apply_at is not None


@pytest.mark.django_db
def test_a_task_whose_apply_failed_stays_failed_with_the_applys_own_error(ada: User) -> None:
    task = an_unsaved_task(AFTER, result="failed")

    version = retry_state_save(task, user=ada)

    task.refresh_from_db()
    assert (task.status, task.error_message) == ("failed", "Error: quota exceeded")
    assert task.state_versions.get() == version
    assert not workspace_of(task).is_locked


@pytest.mark.django_db
def test_a_second_retry_is_refused_and_names_the_version(ada: User) -> None:
    task = an_unsaved_task(AFTER)
    retry_state_save(task, user=ada)

    with pytest.raises(Conflict, match="saved already, as version 1"):
        retry_state_save(task, user=ada)

    assert task.state_versions.count() == 1


@pytest.mark.django_db
def test_what_was_stored_before_the_answer_was_lost_is_not_stored_twice(ada: User) -> None:
    task = an_unsaved_task(AFTER, before=BEFORE)
    stored = save_state_version(task.workspace_id, AFTER, task=task)
    save_state_version(task.workspace_id, a_state(9, "a"))

    version = retry_state_save(task, user=ada)

    task.refresh_from_db()
    assert (version, task.status) == (stored, "applied")
    assert task.state_versions.count() == 1


@pytest.mark.django_db
def test_a_state_that_is_the_newest_already_is_no_new_version(ada: User) -> None:
    task = an_unsaved_task(BEFORE, before=BEFORE)

    version = retry_state_save(task, user=ada)

    task.refresh_from_db()
    assert (version.version, task.status) == (1, "applied")
    assert workspace_of(task).state_versions.count() == 1


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("newer", "named"),
    [
        (a_state(3, "z"), f"serial 3 of lineage {LINEAGE}, that"),
        (a_state(8, "a"), f"serial 8 of lineage {LINEAGE}, that"),
        (a_state(1, "a", lineage="another"), "serial 1 of lineage another, that"),
    ],
    ids=["same serial", "newer", "another lineage"],
)
def test_a_state_that_was_overtaken_is_refused_and_both_are_named(
    ada: User, newer: bytes, named: str
) -> None:
    task = an_unsaved_task(AFTER, before=BEFORE)
    save_state_version(task.workspace_id, newer)

    with pytest.raises(Conflict) as caught:
        retry_state_save(task, user=ada)

    assert named in str(caught.value)
    assert f"that of task #{task.pk} has serial 3 of lineage {LINEAGE}" in str(caught.value)
    task.refresh_from_db()
    assert task.status == TaskStatus.FAILED
    assert (workspace_of(task).lock_kept, AppliedState.objects.get().content) == (True, AFTER)


@pytest.mark.django_db
def test_nothing_is_saved_under_a_change_that_is_live(ada: User) -> None:
    task = an_unsaved_task(AFTER, before=BEFORE)
    unlock_workspace(workspace_of(task), user=ada, force=True)
    WorkspaceTask.objects.create(
        workspace=task.workspace,
        task_type=TaskType.PLAN_AND_APPLY,
        status=TaskStatus.RUNNING,
        execution_mode="local",
    )

    with pytest.raises(Conflict, match="is live"):
        retry_state_save(task, user=ada)


@pytest.mark.django_db
def test_what_is_no_state_is_refused(ada: User) -> None:
    task = an_unsaved_task(b'{"serial": 1}')

    with pytest.raises(Conflict, match="cannot be saved"):
        retry_state_save(task, user=ada)

    task.refresh_from_db()
    assert task.status == TaskStatus.FAILED


@pytest.mark.django_db
def test_somebody_elses_lock_is_left_alone(ada: User) -> None:
    """F10: only the lock of this very task goes."""
    task = an_unsaved_task(AFTER)
    unlock_workspace(workspace_of(task), user=ada, force=True)
    lock_workspace(workspace_of(task), user=a_user("grace"), reason="looking at it")

    retry_state_save(task, user=ada)

    task.refresh_from_db()
    assert (task.status, workspace_of(task).locked_by) == ("applied", "grace")


@pytest.mark.django_db
def test_a_task_that_has_not_ended_or_saved_its_state_has_nothing_to_save(ada: User) -> None:
    running, saved = (
        a_running_task(name="other"),
        an_interrupted_task("work_directory", after=AFTER),
    )

    with pytest.raises(Conflict, match="has not ended"):
        retry_state_save(running, user=ada)
    with pytest.raises(Conflict, match="saved already, as version 1"):
        retry_state_save(saved, user=ada)

    assert saved.state_versions.count() == 1


@pytest.mark.django_db
def test_a_task_that_never_applied_has_nothing_to_save(ada: User) -> None:
    task = a_running_task()
    finish_stage(task, result="failed", message="Error: no such region")

    with pytest.raises(Conflict, match="no state that waits to be saved"):
        retry_state_save(task, user=ada)


@pytest.mark.django_db
def test_an_interruption_keeps_the_workspace_locked_until_it_is_resolved(ada: User) -> None:
    task, _ = an_applying_task(BEFORE)
    lose_worker(task)
    finish_stage(task, output=ApplyOutput(AFTER, source="checkpoint"))
    fail_to_save_state(task)

    version = retry_state_save(task, user=ada)

    task.refresh_from_db()
    assert (task.status, version.recovered_from) == ("failed", "checkpoint")
    assert "was interrupted" in task.error_message
    assert workspace_of(task).lock_kept
    assert "its state may not be whole" in workspace_of(task).lock_reason
    resolve_interruption(task, user=ada, comment="looked")
    assert not workspace_of(task).is_locked


@pytest.mark.django_db
def test_a_lock_that_was_forced_away_does_not_come_back(ada: User) -> None:
    task, _ = an_applying_task(BEFORE)
    lose_worker(task)
    finish_stage(task, output=ApplyOutput(AFTER, source="checkpoint"))
    fail_to_save_state(task)
    unlock_workspace(workspace_of(task), user=ada, force=True)

    retry_state_save(task, user=ada)

    assert not workspace_of(task).is_locked


@pytest.mark.django_db
def test_the_queue_goes_on(
    ada: User, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    task = an_unsaved_task(AFTER)
    queued = WorkspaceTask.objects.create(
        workspace=task.workspace, task_type=TaskType.PLAN_ONLY, execution_mode="local"
    )

    with django_capture_on_commit_callbacks(execute=True):
        retry_state_save(task, user=ada)

    queued.refresh_from_db()
    assert queued.status == TaskStatus.RUNNING


@pytest.mark.django_db(transaction=True)
def test_of_many_who_retry_at_once_exactly_one_saves() -> None:
    task = an_unsaved_task(AFTER, before=BEFORE)
    users = [a_user(f"user-{number}") for number in range(8)]

    def retry(user: User) -> bool:
        try:
            retry_state_save(task, user=user)
        except Conflict:
            return False
        else:
            return True
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        saved = list(pool.map(retry, users))

    assert sum(saved) == 1
    assert task.state_versions.count() == 1
    assert task.transitions.filter(from_status="failed").count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_retry_and_a_resolution_at_once_never_unlock_an_unsaved_state() -> None:
    """Whoever comes first: the state is saved, and the workspace is open only once it is resolved."""
    task, _ = an_applying_task(BEFORE)
    lose_worker(task)
    finish_stage(task, output=ApplyOutput(AFTER, source="checkpoint"))
    fail_to_save_state(task)
    ada = a_user("ada")

    def attempt(number: int) -> None:
        try:
            if number % 2:
                retry_state_save(task, user=ada)
            else:
                resolve_interruption(task, user=ada, comment="looked")
        except Conflict:
            return
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(attempt, range(8)))

    assert task.state_versions.count() == 1
    applied = AppliedState.objects.get(task=task)
    assert workspace_of(task).is_locked == (applied.resolved_at is None)
