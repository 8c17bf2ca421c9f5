"""Cancelling tasks, saving their states again, and resolving interruptions from the admin."""

import pytest
from django.test import Client

from executor.core.outcome import ApplyOutput
from tests.admin_pages import act, colleague, messages, page, planned_task, signed_in, text
from tests.domain import (
    a_running_task,
    a_task,
    a_task_ready_to_apply,
    a_workspace,
    finish_stage,
)
from tests.factories import VariableFactory
from tests.interruptions import (
    a_state,
    an_applying_task,
    an_interrupted_task,
    an_unsaved_task,
    lose_worker,
    save_state,
)
from workspaces.models import Workspace, WorkspaceTask
from workspaces.task_status import TaskStatus

pytestmark = pytest.mark.django_db
BEFORE = a_state(1, "a", "old", url="one")
AFTER = a_state(4, "a", "new", url="two")


def buttons(browser: Client, task: WorkspaceTask) -> set[str]:
    """The actions that the page of a task offers."""
    response = browser.get(page(task))
    return {name for name, _ in response.context["object_actions"]}


def rescued(task: WorkspaceTask, after: bytes) -> WorkspaceTask:
    """The task after its worker died and this state was found in a checkpoint."""
    lose_worker(task)
    finish_stage(task, output=ApplyOutput(after, source="checkpoint"))
    save_state(task)
    return task


def test_a_page_offers_what_makes_sense_now(browser: Client) -> None:
    pending = a_task(a_workspace("pending"))
    assert buttons(browser, pending) == {"cancel"}
    assert buttons(browser, planned_task("planned")) == {"confirm_apply", "cancel"}
    unsaved = an_unsaved_task(AFTER)
    assert buttons(browser, unsaved) == {"retry_state_save"}
    act(browser, "retry_state_save", unsaved, confirmed="yes")
    assert buttons(browser, unsaved) == set()


def test_a_change_that_has_been_made_is_not_offered_for_cancellation(browser: Client) -> None:
    task = a_task_ready_to_apply()
    assert buttons(browser, task) == {"cancel"}
    finish_stage(task, output=ApplyOutput(AFTER))
    assert buttons(browser, task) == set()


def test_an_apply_is_cancelled_with_force_only(browser: Client) -> None:
    task, _ = an_applying_task()
    assert buttons(browser, task) == {"cancel_with_force"}
    refused = act(browser, "cancel", task, confirmed="yes")
    assert messages(refused) == [
        f"Task #{task.pk} is applying: to interrupt it, force the cancellation"
    ]
    assert "Interrupt the engine" in text(act(browser, "cancel_with_force", task))
    done = act(browser, "cancel_with_force", task, confirmed="yes", note="wrong account")
    assert messages(done) == [f"Task #{task.pk} of shop ends as soon as its worker has stopped"]
    body = text(done)
    assert "olivia has asked for its end" in body
    assert "with force: wrong account" in body


def test_a_task_that_nobody_works_on_is_cancelled_at_once(browser: Client) -> None:
    task = a_running_task()
    assert "Cancel the task" in text(act(browser, "cancel", task))
    task.refresh_from_db()
    assert task.status == TaskStatus.RUNNING
    done = act(browser, "cancel", task, confirmed="yes", note="wrong branch")
    assert messages(done) == [f"Task #{task.pk} of shop is cancelled"]
    assert "wrong branch" in text(done)


def test_a_cancellation_that_takes_too_long_can_be_forced(browser: Client) -> None:
    task = a_running_task()
    WorkspaceTask.objects.filter(pk=task.pk).update(cancel_requested_at="2030-01-31T03:07Z")
    assert buttons(browser, task) == {"cancel_with_force"}


def test_an_unsaved_state_is_explained_and_saved(browser: Client) -> None:
    task = an_unsaved_task(AFTER, before=BEFORE)
    assert "its state is in no version yet" in text(browser.get(page(task)))
    asked = text(act(browser, "retry_state_save", task))
    assert "state save failed, workspace locked" in asked
    assert "version 1" in asked
    done = act(browser, "retry_state_save", task, confirmed="yes")
    assert messages(done)[0].startswith(f"The state of task #{task.pk} is version 2 of shop now.")
    task.refresh_from_db()
    assert task.status == TaskStatus.APPLIED
    assert not Workspace.objects.get().is_locked


