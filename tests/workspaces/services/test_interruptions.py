"""Interrupted applies: what is known of them, and resolving them."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict

import pytest
from django.db import connection
from pytest_django import DjangoCaptureOnCommitCallbacks

from executor.core.outcome import ApplyOutput, StateSource
from iacplatform.accounts.models import User
from iacplatform.common.errors import Conflict, InvalidInput, NotFound
from tests.domain import a_task, a_task_ready_to_apply, a_user, finish_stage
from tests.factories import ResourceChangeFactory, VariableFactory
from tests.interruptions import (
    a_state,
    an_applying_task,
    an_interrupted_task,
    fail_to_save_state,
    lose_worker,
    save_state,
)
from workspaces.models import AppliedState, Workspace, WorkspaceTask
from workspaces.services.interruptions import (
    NOT_SHOWN,
    SAVE_FIRST,
    WAIT,
    interruption_of,
    resolve_interruption,
)
from workspaces.services.locks import lock_workspace, unlock_workspace

BEFORE = a_state(1, "a", "old")
AFTER = a_state(4, "a", "new")


@pytest.fixture
def ada() -> User:
    return a_user("ada")


def workspace_of(task: WorkspaceTask) -> Workspace:
    """The workspace as it is now."""
    return Workspace.objects.get(pk=task.workspace_id)


@pytest.mark.django_db
def test_an_apply_that_was_not_interrupted_has_no_interruption(ada: User) -> None:
    task = a_task_ready_to_apply()

    with pytest.raises(NotFound):
        interruption_of(task)
    with pytest.raises(NotFound):
        resolve_interruption(task, user=ada, comment="looked")


@pytest.mark.django_db
def test_it_says_what_was_lost_where_and_how_the_state_differs() -> None:
    task = an_interrupted_task(before=BEFORE, after=AFTER)

    known = interruption_of(task)

    assert (known.source, known.host) == ("checkpoint", "host-a")
    assert known.interrupted_at is not None
    assert known.state_before is not None
    assert known.state_after is not None
    assert (known.state_before.version, known.state_after.version) == (1, 2)
    assert known.state_after.recovered_from == "checkpoint"
    assert known.difference is not None
    assert (known.difference.added, known.difference.removed) == (
        ("null_resource.new",),
        ("null_resource.old",),
    )
    assert (known.keeps_locked, known.is_unsaved, known.resolved_at) == (True, False, None)
    assert "resolve the interruption" in known.what_to_do


@pytest.mark.django_db
def test_while_the_state_is_looked_for_there_is_nothing_to_do_but_wait(ada: User) -> None:
    task, _ = an_applying_task(BEFORE)
    lose_worker(task)

    known = interruption_of(task)

    assert (known.source, known.difference, known.what_to_do) == ("", None, WAIT)
    with pytest.raises(Conflict, match="still being rescued"):
        resolve_interruption(task, user=ada, comment="looked")


@pytest.mark.django_db
def test_a_state_that_did_not_change_has_no_version_and_no_difference() -> None:
    task, _ = an_applying_task(BEFORE)
    lose_worker(task)
    finish_stage(task, output=ApplyOutput(BEFORE, source="work_directory"))
    finish_stage(task)

    known = interruption_of(task)

    assert known.state_after is None
    assert known.difference is not None
    assert known.difference.is_empty
    assert AppliedState.objects.get(task=task).content is None
    assert (known.keeps_locked, workspace_of(task).is_locked) == (False, False)


@pytest.mark.django_db
def test_where_nothing_was_found_no_difference_is_claimed() -> None:
    task = an_interrupted_task("nothing", before=BEFORE)

    known = interruption_of(task)

    assert known.state_before is not None
    assert (known.state_before.version, known.state_after, known.difference) == (1, None, None)
    assert known.keeps_locked
    assert "from before the apply" in known.what_to_do


@pytest.mark.django_db
def test_values_are_shown_only_as_far_as_the_plan_has_shown_them() -> None:
    """Engines do not mark all secrets in their states; the plan does."""
    task, _ = an_applying_task(a_state(1, "a", "b"))
    ResourceChangeFactory.create(
        task=task,
        resource_address="null_resource.a",
        changes_before={"size": 1},
        changes_after={"size": "***SENSITIVE***"},
    )
    lose_worker(task)
    finish_stage(task, output=ApplyOutput(a_state(2, "a", "b"), source="checkpoint"))
    save_state(task)

    difference = interruption_of(task).difference

    assert difference is not None
    sizes = [each.attributes[0] for each in difference.changed]
    assert [(size.before, size.after) for size in sizes] == [
        (1, NOT_SHOWN),
        (NOT_SHOWN, NOT_SHOWN),
    ]


@pytest.mark.django_db
def test_an_output_with_the_value_of_a_sensitive_variable_is_masked() -> None:
    task, _ = an_applying_task(a_state(1, url="a"))
    VariableFactory.create(workspace=task.workspace, secret=True)
    lose_worker(task)
    after = a_state(2, url="b", dsn="db://hunter2 hunter2@host" + 300 * "x")
    finish_stage(task, output=ApplyOutput(after, source="checkpoint"))
    save_state(task)

    difference = interruption_of(task).difference

    assert difference is not None
    shown = {each.name: (each.before, each.after) for each in difference.outputs}
    assert shown["url"] == ("a", "b")
    assert "hunter2" not in repr(asdict(difference))


@pytest.mark.django_db
def test_what_may_or_may_not_have_been_made_is_listed_the_begun_first() -> None:
    task, _ = an_applying_task(BEFORE)
    for status, action in (
        ("completed", "create"),
        ("pending", "create"),
        ("pending", "read"),
        ("applying", "update"),
    ):
        ResourceChangeFactory.create(task=task, apply_status=status, action=action)
    lose_worker(task)
    finish_stage(task, output=ApplyOutput(AFTER, source="checkpoint"))
    save_state(task)

    unfinished = interruption_of(task).unfinished

    assert [(each.apply_status, each.action) for each in unfinished] == [
        ("failed", "update"),
        ("pending", "create"),
    ]


@pytest.mark.django_db
def test_resolving_unlocks_remembers_who_and_why_and_asks_the_queue(
    ada: User, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    task = an_interrupted_task(before=BEFORE, after=AFTER)
    Workspace.objects.filter(pk=task.workspace_id).update(is_locked=False)
    queued = a_task(task.workspace)
    Workspace.objects.filter(pk=task.workspace_id).update(is_locked=True)

    with django_capture_on_commit_callbacks(execute=True):
        known = resolve_interruption(task, user=ada, comment=" nothing is missing ")

    workspace = workspace_of(task)
    assert (workspace.is_locked, workspace.lock_kept, workspace.lock_task) == (False, False, None)
    assert (known.resolved_by, known.keeps_locked) == ("ada", False)
    assert known.resolved_at is not None
    assert known.difference is not None
    comment = task.comments.get(action_type="resolve_interruption")
    assert (comment.username, comment.comment) == ("ada", "nothing is missing")
    task.refresh_from_db()
    queued.refresh_from_db()
    assert (task.status, queued.status) == ("failed", "running")


@pytest.mark.django_db
def test_a_second_resolution_is_refused_and_names_the_first(ada: User) -> None:
    task = an_interrupted_task(after=AFTER)
    resolve_interruption(task, user=ada, comment="looked")

    with pytest.raises(Conflict, match="was resolved by ada at 20"):
        resolve_interruption(task, user=a_user("grace"), comment="looked too")

    assert task.comments.count() == 1


@pytest.mark.django_db
@pytest.mark.parametrize("comment", ["", " \n"])
def test_a_resolution_says_why(ada: User, comment: str) -> None:
    task = an_interrupted_task(after=AFTER)

    with pytest.raises(InvalidInput) as caught:
        resolve_interruption(task, user=ada, comment=comment)

    assert set(caught.value.fields) == {"comment"}
    assert workspace_of(task).lock_kept


@pytest.mark.django_db
def test_somebody_elses_lock_is_left_alone(ada: User) -> None:
    """F10: the kept lock was forced away, and another person has taken one since."""
    task = an_interrupted_task(after=AFTER)
    unlock_workspace(workspace_of(task), user=ada, force=True)
    lock_workspace(workspace_of(task), user=a_user("grace"), reason="importing")

    resolve_interruption(task, user=ada, comment="looked")

    assert workspace_of(task).locked_by == "grace"


@pytest.mark.django_db
def test_an_apply_whose_state_is_whole_left_nothing_locked_and_may_be_resolved(ada: User) -> None:
    task = an_interrupted_task("work_directory", after=AFTER)
    assert not workspace_of(task).is_locked

    known = resolve_interruption(task, user=ada, comment="seen")

    assert known.resolved_by == "ada"


@pytest.mark.django_db
@pytest.mark.parametrize("source", ["work_directory", "checkpoint"])
def test_a_state_that_is_not_saved_must_be_saved_first(ada: User, source: StateSource) -> None:
    task, _ = an_applying_task(BEFORE)
    lose_worker(task)
    finish_stage(task, output=ApplyOutput(AFTER, source=source))
    fail_to_save_state(task)

    known = interruption_of(task)

    assert (known.is_unsaved, known.what_to_do, known.state_after) == (True, SAVE_FIRST, None)
    assert known.difference is not None
    assert known.difference.added == ("null_resource.new",)
    with pytest.raises(Conflict, match="save it again first"):
        resolve_interruption(task, user=ada, comment="looked")
    assert workspace_of(task).lock_kept


@pytest.mark.django_db(transaction=True)
def test_of_many_who_resolve_at_once_exactly_one_does() -> None:
    task = an_interrupted_task(after=AFTER)
    users = [a_user(f"user-{number}") for number in range(8)]

    def resolve(user: User) -> bool:
        try:
            resolve_interruption(task, user=user, comment="looked")
        except Conflict:
            return False
        else:
            return True
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        resolved = list(pool.map(resolve, users))

    assert sum(resolved) == 1
    assert task.comments.count() == 1
    assert interruption_of(task).resolved_by == users[resolved.index(True)].username
