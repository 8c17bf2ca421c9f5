"""What services reach with the token of a webhook: callback, plan and resource changes."""

import json
from typing import Any

import pytest
from pytest_django import Settings
from rest_framework.test import APIClient

from runtasks.models import ResultStatus, RunTaskResult
from runtasks.services.tokens import issue_token
from tests.domain import a_running_task
from tests.factories import ResourceChangeFactory
from tests.runtasks.factories import attach, reach, result_of, waiting_task
from tests.runtasks.forged_tokens import forged_tokens

pytestmark = pytest.mark.django_db
READS = ("plan-json", "json-output", "resource-changes")


def address(result: RunTaskResult, what: str = "callback") -> str:
    return f"/api/v1/run-task-results/{result.result_id}/{what}"


def bearing(token: str | None) -> APIClient:
    """A client with this bearer token."""
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {token}")
    return client


def body(status: str = "passed", outcomes: Any = None, **attributes: Any) -> dict[str, Any]:
    data: dict[str, Any] = {
        "type": "task-results",
        "attributes": {"status": status, **attributes},
    }
    if outcomes is not None:
        data["relationships"] = {"outcomes": {"data": outcomes}}
    return {"data": data}


def outcome(outcome_id: str = "X-1", **attributes: Any) -> dict[str, Any]:
    named = {"outcome-id": outcome_id, "description": "a finding"}
    return {"type": "task-result-outcomes", "attributes": named | attributes}


def call(result: RunTaskResult, content: Any = None) -> Any:
    """Calls back with the result's own token."""
    said = body() if content is None else content
    return bearing(result.access_token).patch(address(result), said)


def every_call(client: APIClient, result: RunTaskResult) -> list[Any]:
    """The answers of all that a service may reach."""
    answers = [client.patch(address(result), body())]
    return answers + [client.get(address(result, what)) for what in READS]


@pytest.mark.parametrize("status", ["running", "passed", "failed"])
@pytest.mark.parametrize("method", ["patch", "post"])
def test_a_callback_with_the_results_token_is_taken(method: str, status: str) -> None:
    """C4: valid → 200."""
    result = result_of(waiting_task())
    send = getattr(bearing(result.access_token), method)

    answer = send(address(result), body(status))

    assert answer.status_code == 200
    assert answer.json() == {
        "message": "The result was updated",
        "result_id": result.result_id,
        "status": status,
    }
    result.refresh_from_db()
    assert result.status == status


@pytest.mark.parametrize(
    "content_type", ["application/vnd.api+json", "application/json", "text/plain"]
)
def test_a_callback_is_json_by_whatever_name(content_type: str) -> None:
    result = result_of(waiting_task())

    client = bearing(result.access_token)

    answer = client.generic(
        "PATCH",
        address(result),
        json.dumps(body()),
        content_type=content_type,
        HTTP_ACCEPT="application/vnd.api+json",
    )

    assert answer.status_code == 200


def test_without_a_token_nothing_is_opened() -> None:
    """C4: no Authorization → 401, whatever is asked for."""
    result = result_of(waiting_task())

    answers = every_call(APIClient(), result)

    assert {answer.status_code for answer in answers} == {401}
    assert {answer.headers["WWW-Authenticate"] for answer in answers} == {"Bearer"}
    assert result_of(result.task).status == "pending"


def test_no_other_token_opens_anything(settings: Settings) -> None:
    """C4, L4, RTDATA: malformed, expired, foreign, unsigned, another algorithm, a user's → 401."""
    settings.JWT_SECRET = "long enough for every algorithm" * 3
    result = result_of(waiting_task())

    for wrong, token in forged_tokens(result).items():
        answers = every_call(bearing(token), result)
        assert {answer.status_code for answer in answers} == {401}, wrong
    assert result_of(result.task).status == "pending"


def test_the_token_of_another_result_is_refused() -> None:
    """C4: 403."""
    task = a_running_task()
    attach(task), attach(task)
    reach(task)
    one, other = RunTaskResult.objects.filter(task=task)

    answers = every_call(bearing(other.access_token), one)

    assert {answer.status_code for answer in answers} == {403}


