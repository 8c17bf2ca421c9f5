"""What an operator sees of RunTasks, and may do to them."""

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from runtasks.models import ResultStatus, RunTask, RunTaskResult, WorkspaceRunTask
from runtasks.services.callbacks import Outcome
from tests.admin_pages import (
    act,
    colleague,
    list_page,
    messages,
    operator,
    page,
    refusals,
    signed_in,
    text,
)
from tests.runtasks.answers import answer, end
from tests.runtasks.factories import (
    NOWHERE,
    AttachmentFactory,
    RunTaskFactory,
    result_of,
    waiting_task,
)
from tests.runtasks.service import Service

pytestmark = pytest.mark.django_db


@pytest.fixture
def browser() -> Client:
    return signed_in(operator())


def test_a_run_task_is_shown_without_its_key(browser: Client) -> None:
    run_task = RunTaskFactory.create(
        name="policy", hmac_key="hunter2 hunter2", is_global=True, organization=None
    )
    AttachmentFactory.create(run_task=run_task)
    body = text(browser.get(page(run_task)))

    for shown in (
        "policy",
        "the whole platform",
        "globally at post_plan, advisory",
        "1 workspaces",
        "sha512=",
    ):
        assert shown in body, shown
    assert "hunter2" not in body + text(browser.get(list_page(RunTask)))


def test_nothing_is_changed_by_a_form(browser: Client) -> None:
    task = waiting_task()
    for row in (RunTask.objects.get(), WorkspaceRunTask.objects.get(), result_of(task)):
        assert refusals(browser, row) == [403, 403, 403]


def test_a_run_task_is_switched_off_and_on(browser: Client) -> None:
    run_task = RunTaskFactory.create(name="policy", endpoint_url=NOWHERE)

    assert "not even where they are mandatory" in text(act(browser, "disable", run_task))
    disabled = act(browser, "disable", run_task, confirmed="yes")
    assert messages(disabled) == ["policy is disabled"]
    run_task.refresh_from_db()
    assert not run_task.enabled
    assert messages(act(browser, "enable", run_task)) == ["policy is enabled"]


def test_a_service_is_tried_from_its_page(browser: Client, service: Service) -> None:
    works = RunTaskFactory.create(name="policy", endpoint_url=service.url)
    broken = RunTaskFactory.create(name="lint", endpoint_url=NOWHERE)

    assert messages(act(browser, "send_a_test", works)) == ["policy: it accepted the test request"]
    (told,) = messages(act(browser, "send_a_test", broken))
    assert told.startswith("lint: ")
    assert len(service.requests) == 1


def test_who_may_only_look_cannot_act(service: Service) -> None:
    run_task = RunTaskFactory.create(endpoint_url=service.url)
    browser = signed_in(colleague("view_runtask"))
    assert 'value="disable"' not in text(browser.get(page(run_task)))
    act(browser, "disable", run_task, confirmed="yes")
    act(browser, "send_a_test", run_task)
    run_task.refresh_from_db()
    assert run_task.enabled
    assert service.requests == []


def test_the_page_of_a_task_shows_its_run_tasks(browser: Client) -> None:
    """Results are in the task's timeline."""
    task = waiting_task(run_task__name="policy", enforcement_level="advisory")
    answer(result_of(task), "failed", message="3 of <7>", outcomes=(Outcome("a"), Outcome("b")))
    body = text(browser.get(page(task)))

    for shown in ("<h2>Run tasks</h2>", "policy", "Advisory", "badge-bad", "3 of &lt;7&gt;"):
        assert shown in body, shown
    assert '<td class="number">2</td>' in body
    assert "Warning: policy (advisory) ended as failed" in body


def test_a_task_that_nobody_was_asked_about_has_no_such_section(browser: Client) -> None:
    task = waiting_task()
    RunTaskResult.objects.all().delete()

    assert "<h2>Run tasks</h2>" not in text(browser.get(page(task)))


def test_outcomes_are_shown_and_nothing_of_them_runs(browser: Client) -> None:
    result = result_of(waiting_task(enforcement_level="advisory"))
    token = result.access_token or ""
    tags = {
        "Severity": [{"label": "High", "level": "error"}],
        "Team": [{"label": "IT", "level": "none"}],
    }
    body = "**bold** <script>alert(1)</script>"
    answer(
        result,
        "failed",
        url="https://x.example.com/run",
        outcomes=(
            Outcome("CC-127", "S3 is <public>", body, "https://x.example.com/1", tags),
            Outcome("CC-128", body="x" * 30_000),
        ),
    )
    shown = text(browser.get(page(result)))

    for part in (
        "<strong>bold</strong>",
        "S3 is &lt;public&gt;",
        "Severity: High (error)",
        "Team: IT<br>",
        'href="https://x.example.com/1" rel="noopener noreferrer nofollow"',
        "The rest is in the API.",
    ):
        assert part in shown, part
    assert "<script>alert" not in shown
    assert token not in shown


def test_a_result_that_is_open_does_not_show_its_token(browser: Client) -> None:
    result = result_of(waiting_task())
    token = result.access_token or ""

    assert token not in text(browser.get(page(result))) + text(
        browser.get(list_page(RunTaskResult))
    )


def test_an_advisory_result_is_overridden_from_its_page(browser: Client) -> None:
    task = waiting_task(enforcement_level="advisory")
    end(result_of(task), ResultStatus.FAILED)
    result = result_of(task)
    asked = text(act(browser, "override", result))
    assert "as it was made to" in asked
    assert result_of(task).status == "failed"

    done = act(browser, "override", result, confirmed="yes", note="known")

    assert messages(done) == [f"1 run tasks of task #{task.pk} were overridden"]
    assert result_of(task).override_by == "olivia"
    assert 'value="override"' not in text(browser.get(page(result)))


def test_lists_take_a_fixed_number_of_queries(
    browser: Client, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    waiting_task()
    for _ in range(8):
        AttachmentFactory.create(run_task__is_global=True)
    for model in (RunTask, WorkspaceRunTask, RunTaskResult):
        with django_assert_max_num_queries(12):
            text(browser.get(list_page(model)))
