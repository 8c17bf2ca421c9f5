"""Workspaces: what the list shows, and the lock."""

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client

from tests.admin_pages import act, list_page, messages, page, planned_task, text
from tests.domain import a_task, a_user, a_workspace
from tests.factories import StateVersionFactory
from workspaces.models import Workspace
from workspaces.services.locks import lock_workspace

pytestmark = pytest.mark.django_db


def test_asking_the_queue_starts_what_may_start(browser: Client) -> None:
    task = a_task(a_workspace())
    response = act(browser, "ask_the_queue", task.workspace)
    assert messages(response) == [f"shop: started #{task.pk}"]
    again = act(browser, "ask_the_queue", task.workspace)
    assert messages(again) == ["shop: nothing may start now"]


def test_a_workspace_is_locked_with_a_reason(browser: Client) -> None:
    workspace = a_workspace()
    assert "Why" in text(act(browser, "take_lock", workspace))
    workspace.refresh_from_db()
    assert not workspace.is_locked
    response = act(browser, "take_lock", workspace, confirmed="yes", note="moving the state")
    assert messages(response) == ["shop is locked: moving the state"]
    workspace.refresh_from_db()
    assert (workspace.locked_by, workspace.lock_reason) == ("olivia", "moving the state")


def test_locking_a_locked_workspace_is_refused(browser: Client) -> None:
    workspace = a_workspace()
    lock_workspace(workspace, user=a_user("ada"), reason="maintenance")
    response = act(browser, "take_lock", workspace, confirmed="yes")
    assert messages(response) == ["The workspace is locked by ada: maintenance"]


def test_unlocking_shows_who_and_why_first_and_is_remembered(browser: Client) -> None:
    workspace = a_workspace()
    lock_workspace(workspace, user=a_user("ada"), reason="maintenance")
    body = text(act(browser, "unlock", workspace))
    assert "<td>ada</td>" in body
    assert "<td>maintenance</td>" in body
    workspace.refresh_from_db()
    assert workspace.is_locked
    response = act(browser, "unlock", workspace, confirmed="yes")
    sentence = "shop is unlocked; it was locked by ada: maintenance"
    assert messages(response) == [sentence]
    assert LogEntry.objects.get().change_message == sentence
    workspace.refresh_from_db()
    assert not workspace.is_locked


def test_the_lock_of_a_live_task_is_refused_with_the_services_sentence(browser: Client) -> None:
    """F10: not even force takes the lock from a task that waits for approval."""
    task = planned_task()
    response = act(browser, "unlock", task.workspace, confirmed="yes")
    assert messages(response) == [
        f"The lock belongs to task #{task.pk}: confirm or cancel the task"
    ]
    assert Workspace.objects.get(pk=task.workspace_id).is_locked
    assert not LogEntry.objects.exists()


def test_the_list_of_workspaces_shows_lock_task_and_state(browser: Client) -> None:
    task = planned_task()
    StateVersionFactory.create(workspace=task.workspace, version=4)
    body = text(browser.get(list_page(Workspace)))
    for shown in ("Locked", "Locked for apply (task #", f"#{task.pk}", "version 4"):
        assert shown in body, shown


@pytest.mark.parametrize(
    ("provider", "shown"),
    [({"aws": [{}], "null": {}}, "aws, null"), ([{"aws": {}}, 5], "aws"), ([5], "-"), (5, "-")],
)
def test_providers_are_named_whatever_was_configured(
    browser: Client, provider: object, shown: str
) -> None:
    workspace = a_workspace(provider_config={"provider": provider})
    response = browser.get(page(workspace))
    assert response.status_code == 200
    assert f'<div class="readonly">{shown}</div>' in text(response)