def test_a_result_that_is_gone_is_not_found() -> None:
    """C4: 404 for an unknown id with a token for it."""
    result = result_of(waiting_task())
    token = issue_token(result)
    where = address(result)
    RunTaskResult.objects.all().delete()

    assert bearing(token).patch(where, body()).status_code == 404


@pytest.mark.parametrize(
    "status", [status for status in ResultStatus if status not in {"pending", "running"}]
)
def test_a_result_that_has_ended_takes_nothing_more(status: ResultStatus) -> None:
    """F33, C5b: 410 for every final status, and the old token reads nothing any more."""
    result = result_of(waiting_task())
    client = bearing(result.access_token)
    RunTaskResult.objects.filter(pk=result.pk).close(status, "over")

    answers = every_call(client, result)

    assert {answer.status_code for answer in answers} == {410}
    assert {answer.json()["code"] for answer in answers} == {"gone"}
    result.refresh_from_db()
    assert (result.status, result.message, result.access_token) == (status, "over", None)


@pytest.mark.parametrize("status", ["passed", "failed"])
def test_a_final_callback_ends_the_token(status: str) -> None:
    """C5b: access_token is empty, the old token opens nothing."""
    result = result_of(waiting_task())

    assert call(result, body(status)).status_code == 200
    assert call(result, body(status)).status_code == 410

    result.refresh_from_db()
    assert result.access_token is None
    assert result.completed_at is not None


@pytest.mark.parametrize(
    ("content", "status", "field"),
    [
        ({}, 400, "data"),
        ([], 400, "non_field_errors"),
        ("passed", 400, "non_field_errors"),
        ({"data": []}, 400, "data.non_field_errors"),
        ({"data": {"type": "runs", "attributes": {"status": "passed"}}}, 400, "data.type"),
        ({"data": {"attributes": {"status": "passed"}}}, 400, "data.type"),
        ({"data": {"type": "task-results"}}, 400, "data.attributes"),
        (body("pending"), 400, "data.attributes.status"),
        (body("error"), 400, "data.attributes.status"),
        (body("PASSED"), 400, "data.attributes.status"),
        (body(None), 400, "data.attributes.status"),  # type: ignore[arg-type]
        (body(message="x" * 1001), 422, "data.attributes.message"),
        (body(message={}), 422, "data.attributes.message"),
        (body(url="javascript:alert(1)"), 422, "data.attributes.url"),
        (body(url="https://x/" + "y" * 500), 422, "data.attributes.url"),
        (body(outcomes={}), 422, "data.relationships.outcomes.data"),
        (body(outcomes=[outcome()] * 251), 422, "data.relationships.outcomes.data"),
        (body(outcomes=[{}]), 422, "data.relationships.outcomes.data.0.type"),
        (
            body(outcomes=[outcome(), outcome("")]),
            422,
            "data.relationships.outcomes.data.1.attributes.outcome-id",
        ),
        (
            body(outcomes=[outcome("x" * 101)]),
            422,
            "data.relationships.outcomes.data.0.attributes.outcome-id",
        ),
        (
            body(outcomes=[outcome(url="data:text/html,x")]),
            422,
            "data.relationships.outcomes.data.0.attributes.url",
        ),
        (
            body(outcomes=[outcome(tags={"Status": [{"label": "x", "level": "fatal"}]})]),
            422,
            "data.relationships.outcomes.data.0.attributes.tags.Status.0.level",
        ),
        (
            body(outcomes=[outcome(tags=["Status"])]),
            422,
            "data.relationships.outcomes.data.0.attributes.tags",
        ),
        (
            body(outcomes=[outcome(body="x" * (5 * 1024**2 + 1))]),
            422,
            "data.relationships.outcomes.data.0.attributes.body",
        ),
        (
            body(outcomes=[outcome(body="ä" * (3 * 1024**2))]),
            422,
            "data.relationships.outcomes.data.0.attributes.body",
        ),
    ],
)
def test_a_wrong_body_is_refused_by_the_name_of_the_field(
    content: Any, status: int, field: str
) -> None:
    """Reference §6.1.8: 400 for type and status; 422 for what is said."""
    result = result_of(waiting_task())

    answer = call(result, content)

    assert answer.status_code == status
    assert field in answer.json()["fields"], answer.json()
    assert result_of(result.task).status == "pending"


