"""Workspaces: what the list shows, and the lock."""

from datetime import timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from tests.admin_pages import act, list_page, messages, page, planned_task, text
from tests.domain import a_task, a_user, a_workspace
from tests.factories import StateVersionFactory, TaskFactory
from tests.interruptions import a_state, an_interrupted_task
from workspaces.models import Workspace
from workspaces.services.locks import lock_workspace

pytestmark = pytest.mark.django_db


def test_asking_the_queue_starts_what_may_start(browser: Client) -> None:
    task = a_task(a_workspace())
    asked = text(act(browser, "ask_the_queue", task.workspace))
    assert f'<a href="{page(task)}">task #{task.pk}</a>' in asked
    task.refresh_from_db()
    assert task.status == "pending"
    response = act(browser, "ask_the_queue", task.workspace, confirmed="yes")
    assert messages(response) == [f"shop: started #{task.pk}"]
    again = act(browser, "ask_the_queue", task.workspace, confirmed="yes")
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
    response = act(browser, "unlock", workspace, confirmed="yes", note="ada is away")
    sentence = "shop is unlocked; it was locked by ada: maintenance (unlocked because: ada is away)"
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


def test_a_lock_that_waits_for_a_person_says_so_and_leads_to_the_task(browser: Client) -> None:
    task = an_interrupted_task(after=a_state(2, "a"))
    for url in (list_page(Workspace), page(task.workspace)):
        body = text(browser.get(url))
        assert "Locked, needs a person" in body
        assert f"The apply of task #{task.pk} was interrupted" in body
        assert f'href="{page(task)}">See task #{task.pk}: what happened and what to do' in body


def test_the_workspaces_that_wait_for_a_person_are_found(browser: Client) -> None:
    lock_workspace(a_workspace("other"), user=a_user("ada"), reason="maintenance")
    task = an_interrupted_task(after=a_state(2, "a"))
    shown = browser.get(list_page(Workspace, needs_person="yes")).context["cl"].result_list
    assert [workspace.pk for workspace in shown] == [task.workspace_id]


def test_the_page_of_a_workspace_shows_whose_limits_count(
    browser: Client, settings: Settings
) -> None:
    settings.APPLY_TIMEOUT_SECONDS, settings.SILENCE_TIMEOUT_SECONDS = 7200, 0
    workspace = a_workspace(plan_timeout_seconds=90, apply_timeout_seconds=9000)
    body = text(browser.get(page(workspace)))
    limits = "plan 1 min 30 s · apply 2 h 00 min (the platform&#x27;s) · silence none"
    assert f"{limits} (the platform&#x27;s) · approval none" in body


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


def test_the_page_of_a_workspace_shows_how_long_its_states_are_kept(
    browser: Client, settings: Settings
) -> None:
    settings.STATE_KEEP_DAYS = 90
    workspace = a_workspace(state_keep_versions=0)
    body = text(browser.get(page(workspace)))
    assert "versions all · days 90 (the platform&#x27;s)" in body


def test_workspaces_in_which_one_task_after_another_fails_are_found(browser: Client) -> None:
    ended = {"failed": True, "completed_at": timezone.now()}
    failing, mended, few, long_ago = (a_workspace(name) for name in ("a", "b", "c", "d"))
    TaskFactory.create_batch(3, workspace=failing, **ended)
    TaskFactory.create(workspace=failing)  # one that has not ended says nothing
    TaskFactory.create_batch(3, workspace=mended, **ended)
    TaskFactory.create(workspace=mended, status="applied", completed_at=timezone.now())
    TaskFactory.create_batch(2, workspace=few, **ended)
    old = timezone.now() - timedelta(days=2)
    TaskFactory.create_batch(3, workspace=long_ago, failed=True, completed_at=old)
    shown = browser.get(list_page(Workspace, failing="yes")).context["cl"].result_list
    assert [workspace.pk for workspace in shown] == [failing.pk]
