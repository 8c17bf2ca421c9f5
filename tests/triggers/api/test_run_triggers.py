"""Run triggers over the REST API."""

from typing import Any

import pytest
from pytest_django import DjangoAssertNumQueries
from rest_framework.test import APIClient

from tests.factories import OrganizationFactory, WorkspaceFactory
from tests.triggers.factories import link
from triggers.models import RunTrigger
from workspaces.models import Workspace

pytestmark = pytest.mark.django_db
Answer = dict[str, Any]


@pytest.fixture
def url(base: str) -> str:
    return f"{base}/run-triggers"


@pytest.fixture
def other(workspace: Workspace) -> Workspace:
    return WorkspaceFactory.create(name="report")


def refusal(answer: Any) -> tuple[int, Answer]:
    return answer.status_code, answer.json()["fields"]


def test_a_trigger_is_made_switched_and_deleted(
    api: APIClient, url: str, workspace: Workspace, other: Workspace
) -> None:
    """Reference §2.5: 201 `{message, run_trigger, warning}`."""
    answer = api.post(url, {"target_workspace_id": other.workspace_id})
    assert answer.status_code == 201, answer.json()
    made = answer.json()
    trigger = made["run_trigger"]
    assert (made["message"], made["warning"]) == ("Applies of shop start tasks of report", "")
    assert trigger["run_trigger_id"].startswith("trg-")
    assert trigger["source_workspace_id"] == workspace.workspace_id
    assert (trigger["target_workspace_name"], trigger["enabled"]) == ("report", True)
    assert (trigger["trigger_condition"], trigger["created_by"]) == ("apply_success", "ada")

    at = f"{url}/{trigger['run_trigger_id']}"
    assert api.put(at, {"enabled": False}).json()["enabled"] is False
    assert api.patch(at, {"enabled": True}).json()["enabled"] is True
    assert api.patch(at, {}).json()["enabled"] is True
    assert api.get(at).json()["run_trigger_id"] == trigger["run_trigger_id"]
    assert api.delete(at).status_code == 204
    assert api.get(at).status_code == 404


def test_a_trigger_is_made_from_its_other_end(
    api: APIClient, url: str, workspace: Workspace, other: Workspace
) -> None:
    answer = api.post(
        f"{url}/inbound", {"source_workspace_id": other.workspace_id, "enabled": False}
    )

    assert answer.status_code == 201
    trigger = answer.json()["run_trigger"]
    assert trigger["target_workspace_id"] == workspace.workspace_id
    assert trigger["enabled"] is False
    assert api.put(f"{url}/{trigger['run_trigger_id']}", {"enabled": True}).status_code == 200


def test_both_directions_are_listed(
    api: APIClient, url: str, workspace: Workspace, other: Workspace
) -> None:
    before = WorkspaceFactory.create(name="network")
    link(before, workspace)
    link(workspace, other)

    outbound = api.get(url).json()
    inbound = api.get(f"{url}/inbound").json()

    assert [each["target_workspace_name"] for each in outbound["run_triggers"]] == ["report"]
    assert outbound["auto_apply_warnings"] == []
    assert [each["source_workspace_name"] for each in inbound["inbound_triggers"]] == ["network"]


def test_who_triggers_what_applies_by_itself_is_warned(
    api: APIClient, url: str, workspace: Workspace
) -> None:
    """Reference §6.3: if target.auto_apply, response carries a warning; list has auto_apply_warnings."""
    eager = WorkspaceFactory.create(name="eager", auto_apply=True)
    answer = api.post(url, {"target_workspace_id": eager.workspace_id}).json()
    assert answer["warning"].startswith("eager applies by itself")
    assert answer["run_trigger"]["target_auto_apply"] is True
    link(workspace, WorkspaceFactory.create(auto_apply=True), enabled=False)

    assert api.get(url).json()["auto_apply_warnings"] == [answer["warning"]]


def test_what_makes_no_sense_is_refused_and_the_field_is_named(
    api: APIClient, url: str, workspace: Workspace, other: Workspace
) -> None:
    """F42: self, duplicate and cycle, 400 with the reference's words."""
    link(workspace, other)
    itself = api.post(url, {"target_workspace_id": workspace.workspace_id})
    again = api.post(url, {"target_workspace_id": other.workspace_id})
    round_about = api.post(f"{url}/inbound", {"source_workspace_id": other.workspace_id})

    assert refusal(itself) == (
        400,
        {"target_workspace_id": ["a workspace cannot trigger itself"]},
    )
    assert refusal(again) == (
        400,
        {"target_workspace_id": ["trigger already exists between these workspaces"]},
    )
    assert refusal(round_about) == (
        400,
        {"source_workspace_id": ["creating this trigger would create a circular dependency"]},
    )
    assert RunTrigger.objects.count() == 1


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("target_workspace_id", "ws-nobody"),
        ("target_workspace_id", 7),
        ("target_workspace_id", None),
        ("target_workspace_id", "x" * 51),
        ("enabled", "perhaps"),
    ],
)
def test_bad_input_names_the_field(
    api: APIClient, url: str, other: Workspace, field: str, value: Any
) -> None:
    answer = api.post(url, {"target_workspace_id": other.workspace_id} | {field: value})

    assert (answer.status_code, list(answer.json()["fields"])) == (400, [field])


def test_a_workspace_that_one_does_not_see_is_not_there(api: APIClient, url: str) -> None:
    """F42: both ends."""
    theirs = WorkspaceFactory.create(organization=OrganizationFactory.create(name="elsewhere"))

    answer = api.post(url, {"target_workspace_id": theirs.workspace_id})

    assert refusal(answer) == (
        400,
        {"target_workspace_id": [f"There is no workspace {theirs.workspace_id}."]},
    )


def test_a_trigger_of_other_workspaces_is_not_found(api: APIClient, url: str) -> None:
    """F3: each child through its workspace."""
    theirs = link(WorkspaceFactory.create(), WorkspaceFactory.create())
    at = f"{url}/{theirs.run_trigger_id}"

    answers = [api.get(at), api.put(at, {"enabled": False}), api.delete(at)]

    assert {answer.status_code for answer in answers} == {404}


@pytest.mark.parametrize("direction", ["targets", "sources"])
def test_workspaces_that_can_be_linked_are_offered_page_by_page(
    api: APIClient, url: str, workspace: Workspace, other: Workspace, direction: str
) -> None:
    """Reference §2.5: neither what is linked already nor what would close a cycle."""
    for name in ("billing", "billing-2"):
        WorkspaceFactory.create(name=name)
    link(workspace, other)
    at = f"{url}/available-{direction}"
    answer = api.get(at).json()

    assert [each["name"] for each in answer["available_workspaces"]] == ["billing", "billing-2"]
    assert (answer["total"], answer["page"], answer["pages"]) == (2, 1, 1)
    found = api.get(f"{at}?search=bill&page_size=1&page=2").json()
    assert [each["name"] for each in found["available_workspaces"]] == ["billing-2"]


def test_lists_take_a_fixed_number_of_queries(
    api: APIClient,
    url: str,
    workspace: Workspace,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    for _ in range(10):
        link(workspace, WorkspaceFactory.create())
        link(WorkspaceFactory.create(), workspace)
    for path in ("", "/inbound", "/available-targets", "/available-sources"):
        with django_assert_max_num_queries(10):
            assert api.get(f"{url}{path}").status_code == 200