def test_saving_twice_is_refused_with_the_services_sentence(browser: Client) -> None:
    task = an_unsaved_task(AFTER)
    act(browser, "retry_state_save", task, confirmed="yes")
    again = act(browser, "retry_state_save", task, confirmed="yes")
    assert messages(again) == [f"The state of task #{task.pk} is saved already, as version 1"]


def test_the_page_of_an_interrupted_task_says_what_happened_and_what_to_do(browser: Client) -> None:
    task = an_interrupted_task(before=BEFORE, after=AFTER)
    body = text(browser.get(page(task)))
    for shown in (
        "the apply was interrupted",
        "Worker host-a was lost while it applied.",
        "up to a second older",
        "What to do:",
        "Resolve the interruption",
        "serial 4",
        "null_resource.new",
        "null_resource.old",
    ):
        assert shown in body, shown
    assert buttons(browser, task) == {"resolve_interruption"}


def test_the_timeline_shows_the_lost_attempt_and_the_rescue(browser: Client) -> None:
    task, _ = an_applying_task()
    lose_worker(task)
    body = text(browser.get(page(task)))
    for shown in ("Lost", "worker host-a was lost", "Rescue", "Waits for host-a until"):
        assert shown in body, shown
    assert "looking for the state" in body
    assert buttons(browser, task) == {"cancel"}


def test_resolving_shows_the_difference_first_and_changes_nothing_yet(browser: Client) -> None:
    task = an_interrupted_task(before=BEFORE, after=AFTER)
    body = text(act(browser, "resolve_interruption", task))
    for shown in ("Added", "null_resource.new", "Removed", "null_resource.old", "Changed", "two"):
        assert shown in body, shown
    assert "required" in body
    assert Workspace.objects.get().lock_kept


def test_a_resolution_unlocks_and_is_remembered(browser: Client) -> None:
    task = an_interrupted_task(before=BEFORE, after=AFTER)
    done = act(browser, "resolve_interruption", task, confirmed="yes", note="nothing is missing")
    assert messages(done) == [f"The interruption of task #{task.pk} is resolved; shop goes on"]
    body = text(done)
    assert "Resolved by olivia at" in body
    assert "nothing is missing" in body
    assert not Workspace.objects.get().is_locked
    assert buttons(browser, task) == set()
    again = act(browser, "resolve_interruption", task, confirmed="yes", note="me too")
    assert "was resolved by olivia" in messages(again)[0]


def test_a_resolution_without_a_word_is_refused(browser: Client) -> None:
    task = an_interrupted_task(after=AFTER)
    refused = act(browser, "resolve_interruption", task, confirmed="yes")
    assert messages(refused) == ["comment: must not be empty"]
    assert Workspace.objects.get().lock_kept


def test_what_was_not_interrupted_cannot_be_resolved(browser: Client) -> None:
    task = planned_task()
    response = act(browser, "resolve_interruption", task)
    assert messages(response) == [f"The apply of task #{task.pk} was not interrupted"]


def test_no_secret_is_in_a_difference(browser: Client) -> None:
    secret = "hunter2-do-not-show"
    after = a_state(4, "a", dsn=f"db://{secret}@host").replace(b'"id-a"', b'"hunter2-do-not-show"')
    task, _ = an_applying_task(a_state(1, "a"))
    VariableFactory.create(workspace=task.workspace, sensitive=True, value=secret)
    task = rescued(task, after)
    for body in (text(browser.get(page(task))), text(act(browser, "resolve_interruption", task))):
        assert "null_resource.a" in body
        assert secret not in body


def test_who_may_only_look_cannot_act() -> None:
    interrupted = an_interrupted_task(after=AFTER)
    browser = signed_in(colleague("view_workspacetask", "view_workspace"))
    assert buttons(browser, interrupted) == set()
    for action in ("cancel", "cancel_with_force", "retry_state_save", "resolve_interruption"):
        act(browser, action, interrupted, confirmed="yes", note="looked")
    assert Workspace.objects.get().lock_kept
    assert not interrupted.comments.exists()
