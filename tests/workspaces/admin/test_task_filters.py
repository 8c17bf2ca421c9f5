"""Finding the tasks that matter."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from iacplatform.accounts.models import User
from tests.admin_pages import list_page, page, planned_task, text
from tests.domain import a_task, a_workspace
from workspaces.models import TaskStage, Workspace, WorkspaceTask
from workspaces.services.locks import lock_workspace
from workspaces.services.queue import start_next
from workspaces.task_status import TaskStatus, TaskType

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("words", ["shop", "ws-shop", "nightly", "{pk}"])
def test_a_task_is_found_by_number_workspace_and_description(words: str, browser: Client) -> None:
    task = a_task(a_workspace("shop", workspace_id="ws-shop"))
    other = a_task(a_workspace("other"))
    WorkspaceTask.objects.filter(pk=task.pk).update(description="nightly run")
    found = browser.get(list_page(WorkspaceTask, q=words.format(pk=task.pk)))
    assert page(task) in text(found)
    assert page(other) not in text(found)


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


def attention(browser: Client, reason: str) -> list[int]:
    """The numbers of the tasks that the filter finds for a reason."""
    response = browser.get(list_page(WorkspaceTask, attention=reason))
    return [task.pk for task in response.context["cl"].result_list]


def test_a_task_without_a_worker_needs_attention(browser: Client) -> None:
    task = a_task(a_workspace())
    start_next(task.workspace_id)
    assert attention(browser, "worker") == []
    TaskStage.objects.update(created_at=timezone.now() - timedelta(minutes=2))
    assert attention(browser, "worker") == [task.pk]


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


def test_an_unknown_filter_value_finds_everything(browser: Client) -> None:
    task = a_task(a_workspace())
    body = text(browser.get(list_page(WorkspaceTask, attention="x", workspace__id__exact="x")))
    assert page(task) in body
