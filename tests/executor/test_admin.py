"""The start page of the admin, and the pages of worker hosts."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from executor.admin.overview import MAX_ROWS, overview
from executor.models import WorkerHost
from tests import admin_pages
from tests.domain import HOST, a_task, a_user, a_workspace, claimed, finish_plan
from workspaces.models import WorkspaceTask
from workspaces.services.locks import lock_workspace
from workspaces.services.queue import start_next
from workspaces.task_status import TaskStatus

pytestmark = pytest.mark.django_db


@pytest.fixture
def browser() -> Client:
    return admin_pages.signed_in(admin_pages.operator())


def start_page(browser: Client) -> str:
    """What the start page says."""
    return browser.get(reverse("admin:index")).content.decode()


def running_task(name: str) -> WorkspaceTask:
    """A task whose first stage is ready for a worker."""
    task = a_task(a_workspace(name))
    start_next(task.workspace_id)
    task.refresh_from_db()
    return task


def a_host(name: str, seen: timedelta = timedelta(), **fields: Any) -> WorkerHost:
    """A host that was seen so long ago."""
    last_seen = timezone.now() - seen
    return WorkerHost.objects.create(name=name, mode="local", last_seen=last_seen, **fields)


def test_the_start_page_counts_what_runs_waits_and_failed(browser: Client) -> None:
    running_task("runs")
    waits = running_task("waits")
    finish_plan(waits, add=1, has_changes=True)
    queued = a_task(a_workspace("queued"))
    hour_ago = timezone.now() - timedelta(hours=1)
    WorkspaceTask.objects.filter(pk=queued.pk).update(created_at=hour_ago)
    for name, ago in (("lately", 23), ("long-ago", 25)):
        ended = timezone.now() - timedelta(hours=ago)
        failed = WorkspaceTask.objects.filter(pk=a_task(a_workspace(name)).pk)
        failed.update(status=TaskStatus.FAILED, completed_at=ended)
    page = start_page(browser)
    for shown in (
        "<strong>1</strong> running",
        "<strong>1</strong> waiting for approval",
        "<strong>1</strong> pending, oldest 1 h 00 min",
        "<strong>1</strong> failed in the last 24 hours",
    ):
        assert shown in page, shown


def test_the_start_page_leads_to_the_tasks_that_failed_lately(browser: Client) -> None:
    old, new = a_task(a_workspace("old")), a_task(a_workspace("new"))
    for task, hours in ((old, 25), (new, 1)):
        ended = timezone.now() - timedelta(hours=hours)
        WorkspaceTask.objects.filter(pk=task.pk).update(status="failed", completed_at=ended)
    link = reverse(
        "admin:workspaces_workspacetask_changelist",
        query={"status__exact": "failed", "completed_at__gte": overview().lately.isoformat()},
    )
    assert link.split("completed_at")[0].replace("&", "&amp;") in start_page(browser)
    assert list(browser.get(link).context["cl"].result_list) == [new]


def test_the_start_page_says_who_locked_what_and_why(browser: Client) -> None:
    lock_workspace(a_workspace(), user=a_user("ada"), reason="moving <the> state")
    page = start_page(browser)
    assert "<td>ada</td>" in page
    assert "moving &lt;the&gt; state" in page


def test_a_quiet_platform_says_so(browser: Client) -> None:
    page = start_page(browser)
    assert "No workspace is locked." in page
    assert "No worker was ever seen: nothing can run." in page
    assert "iacplatform" in page


def test_the_start_page_shows_whether_hosts_take_work(browser: Client) -> None:
    a_host("fresh")
    a_host("leaving", draining=True)
    a_host("gone", timedelta(minutes=3))
    page = start_page(browser)
    for shown in ("Takes work", "Draining", "Not seen for 3 min 0"):
        assert shown in page, shown


def test_the_start_page_needs_three_queries_of_its_own_however_much_there_is() -> None:
    user = a_user()
    for n in range(MAX_ROWS + 1):
        running_task(f"runs-{n}")
        lock_workspace(a_workspace(f"locked-{n}"), user=user, reason="maintenance")
        a_host(f"host-{n}")
    with CaptureQueriesContext(connection) as queries:
        seen = overview()
    assert len(queries) == 3
    assert (len(seen.locked), seen.more_locked) == (MAX_ROWS, True)
    assert (len(seen.hosts), seen.more_hosts) == (MAX_ROWS, True)


def test_who_may_not_see_tasks_sees_no_overview() -> None:
    lock_workspace(a_workspace("secret-project"), user=a_user(), reason="maintenance")
    page = start_page(admin_pages.signed_in(admin_pages.colleague()))
    assert "secret-project" not in page
    assert "waiting for approval" not in page


def test_the_page_of_a_host_lists_the_stages_it_runs(browser: Client) -> None:
    task = running_task("runs")
    claimed(task)
    host = a_host(HOST)
    a_host("idle")
    listed = browser.get(reverse("admin:executor_workerhost_changelist"))
    assert [row.running_stages for row in listed.context["cl"].result_list] == [1, 0]
    page = browser.get(reverse("admin:executor_workerhost_change", args=[host.pk]))
    assert (
        f'Fetching of <a href="{reverse("admin:workspaces_workspacetask_change", args=[task.pk])}"'
        in page.content.decode()
    )


def test_a_host_cannot_be_added_changed_or_deleted(browser: Client) -> None:
    host = a_host(HOST)
    assert admin_pages.refusals(browser, host) == [403, 403, 403]
