"""Results, their outcomes and overriding them over the REST API."""

from collections.abc import Callable

import pytest
from pytest_django import DjangoAssertNumQueries
from rest_framework.test import APIClient

from iacplatform.accounts.models import User
from runtasks.models import ResultStatus, RunTaskResult
from runtasks.services.callbacks import Outcome
from tests.domain import a_running_task
from tests.factories import OrganizationFactory, TaskFactory, UserFactory
from tests.runtasks.answers import answer, end
from tests.runtasks.factories import RunTaskFactory, attach, reach, result_of, waiting_task
from workspaces.models import WorkspaceTask

pytestmark = pytest.mark.django_db
RESULTS = "/api/v1/run-task-results"


def at(task: WorkspaceTask, what: str = "run-task-results") -> str:
    return f"/api/v1/workspaces/{task.workspace.workspace_id}/tasks/{task.pk}/{what}"


def test_a_task_shows_who_was_asked_and_what_they_said(api: APIClient) -> None:
    """F35: with the enforcement of global ones; never a token."""
    task = a_running_task()
    RunTaskFactory.create(
        name="everywhere", is_global=True, global_enforcement_level="mandatory", global_priority=-1
    )
    attach(task, run_task__name="lint", enforcement_level="advisory")
    reach(task)
    asked = RunTaskResult.objects.get(run_task_name="everywhere")
    token = asked.access_token or ""
    answer(asked, "running", message="2 of 5", outcomes=(Outcome("a", "finding", body="secret"),))

    items = api.get(at(task)).json()["items"]

    assert [each["run_task_name"] for each in items] == ["everywhere", "lint"]
    assert [each["enforcement_level"] for each in items] == ["mandatory", "advisory"]
    assert [each["status"] for each in items] == ["running", "pending"]
    assert items[0]["workspace_run_task_id"] is None
    assert items[0]["message"] == "2 of 5"
    assert [each["outcome_id"] for each in items[0]["outcomes"]] == ["a"]
    assert api.get(f"{RESULTS}/{asked.result_id}").json() == items[0]
    assert token not in api.get(at(task)).content.decode()
    assert api.get(f"{at(task)}?status=running").json()["total"] == 1
    assert api.get(f"{at(task)}?stage=pre_plan").json()["total"] == 0
    assert api.get(f"{at(task)}?status=done").status_code == 400


def test_outcomes_come_with_their_text_and_with_html_that_is_safe(api: APIClient) -> None:
    result = result_of(waiting_task())
    text = "# Hm\n<script>alert(1)</script> [x](javascript:alert(1))"
    answer(result, outcomes=(Outcome("a", "finding", body=text), Outcome("b")))

    items = api.get(f"{RESULTS}/{result.result_id}/outcomes").json()["items"]

    assert [each["outcome_id"] for each in items] == ["a", "b"]
    assert items[0]["body"] == text
    assert "<h1>Hm</h1>" in items[0]["body_html"]
    assert "<script" not in items[0]["body_html"]
    assert "href" not in items[0]["body_html"]


def test_strangers_find_no_result(api: APIClient, client_of: Callable[[User], APIClient]) -> None:
    """F46: reading a result takes a user who sees its workspace."""
    task = waiting_task()
    result = result_of(task)
    elsewhere = OrganizationFactory.create(name="elsewhere")
    stranger = client_of(UserFactory.create(organizations=[elsewhere], staff=True))
    urls = [at(task), f"{RESULTS}/{result.result_id}", f"{RESULTS}/{result.result_id}/outcomes"]

    assert {stranger.get(url).status_code for url in urls} == {404}
    assert stranger.post(at(task, "override-run-tasks"), {"comment": "x"}).status_code == 404
    assert {APIClient().get(url).status_code for url in urls} == {401}
    assert {api.get(url).status_code for url in urls} == {200}


def test_a_task_of_another_workspace_is_not_found(api: APIClient) -> None:
    """F3, F51."""
    task, other = waiting_task(), TaskFactory.create()
    mixed = f"/api/v1/workspaces/{task.workspace.workspace_id}/tasks/{other.pk}"

    assert api.get(f"{mixed}/run-task-results").status_code == 404
    assert api.post(f"{mixed}/override-run-tasks", {"comment": "x"}).status_code == 404


def test_overriding_answers_with_who_and_why(api: APIClient) -> None:
    """Reference §6.1.7."""
    task = waiting_task(enforcement_level="advisory")
    end(result_of(task), ResultStatus.TIMEOUT)

    told = api.post(at(task, "override-run-tasks"), {"comment": "known"})

    assert told.status_code == 200
    assert told.json() == {
        "message": "1 run tasks were overridden",
        "overridden": True,
        "overridden_by": "ada",
        "comment": "known",
    }
    shown = api.get(at(task)).json()["items"][0]
    assert (shown["status"], shown["is_overridden"], shown["override_by"]) == (
        "overridden",
        True,
        "ada",
    )
    comments = api.get(at(task, "comments")).json()["items"]
    assert [each["action_type"] for each in comments] == ["override"]
    assert api.post(at(task, "override-run-tasks"), {"comment": "again"}).status_code == 400


@pytest.mark.parametrize("body", [{}, {"comment": ""}, {"comment": "x" * 1001}])
def test_overriding_needs_a_comment(api: APIClient, body: dict[str, str]) -> None:
    told = api.post(at(waiting_task(), "override-run-tasks"), body)

    assert (told.status_code, list(told.json()["fields"])) == (400, ["comment"])


def test_a_mandatory_failure_is_not_overridden(api: APIClient) -> None:
    """Reference §6.1.7: 403."""
    task = waiting_task(enforcement_level="advisory")
    end(result_of(task), ResultStatus.FAILED)
    RunTaskResult.objects.update(enforcement_level="mandatory")

    assert api.post(at(task, "override-run-tasks"), {"comment": "x"}).status_code == 403


def test_a_task_elsewhere_has_nothing_to_override(api: APIClient) -> None:
    """Reference §6.1.7: 400."""
    assert api.post(at(a_running_task(), "override-run-tasks"), {"comment": "x"}).status_code == 400


def test_a_list_takes_a_fixed_number_of_queries(
    api: APIClient, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    task = a_running_task()
    for number in range(12):
        attach(task, run_task__name=f"check-{number}")
    reach(task)
    for result in RunTaskResult.objects.filter(task=task)[:11]:
        answer(result, outcomes=(Outcome("a"), Outcome("b")))
    with django_assert_max_num_queries(10):
        assert api.get(f"{at(task)}?page_size=100").json()["total"] == 12
