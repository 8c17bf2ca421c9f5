"""Finding the tasks that matter."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from executor.core.outcome import ApplyOutput, StageOutcome
from executor.pipeline import close_stage
from iacplatform.accounts.models import User
from tests.admin_pages import list_page, page, planned_task, text
from tests.domain import a_running_task, a_task, a_workspace
from tests.interruptions import a_state, an_applying_task, an_interrupted_task, save_state
from workspaces.models import TaskStage, TaskTransition, Workspace, WorkspaceTask
from workspaces.services.interruptions import resolve_interruption
from workspaces.services.locks import lock_workspace
from workspaces.services.queue import start_next
from workspaces.task_status import TaskStatus, TaskType

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("words", ["shop", "ws-shop", "nightly", "{pk}"])
def test_a_task_is_found_by_number_workspace_and_description(words: str, browser: Client) -> None:
    task = a_task(a_workspace("shop", workspace_id="ws-shop"))
    other = a_task(a_workspace("other"))
    WorkspaceTask.objects.filter(pk=task.pk).update(description="nightly run")
    body = text(browser.get(list_page(WorkspaceTask, q=words.format(pk=task.pk))))
    assert page(task) in body
    assert page(other) not in body


@pytest.mark.parametrize(
    "query",
    [
        {"status__exact": "apply_pending"},
        {"task_type__exact": "plan_and_apply"},
        {"stage__exact": "apply_pending"},
        {"attention": "approval"},
        {"attention": "any"},
    ],
)
def test_the_list_of_tasks_can_be_filtered(query: dict[str, str], browser: Client) -> None:
    task = planned_task()
    other = a_task(a_workspace("other"), TaskType.PLAN_ONLY)
    body = text(browser.get(list_page(WorkspaceTask, **query)))
    assert page(task) in body
    assert page(other) not in body


def test_the_list_of_tasks_can_be_filtered_by_workspace(browser: Client) -> None:
    task, other = a_task(a_workspace("shop")), a_task(a_workspace("other"))
    body = text(browser.get(list_page(WorkspaceTask, workspace__id__exact=task.workspace_id)))
    assert page(task) in body
    assert page(other) not in body


def found(browser: Client, **query: str) -> list[int]:
    """The numbers of the tasks that the list shows."""
    response = browser.get(list_page(WorkspaceTask, **query))
    return [task.pk for task in response.context["cl"].result_list]


def attention(browser: Client, reason: str) -> list[int]:
    """The numbers of the tasks that the filter finds for a reason."""
    return found(browser, attention=reason)


def test_a_task_without_a_worker_needs_attention(browser: Client) -> None:
    task = a_task(a_workspace())
    start_next(task.workspace_id)
    assert attention(browser, "worker") == []
    TaskStage.objects.update(created_at=timezone.now() - timedelta(minutes=2))
    assert attention(browser, "worker") == [task.pk]


def test_a_task_whose_workers_claim_has_run_out_needs_attention(browser: Client) -> None:
    task, _ = an_applying_task()
    assert attention(browser, "lease") == []
    TaskStage.objects.filter(status="running").update(
        lease_until=timezone.now() - timedelta(minutes=5)
    )
    assert attention(browser, "lease") == [task.pk]
    assert attention(browser, "worker") == []
    assert attention(browser, "any") == [task.pk]


def test_an_interrupted_apply_needs_attention_until_it_is_resolved(
    browser: Client, operator: User
) -> None:
    a_task(a_workspace("other"))
    task = an_interrupted_task(after=a_state(2, "a"))
    interrupted = {"interrupted": "unresolved"}
    assert attention(browser, "interrupted") == attention(browser, "lock") == [task.pk]
    assert found(browser, **interrupted) == [task.pk]
    resolve_interruption(task, user=operator, comment="looked")
    assert attention(browser, "interrupted") == attention(browser, "lock") == []
    assert found(browser, **interrupted) == []
    assert found(browser, interrupted="any") == [task.pk]


def test_an_interrupted_apply_whose_state_is_whole_needs_no_attention(browser: Client) -> None:
    task = an_interrupted_task("work_directory", after=a_state(2, "a"))
    assert attention(browser, "any") == []
    assert found(browser, interrupted="unresolved") == []
    assert found(browser, interrupted="any") == [task.pk]


def test_an_apply_that_left_a_torn_state_under_a_living_worker_is_found_as_well(
    browser: Client, operator: User
) -> None:
    task, claim = an_applying_task()
    output = ApplyOutput(a_state(2, "a"), source="checkpoint")
    close_stage(claim, StageOutcome("failed", "Error: quota exceeded", output=output))
    save_state(task)
    assert attention(browser, "interrupted") == attention(browser, "lock") == [task.pk]
    assert found(browser, interrupted="unresolved") == [task.pk]
    assert found(browser, interrupted="any") == [task.pk]
    resolve_interruption(task, user=operator, comment="looked")
    assert attention(browser, "any") == found(browser, interrupted="unresolved") == []
    assert found(browser, interrupted="any") == [task.pk]


def test_a_task_that_left_its_workspace_locked_needs_attention(browser: Client) -> None:
    task = planned_task()
    assert attention(browser, "lock") == []
    WorkspaceTask.objects.update(status=TaskStatus.FAILED)
    assert attention(browser, "lock") == [task.pk]


def test_a_task_queued_behind_a_lock_needs_attention(browser: Client, operator: User) -> None:
    task = a_task(a_workspace())
    assert attention(browser, "queue") == []
    lock_workspace(task.workspace, user=operator, reason="maintenance")
    assert attention(browser, "queue") == [task.pk]
    assert attention(browser, "any") == [task.pk]


def test_a_task_queued_behind_a_change_that_goes_on_needs_none(browser: Client) -> None:
    task = planned_task()
    Workspace.objects.update(is_locked=False, locked_by=None, lock_task=None, lock_reason="")
    a_task(task.workspace)
    Workspace.objects.update(is_locked=True, lock_task=task, lock_reason="Locked for apply")
    assert attention(browser, "queue") == []


def test_tasks_are_found_by_what_their_open_stage_does(browser: Client) -> None:
    ready, at_gate = a_running_task(name="ready"), a_running_task(name="gate")
    TaskStage.objects.filter(task=at_gate).update(status="waiting")
    runs, _ = an_applying_task()
    assert found(browser, open_stage="ready") == [ready.pk]
    assert found(browser, open_stage="waiting") == [at_gate.pk]
    assert found(browser, open_stage="running") == [runs.pk]


def test_tasks_that_have_waited_for_long_are_found(browser: Client) -> None:
    old, new = planned_task("old"), planned_task("new")
    ended = a_task(a_workspace("ended"))
    WorkspaceTask.objects.filter(pk=ended.pk).update(status="failed")
    for task in (old, ended):
        moved = timezone.now() - timedelta(hours=2)
        TaskTransition.objects.filter(task=task).update(created_at=moved)
    assert found(browser, unmoved="1h", status__exact="apply_pending") == [old.pk]
    assert found(browser, unmoved="1d") == []
    assert found(browser, status__exact="apply_pending") == [new.pk, old.pk]


def test_an_unknown_filter_value_finds_everything(browser: Client) -> None:
    task = a_task(a_workspace())
    unknown = {
        "attention": "x",
        "open_stage": "x",
        "unmoved": "x",
        "interrupted": "x",
        "workspace__id__exact": "x",
    }
    body = text(browser.get(list_page(WorkspaceTask, **unknown)))
    assert page(task) in body