def test_what_is_no_json_is_refused() -> None:
    result = result_of(waiting_task())

    client = bearing(result.access_token)

    answer = client.generic("PATCH", address(result), "{", content_type="application/vnd.api+json")

    assert (answer.status_code, answer.json()["code"]) == (400, "parse_error")


def test_a_body_that_is_too_large_is_not_read(settings: Settings) -> None:
    settings.RUN_TASK_CALLBACK_MAX_BYTES = 1000
    result = result_of(waiting_task())

    assert call(result, body(message="x" * 1000)).status_code == 413


def test_large_outcomes_are_stored_whole(settings: Settings) -> None:
    """An outcome may have 5 MiB, which is more than other bodies may have in all."""
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1024**2
    result = result_of(waiting_task())
    text = "ä" * (5 * 1024**2 // 2)

    answer = call(result, body("failed", outcomes=[outcome("a", body=text), outcome("b")]))

    assert answer.status_code == 200, answer.json()
    assert result.outcomes.get(outcome_id="a").body == text


def test_outcomes_are_found_beside_data_too() -> None:
    """The key path of HCP Terraform's documentation, which its samples do not have."""
    result = result_of(waiting_task())
    content = body("failed") | {"relationships": {"outcomes": {"data": [outcome()]}}}

    assert call(result, content).status_code == 200
    assert result.outcomes.count() == 1


def test_message_url_and_outcomes_are_kept() -> None:
    result = result_of(waiting_task(enforcement_level="advisory"))
    tags = {"Status": [{"label": "Denied", "level": "error"}], "Cost Centre": [{"label": "IT"}]}
    finding = outcome(body="# Hm\n", url="https://x.example.com/1", tags=tags)

    call(result, body("failed", [finding], message="3 of 7", url="https://x.example.com/run"))

    result.refresh_from_db()
    kept = result.outcomes.get()
    assert (result.message, result.url) == ("3 of 7", "https://x.example.com/run")
    assert (kept.outcome_id, kept.description, kept.body) == ("X-1", "a finding", "# Hm\n")
    assert kept.tags == {
        "Status": [{"label": "Denied", "level": "error"}],
        "Cost Centre": [{"label": "IT", "level": "none"}],
    }


def test_plan_and_resource_changes_are_those_of_the_results_task() -> None:
    """RTDATA: 200 with the run task's token, and the right plan only."""
    result = result_of(waiting_task())
    ResourceChangeFactory.create(task=result.task, resource_address="null_resource.ours")
    ResourceChangeFactory.create(resource_address="null_resource.theirs")
    client = bearing(result.access_token)

    plan = {"format_version": "1.2"}
    assert client.get(address(result, "plan-json")).json() == {"plan_json": plan}
    assert client.get(address(result, "json-output")).json() == plan
    changes = client.get(address(result, "resource-changes")).json()["resource_changes"]
    assert [each["resource_address"] for each in changes] == ["null_resource.ours"]
    hook = result.request_payload
    assert hook["plan_data_url"].endswith(address(result, "plan-json"))
    assert hook["plan_json_api_url"].endswith(address(result, "json-output"))
    assert hook["resource_changes_url"].endswith(address(result, "resource-changes"))
    assert hook["task_result_callback_url"].endswith(address(result))


def test_before_the_plan_there_is_none() -> None:
    """RTDATA: 404 at pre_plan, and no address of a plan in the webhook."""
    result = result_of(waiting_task(stage="pre_plan"))
    client = bearing(result.access_token)

    assert {client.get(address(result, what)).status_code for what in READS} == {404}
    assert not {"plan_data_url", "plan_json_api_url", "plan_changes"} & set(result.request_payload)


def test_a_token_opens_nothing_of_the_rest_of_the_api() -> None:
    result = result_of(waiting_task())
    client = bearing(result.access_token)
    workspace = result.task.workspace.workspace_id

    paths = [
        "/workspaces",
        f"/workspaces/{workspace}",
        f"/workspaces/{workspace}/tasks/{result.task_id}",
        f"/workspaces/{workspace}/state-versions/current/download",
        f"/run-task-results/{result.result_id}",
        f"/run-task-results/{result.result_id}/outcomes",
        "/run-tasks",
        "/auth/me",
    ]
    assert {client.get(f"/api/v1{path}").status_code for path in paths} == {401}
