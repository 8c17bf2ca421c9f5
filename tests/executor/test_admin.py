"""The start page of the admin, and the pages of worker hosts."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings

from executor.admin.overview import MAX_ROWS, overview
from executor.models import ReconcilerState, WorkerHost
from executor.sweep import note_beat, sweep
from iacplatform.common import figures
from iacplatform.common.redis_client import redis_client, redis_outage
from tests import admin_pages
from tests.bad_night import everything_goes_wrong
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


def count_queries(browser: Client) -> int:
    """How many queries the start page needs."""
    with CaptureQueriesContext(connection) as queries:
        start_page(browser)
    return len(queries)


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
        "<strong>1</strong> pending: plan and apply",
        f'<small>oldest <a href="{admin_pages.page(queued)}">1 h 00 min</a></small>',
        "<strong>1</strong> failed in the last 24 hours",
        "<strong>0</strong> failed in the last hour",
    ):
        assert shown in page, shown


def test_a_count_leads_to_the_list_of_exactly_what_was_counted(
    browser: Client,
) -> None:
    """Every figure of the page, over an installation in which none is zero."""
    everything_goes_wrong()
    shown = browser.get(reverse("admin:index")).context["sections"]
    figures = [figure for section in shown for figure in section.figures]
    assert len(figures) >= 20
    for figure in figures:
        listed = browser.get(figure.url).context["cl"]
        assert figure.count == str(listed.result_count) != "0", figure.label
        assert figure.oldest, figure.label


def test_nobody_counts_to_a_million(browser: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(figures, "MOST_COUNTED", 2)
    for n in range(3):
        a_task(a_workspace(f"queued-{n}"))
    assert "<strong>2+</strong> pending: plan and apply" in start_page(browser)


def test_a_figure_is_shown_to_those_only_who_may_see_its_list() -> None:
    page = start_page(admin_pages.signed_in(admin_pages.colleague("view_workspacetask")))
    assert "waiting for approval" in page
    assert "outbox" not in page
    assert "Worker hosts</h2>" not in page


def test_the_start_page_says_which_part_of_the_platform_is_not_there(browser: Client) -> None:
    assert start_page(browser).count("Never seen") == 2
    sweep()
    assert start_page(browser).count("Never seen") == 1
    note_beat()
    assert "Never seen" not in start_page(browser)
    ReconcilerState.objects.update(beat_at=timezone.now() - timedelta(hours=3))
    page = start_page(browser)
    assert 'Beat <span class="badge badge-bad">3 h 00 min ago</span>' in page
    assert 'Redis <span class="badge badge-good">Answers</span>' in page


def test_the_start_page_outlives_redis(browser: Client, settings: Settings) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    redis_client.cache_clear()
    try:
        assert "Does not answer" in start_page(browser)
    finally:
        redis_client.cache_clear()
        redis_outage.end()


def test_a_queue_that_nobody_serves_says_so(browser: Client) -> None:
    running_task("runs")
    assert "No host takes work" in start_page(browser)
    a_host("busy", slots=4)
    page = start_page(browser)
    assert "No host takes work" not in page
    assert '<td class="number">0 of 4</td>' in page


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


def test_the_start_page_needs_as_many_queries_for_many_rows_as_for_none(browser: Client) -> None:
    browser.get(reverse("admin:index"))  # the first call fills Django's cache of content types
    none = count_queries(browser)
    user = a_user()
    for n in range(MAX_ROWS + 1):
        running_task(f"runs-{n}")
        lock_workspace(a_workspace(f"locked-{n}"), user=user, reason="maintenance")
        a_host(f"host-{n}")
    assert count_queries(browser) == none <= 40
    seen = overview()
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


def test_a_host_that_is_gone_is_forgotten_after_asking(browser: Client) -> None:
    gone, there = a_host("gone", timedelta(hours=1)), a_host("there")
    assert 'value="forget"' not in browser.get(admin_pages.page(there)).content.decode()
    assert "taken off the list" in admin_pages.text(admin_pages.act(browser, "forget", gone))
    done = admin_pages.act(browser, "forget", gone, there, confirmed="yes")
    assert sorted(admin_pages.messages(done)) == [
        "gone is forgotten",
        "there takes work or drains: stop its worker first",
    ]
    assert list(WorkerHost.objects.all()) == [there]


def test_a_host_whose_claims_nobody_took_over_yet_is_kept(browser: Client) -> None:
    claimed(running_task("runs"))
    host = a_host(HOST, timedelta(hours=1))
    refused = admin_pages.act(browser, "forget", host, confirmed="yes")
    assert admin_pages.messages(refused) == [
        f"{HOST} still has claims: they are taken over within a minute"
    ]


def test_hosts_are_filtered_by_their_presence(browser: Client) -> None:
    gone, there = a_host("gone", timedelta(hours=1)), a_host("there")
    for presence, expected in (("gone", [gone]), ("there", [there]), ("x", [gone, there])):
        url = admin_pages.list_page(WorkerHost, presence=presence)
        assert list(browser.get(url).context["cl"].result_list) == expected
