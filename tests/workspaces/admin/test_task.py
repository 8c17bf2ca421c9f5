"""The page of a task, and approving its change."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from iacplatform.accounts.models import User
from tests.admin_pages import act, colleague, messages, page, planned_task, signed_in, text
from tests.domain import a_task, a_workspace
from tests.factories import ResourceChangeFactory, StateVersionFactory
from workspaces.models import TaskStage, WorkspaceTask
from workspaces.services.comments import add_comment
from workspaces.services.queue import start_next
from workspaces.task_status import StageStatus, TaskStatus

pytestmark = pytest.mark.django_db


def test_the_page_of_a_task_shows_its_timeline(browser: Client, operator: User) -> None:
    task = planned_task()
    start = timezone.now() - timedelta(hours=1)
    task.stages.filter(name="init").update(
        skipped=True,
        message="init skipped: same host, same plan hash",
        started_at=start,
        finished_at=start + timedelta(seconds=67),
    )
    add_comment(task, user=operator, comment="looks <b>good</b>")
    StateVersionFactory.create(workspace=task.workspace, version=7, task=task)
    body = text(browser.get(page(task)))
    for shown in (
        "Skipped",
        "init skipped: same host, same plan hash",
        "1 min 07 s",
        f"{start:%Y-%m-%d %H:%M:%S}",
        "host-a",
        "Saving plan",
        "Waiting for approval",
        "looks &lt;b&gt;good&lt;/b&gt;",
        "version 7",
        "terraform 1.9.5",
        f"/api/v1/tasks/{task.pk}/logs?type=all&amp;format=text",
    ):
        assert shown in body, shown


def test_the_link_to_the_log_opens_for_who_is_signed_in(browser: Client) -> None:
    task = planned_task()
    link = browser.get(page(task)).context["log_url"]
    answer = browser.get(link)
    assert (answer.status_code, answer.headers["Content-Type"].split(";")[0]) == (200, "text/plain")


def test_the_page_of_a_task_shows_how_far_each_resource_is(browser: Client) -> None:
    task = planned_task()
    ResourceChangeFactory.create(
        task=task,
        resource_address='null_resource.a["x"]',
        action="replace",
        apply_status="failed",
        apply_error="quota exceeded",
    )
    body = text(browser.get(page(task)))
    for shown in ("null_resource.a[&quot;x&quot;]", "Replace", "badge-bad", "quota exceeded"):
        assert shown in body, shown


def test_a_failed_task_shows_its_whole_error(browser: Client) -> None:
    task = planned_task()
    WorkspaceTask.objects.filter(pk=task.pk).update(
        status="failed", error_message="Error: <x>\n on"
    )
    assert "Error: &lt;x&gt;\n on" in text(browser.get(page(task)))


def test_a_stage_whose_worker_is_gone_says_so(browser: Client) -> None:
    task = a_task(a_workspace())
    start_next(task.workspace_id)
    past = timezone.now() - timedelta(minutes=5)
    TaskStage.objects.update(
        status=StageStatus.RUNNING, token=1, lease_until=past, started_at=past, owner="host-b"
    )
    body = text(browser.get(page(task)))
    assert "The worker has not renewed its claim: it ran out 5 min 00 s ago" in body
    assert 'http-equiv="refresh"' in body


def test_a_stage_that_no_worker_takes_says_so(browser: Client) -> None:
    task = a_task(a_workspace())
    start_next(task.workspace_id)
    TaskStage.objects.update(created_at=timezone.now() - timedelta(minutes=2))
    assert "Waits for a worker since 2 min 00 s" in text(browser.get(page(task)))


def test_confirming_shows_workspace_and_counts_and_changes_nothing_yet(browser: Client) -> None:
    task = planned_task()
    body = text(act(browser, "confirm_apply", task))
    for cell in ("shop", "<td>3</td>", "<td>2</td>", "<td>1</td>", "Apply the changes"):
        assert cell in body, cell
    task.refresh_from_db()
    assert task.status == TaskStatus.APPLY_PENDING


def test_a_confirmed_apply_starts_with_the_operators_name_and_reason(browser: Client) -> None:
    task = planned_task()
    response = act(browser, "confirm_apply", task, confirmed="yes", note="reviewed by two")
    assert response.redirect_chain[-1][0] == page(task)
    assert messages(response) == [f"Task #{task.pk} of shop was confirmed: it applies its plan now"]
    task.refresh_from_db()
    assert (task.status, task.apply_confirmed_by) == (TaskStatus.RUNNING, "olivia")
    assert "reviewed by two" in text(response)


def test_confirming_twice_is_refused_with_the_services_sentence(browser: Client) -> None:
    task = planned_task()
    act(browser, "confirm_apply", task, confirmed="yes")
    again = act(browser, "confirm_apply", task, confirmed="yes")
    assert messages(again) == [f"Task #{task.pk} is running and does not wait for approval"]


def test_only_a_task_that_waits_has_a_button_to_confirm(browser: Client) -> None:
    waits, queued = planned_task(), a_task(a_workspace("other"))
    assert 'value="confirm_apply"' in text(browser.get(page(waits)))
    assert 'value="confirm_apply"' not in text(browser.get(page(queued)))


def test_who_may_only_look_cannot_act() -> None:
    task = planned_task()
    browser = signed_in(colleague("view_workspacetask", "view_workspace"))
    assert 'value="confirm_apply"' not in text(browser.get(page(task)))
    act(browser, "confirm_apply", task, confirmed="yes")
    act(browser, "unlock", task.workspace, confirmed="yes")
    task.refresh_from_db()
    assert task.status == TaskStatus.APPLY_PENDING
