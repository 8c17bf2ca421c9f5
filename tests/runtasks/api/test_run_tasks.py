"""RunTasks over the REST API."""

from collections.abc import Callable
from typing import Any

import pytest
from pytest_django import DjangoAssertNumQueries
from rest_framework.test import APIClient

from iacplatform.accounts.levels import Level
from iacplatform.accounts.models import User
from runtasks.models import RunTask
from tests.factories import (
    OrganizationFactory,
    UserFactory,
    WorkspaceFactory,
    member_with,
    plain_member,
)
from tests.runtasks.factories import NOWHERE, AttachmentFactory, RunTaskFactory, waiting_task
from tests.runtasks.service import Reply, Service

ALL = "/api/v1/run-tasks"
NEW = {"name": "policy-check", "endpoint_url": NOWHERE, "verify": False}

pytestmark = pytest.mark.django_db


def at(run_task: RunTask) -> str:
    return f"{ALL}/{run_task.run_task_id}"


def test_a_run_task_has_the_documented_defaults(api: APIClient) -> None:
    answer = api.post(ALL, NEW)

    assert answer.status_code == 201, answer.json()
    shown = answer.json()
    assert shown["run_task_id"].startswith("rt-")
    expected = {
        "organization": "default",
        "name": "policy-check",
        "endpoint_url": NOWHERE,
        "hmac_key_set": False,
        "signature_format": "sha512",
        "enabled": True,
        "timeout_seconds": 600,
        "max_run_seconds": 3600,
        "is_global": False,
        "global_stages": ["post_plan"],
        "global_enforcement_level": "advisory",
        "global_priority": 0,
        "workspace_count": 0,
        "created_by": "ada",
    }
    assert {name: shown[name] for name in expected} == expected
    assert api.get(f"{ALL}/{shown['run_task_id']}").json() == shown


def test_a_key_goes_in_and_never_comes_out(api: APIClient) -> None:
    created = api.post(ALL, {**NEW, "hmac_key": "hunter2 hunter2"})
    url = f"{ALL}/{created.json()['run_task_id']}"

    assert created.json()["hmac_key_set"] is True
    answers = [created, api.get(url), api.get(ALL), api.patch(url, {"description": "x"})]
    assert not any("hunter2" in answer.content.decode() for answer in answers)
    assert RunTask.objects.get().hmac_key == "hunter2 hunter2"
    assert api.patch(url, {"hmac_key": "", "verify": False}).json()["hmac_key_set"] is False
    assert RunTask.objects.get().hmac_key is None


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("name", "policy check", "name can only contain letters, numbers, dashes and underscores"),
        ("name", "x" * 101, "Ensure"),
        ("endpoint_url", "ftp://example.com", "Give an address"),
        ("endpoint_url", "http://", "Give an address"),
        ("endpoint_url", "https://[x", "Give an address"),
        ("endpoint_url", "https://x/" + "y" * 500, "Ensure"),
        ("timeout_seconds", 59, "timeout_seconds must be between 60 and 600"),
        ("timeout_seconds", 601, "timeout_seconds must be between 60 and 600"),
        ("max_run_seconds", 59, "max_run_seconds must be between 60 and 3600"),
        ("max_run_seconds", 3601, "max_run_seconds must be between 60 and 3600"),
        ("global_stages", ["plan"], "'plan' is no stage"),
        ("global_stages", "", "Name at least one stage"),
        ("global_stages", 7, "Give a list of stages"),
        ("signature_format", "md5", "is not a valid choice"),
        ("global_enforcement_level", "strict", "is not a valid choice"),
    ],
)
def test_bad_input_names_the_field(api: APIClient, field: str, value: Any, sentence: str) -> None:
    answer = api.post(ALL, {**NEW, field: value})

    assert answer.status_code == 400
    assert sentence in answer.json()["fields"][field][0]


@pytest.mark.parametrize(
    "stages", ["post_apply , pre_plan,", ["post_apply", "pre_plan", "pre_plan"]]
)
def test_stages_are_a_list_or_a_text_with_commas(administrator: APIClient, stages: Any) -> None:
    """F31: white space is tolerated, parts of names are not."""
    answer = administrator.post(ALL, {**NEW, "is_global": True, "global_stages": stages})

    assert answer.json()["global_stages"] == ["pre_plan", "post_apply"]


def test_a_name_is_taken_once_in_an_organization(api: APIClient, administrator: APIClient) -> None:
    assert api.post(ALL, NEW).status_code == 201
    again = api.post(ALL, NEW)
    assert (again.status_code, list(again.json()["fields"])) == (409, ["name"])
    everywhere = {**NEW, "organization": None}
    assert administrator.post(ALL, everywhere).status_code == 201
    assert administrator.post(ALL, everywhere).status_code == 409


def test_who_has_the_role_manages_what_is_the_organizations_and_administrators_the_rest(
    client_of: Callable[[User], APIClient], api: APIClient, administrator: APIClient
) -> None:
    """Global RunTasks and their keys are an administrator's; everybody sees them."""
    shared = [
        RunTaskFactory.create(is_global=True),
        RunTaskFactory.create(organization=None),
    ]
    ours = RunTaskFactory.create()

    plain = client_of(plain_member())
    refused = [
        plain.post(ALL, {**NEW, "is_global": True}),
        plain.post(ALL, {**NEW, "organization": None}),
    ]
    refused.append(plain.patch(at(ours), {"is_global": True}))
    for run_task in shared:
        refused += [
            plain.patch(at(run_task), {"hmac_key": "mine"}),
            plain.patch(at(run_task), {"is_global": False}),
            plain.delete(at(run_task)),
            plain.post(f"{at(run_task)}/test"),
        ]
    assert {answer.status_code for answer in refused} == {403}
    assert api.patch(at(ours), {"is_global": True}).status_code == 200
    assert api.patch(at(shared[1]), {"description": "x"}).status_code == 403
    assert {api.get(at(run_task)).status_code for run_task in shared} == {200}

    for run_task in shared:
        assert (
            administrator.patch(at(run_task), {"hmac_key": "x", "verify": False}).status_code == 200
        )
        assert administrator.delete(at(run_task)).status_code == 204


def test_nobody_sees_the_run_tasks_of_others(
    api: APIClient, administrator: APIClient, client_of: Callable[[User], APIClient]
) -> None:
    elsewhere = OrganizationFactory.create(name="elsewhere")
    theirs = RunTaskFactory.create(organization=elsewhere)
    for client in (api, administrator):
        assert client.get(ALL).json()["total"] == 0
        answers = [client.get(at(theirs)), client.delete(at(theirs)), client.patch(at(theirs), {})]
        assert {answer.status_code for answer in answers} == {404}
    root = client_of(UserFactory.create(superuser=True, organizations=[]))
    assert root.get(at(theirs)).status_code == 200
    assert api.post(ALL, {**NEW, "organization": "elsewhere"}).status_code == 400
    assert APIClient().get(ALL).status_code == 401


def test_a_run_task_that_is_attached_is_not_deleted(api: APIClient) -> None:
    """Reference §2.6: 409 with the number of workspaces."""
    run_task = RunTaskFactory.create()
    workspace = WorkspaceFactory.create()
    for stage in ("pre_plan", "post_plan"):
        AttachmentFactory.create(workspace=workspace, run_task=run_task, stage=stage)
    AttachmentFactory.create(run_task=run_task)

    answer = api.delete(at(run_task))

    assert answer.status_code == 409
    assert answer.json()["workspace_count"] == 2
    assert api.get(at(run_task)).json()["workspace_count"] == 2


def test_only_workspaces_that_one_sees_are_counted(
    client_of: Callable[[User], APIClient],
) -> None:
    run_task = RunTaskFactory.create()
    seen, hidden = WorkspaceFactory.create(), WorkspaceFactory.create()
    for workspace in (seen, hidden):
        AttachmentFactory.create(workspace=workspace, run_task=run_task)
    reader = client_of(member_with(Level.READ, workspace=seen))

    assert reader.get(at(run_task)).json()["workspace_count"] == 1
    assert [each["workspace_count"] for each in reader.get(ALL).json()["items"]] == [1]


def test_a_run_task_that_is_asked_is_not_deleted(api: APIClient) -> None:
    task = waiting_task()
    task.workspace.run_tasks.all().delete()

    assert api.delete(at(RunTask.objects.get())).status_code == 409


def test_a_list_is_narrowed(api: APIClient) -> None:
    RunTaskFactory.create(name="policy", description="Rego")
    RunTaskFactory.create(name="cost", enabled=False)
    RunTaskFactory.create(name="everywhere", is_global=True, organization=None)

    for query, names in {
        "search=rego": ["policy"],
        "enabled=false": ["cost"],
        "is_global=true": ["everywhere"],
        "organization=default": ["cost", "policy"],
    }.items():
        items = api.get(f"{ALL}?{query}").json()["items"]
        assert [each["name"] for each in items] == names
    assert api.get(f"{ALL}?enabled=perhaps").status_code == 400


def test_a_list_takes_a_fixed_number_of_queries(
    api: APIClient, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for _ in range(12):
        AttachmentFactory.create(run_task__created_by=UserFactory.create())
    with django_assert_max_num_queries(8):
        assert api.get(f"{ALL}?page_size=100").json()["total"] == 12


# --- Verification and tests


def test_a_service_must_accept_a_test_request_before_its_run_task_is_saved(
    api: APIClient, service: Service
) -> None:
    created = api.post(ALL, {"name": "policy", "endpoint_url": service.url, "hmac_key": "k"})

    assert created.status_code == 201
    hook = service.last.payload
    assert (hook["access_token"], hook["is_test"]) == ("test-token", True)
    assert hook["task_result_enforcement_level"] == "test"
    assert service.last.headers["X-TFC-Task-Signature"].startswith("sha512=")


def test_a_service_that_refuses_the_test_request_keeps_its_run_task_from_being_saved(
    api: APIClient, service: Service
) -> None:
    service.replies = [Reply(500)]

    answers = [
        api.post(ALL, {"name": "policy", "endpoint_url": service.url}),
        api.post(ALL, {"name": "policy", "endpoint_url": NOWHERE}),
        api.patch(at(RunTaskFactory.create()), {"endpoint_url": service.url}),
    ]

    assert {answer.status_code for answer in answers} == {422}
    assert {answer.json()["code"] for answer in answers} == {"verification_failed"}
    assert "answered 500" in answers[0].json()["fields"]["endpoint_url"][0]
    assert not RunTask.objects.exclude(endpoint_url=NOWHERE).exists()


def test_a_service_is_tried_only_where_it_is_reached_anew(api: APIClient, service: Service) -> None:
    run_task = RunTaskFactory.create(endpoint_url=service.url, hmac_key="k")

    api.patch(at(run_task), {"description": "x", "endpoint_url": service.url, "hmac_key": "k"})
    api.patch(at(run_task), {"enabled": False})
    api.patch(at(run_task), {"hmac_key": "other", "verify": False})
    assert service.requests == []
    api.patch(at(run_task), {"enabled": True})
    api.patch(at(run_task), {"signature_format": "hex"})
    assert len(service.requests) == 2


def test_trying_an_address_tells_all_about_the_answer(api: APIClient, service: Service) -> None:
    """Reference §6.1.10, TESTPLAT: 200 whatever comes of it."""
    service.replies = [Reply(200, b'{"status": "acknowledged", "hmac_error": "wrong key"}')]

    told = api.post(f"{ALL}/test", {"endpoint_url": service.url, "hmac_key": "k"}).json()

    assert told["success"] is True
    assert told["status_code"] == 200
    assert told["duration_ms"] >= 0
    assert (told["hmac_configured"], told["hmac_verified"]) == (True, False)
    assert "acknowledged" in told["response_body"]
    assert told["test_url"] == service.url
    assert service.last.headers["User-Agent"] == "IaC-Platform/1.0 (Connection Test)"
    unsigned = api.post(f"{ALL}/test", {"endpoint_url": service.url}).json()
    assert (unsigned["hmac_configured"], unsigned["hmac_verified"]) == (False, None)


def test_trying_an_address_that_does_not_answer_is_no_error_of_ours(api: APIClient) -> None:
    answer = api.post(f"{ALL}/test", {"endpoint_url": NOWHERE})

    assert answer.status_code == 200
    assert answer.json()["success"] is False
    assert answer.json()["error_details"]
    assert answer.json()["status_code"] is None
    assert api.post(f"{ALL}/test", {"endpoint_url": "nowhere"}).status_code == 400


def test_a_saved_run_task_is_tried_below_its_address(api: APIClient, service: Service) -> None:
    run_task = RunTaskFactory.create(endpoint_url=f"{service.url}?team=a", hmac_key="k")

    told = api.post(f"{at(run_task)}/test").json()

    assert told["success"] is True
    assert told["run_task_id"] == run_task.run_task_id
    assert service.last.path == "/hook/test?team=a"
    assert told["test_url"] == f"{service.url}/test?team=a"


def test_an_address_that_may_not_be_called_is_refused(api: APIClient, settings: Any) -> None:
    """F50: even where its service is not tried."""
    settings.OUTBOUND_ALLOWED_NETWORKS = []
    url = "http://169.254.169.254/latest/meta-data"

    refused = api.post(ALL, {**NEW, "endpoint_url": url})
    assert (refused.status_code, list(refused.json()["fields"])) == (400, ["endpoint_url"])
    assert api.post(f"{ALL}/test", {"endpoint_url": url}).json()["success"] is False
