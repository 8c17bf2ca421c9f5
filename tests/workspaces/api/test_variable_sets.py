"""Variable sets over the REST API."""

from collections.abc import Callable
from typing import Any

import pytest
from pytest_django import DjangoAssertNumQueries
from rest_framework.test import APIClient

from iacplatform.accounts.models import User
from tests.factories import (
    OrganizationFactory,
    ProjectFactory,
    SetVariableFactory,
    UserFactory,
    VariableFactory,
    VariableSetFactory,
    WorkspaceFactory,
)
from workspaces.models import SetVariable, VariableSet, Workspace
from workspaces.services.variable_sets import assign_workspaces

SETS = "/api/v1/variable-sets"
SECRET = "hunter2 hunter2"


@pytest.fixture
def shared(db: None) -> VariableSet:
    """A set of the member's organization."""
    return VariableSetFactory.create(name="network")


@pytest.fixture
def url(shared: VariableSet) -> str:
    """Its address."""
    return f"{SETS}/{shared.variable_set_id}"


# --- Sets


def test_a_set_is_created_read_changed_and_deleted(api: APIClient) -> None:
    created = api.post(SETS, {"name": "network", "scope": "organization", "priority": True})
    assert created.status_code == 201
    body = created.json()
    assert body["variable_set_id"].startswith("varset-")
    assert (body["organization"], body["created_by"]) == ("default", "ada")
    assert (body["scope"], body["priority"], body["order"]) == ("organization", True, 0)
    address = f"{SETS}/{body['variable_set_id']}"
    assert api.get(address).json() == body
    changed = api.patch(address, {"name": "networks", "order": 7, "scope": "projects"})
    assert changed.status_code == 200
    assert changed.json() == api.get(address).json()
    assert (changed.json()["name"], changed.json()["order"]) == ("networks", 7)
    assert api.put(address, {"name": "net"}).json()["order"] == 7
    assert api.delete(address).status_code == 204
    assert api.get(address).status_code == 404
    assert api.get(SETS).json()["total"] == 0


def test_the_name_of_a_deleted_set_is_free_again(api: APIClient, url: str) -> None:
    assert api.post(SETS, {"name": "network"}).status_code == 409
    api.delete(url)
    assert api.post(SETS, {"name": "network"}).status_code == 201


def test_a_name_that_is_taken_answers_409_naming_the_field(api: APIClient, url: str) -> None:
    other = VariableSetFactory.create(organization=OrganizationFactory.create(name="other"))
    assert api.patch(url, {"name": other.name}).status_code == 200
    assert api.post(SETS, {"name": "tags"}).status_code == 201
    answer = api.patch(url, {"name": "tags"})
    assert answer.status_code == 409
    assert list(answer.json()["fields"]) == ["name"]


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({}, "name"),
        ({"name": ""}, "name"),
        ({"name": "x" * 101}, "name"),
        ({"name": "a", "scope": "planet"}, "scope"),
        ({"name": "a", "order": -1}, "order"),
        ({"name": "a", "order": 2**31}, "order"),
        ({"name": "a", "priority": "perhaps"}, "priority"),
        ({"name": "a", "organization": "unknown"}, "organization"),
    ],
)
def test_bad_input_names_the_field(api: APIClient, given: dict[str, Any], field: str) -> None:
    answer = api.post(SETS, given)
    assert answer.status_code == 400
    assert list(answer.json()["fields"]) == [field]


def test_the_list_is_narrowed(api: APIClient, shared: VariableSet) -> None:
    VariableSetFactory.create(name="tags", scope="projects", priority=True)
    for query, names in {
        "": ["network", "tags"],
        "search=NET": ["network"],
        "scope=projects": ["tags"],
        "priority=true": ["tags"],
        "priority=false": ["network"],
        "organization=other": [],
    }.items():
        items = api.get(f"{SETS}?{query}").json()["items"]
        assert [item["name"] for item in items] == names, query
    assert api.get(f"{SETS}?scope=planet").status_code == 400


def test_the_sets_of_another_organization_are_not_found(
    client_of: Callable[[User], APIClient], shared: VariableSet, url: str
) -> None:
    variable = SetVariableFactory.create(variable_set=shared)
    other = OrganizationFactory.create(name="other")
    stranger = client_of(UserFactory.create(organizations=[other]))
    one = f"{url}/variables/{variable.variable_id}"
    answers = [
        stranger.get(url),
        stranger.patch(url, {"name": "mine"}),
        stranger.delete(url),
        stranger.get(f"{url}/workspaces"),
        stranger.put(f"{url}/projects", {"project_ids": []}),
        stranger.get(f"{url}/variables"),
        stranger.post(f"{url}/variables", {"key": "a", "value": "b"}),
        stranger.get(one),
        stranger.put(one, {"version": 1, "value": "b"}),
        stranger.delete(one),
        stranger.get(f"{one}/versions"),
        stranger.get(f"{one}/versions/1"),
    ]
    assert [answer.status_code for answer in answers] == [404] * len(answers)
    assert stranger.get(SETS).json()["total"] == 0
    assert APIClient().get(url).status_code == 401


# --- Where a set applies


def test_a_set_is_assigned_to_projects(api: APIClient, url: str, shared: VariableSet) -> None:
    project = ProjectFactory.create()
    given = {"project_ids": [project.project_id]}
    assert api.put(f"{url}/projects", given).json() == given
    assert api.get(f"{url}/projects").json() == given
    assert list(shared.projects.all()) == [project]
    assert api.put(f"{url}/projects", {"project_ids": []}).json() == {"project_ids": []}


def test_a_set_is_assigned_to_workspaces(api: APIClient, url: str, workspace: Workspace) -> None:
    given = {"workspace_ids": [workspace.workspace_id]}
    assert api.put(f"{url}/workspaces", given).json() == given
    assert api.get(f"{url}/workspaces").json() == given


def test_only_what_the_organization_has_can_be_assigned(
    api: APIClient, url: str, shared: VariableSet, member: User
) -> None:
    other = OrganizationFactory.create(name="other")
    other.members.add(member)
    workspace = WorkspaceFactory.create(organization=other)
    project = ProjectFactory.create(organization=other)
    for part, field, known in (
        ("projects", "project_ids", project.project_id),
        ("workspaces", "workspace_ids", workspace.workspace_id),
    ):
        wrongs: list[Any] = [[known], ["ws-unknown"], "text", [[]], None]
        for wrong in wrongs:
            answer = api.put(f"{url}/{part}", {field: wrong})
            assert answer.status_code == 400, wrong
            assert {key.split(".")[0] for key in answer.json()["fields"]} == {field}
        assert list(api.put(f"{url}/{part}", {}).json()["fields"]) == [field]
    assert not shared.projects.exists()
    assert not shared.workspaces.exists()


def test_an_assigned_workspace_that_the_caller_does_not_see_stays(
    shared: VariableSet, workspace: Workspace
) -> None:
    """Else who changes the list would take away what is not shown to them."""
    shared.workspaces.add(workspace)
    stranger = UserFactory.create(organizations=[OrganizationFactory.create(name="other")])

    assign_workspaces(shared, [], user=stranger)

    assert list(shared.workspaces.all()) == [workspace]


# --- Variables of a set


def test_a_variable_of_a_set_has_versions(api: APIClient, url: str) -> None:
    created = api.post(f"{url}/variables", {"key": "region", "value": "eu"})
    assert created.status_code == 201
    one = f"{url}/variables/{created.json()['variable_id']}"
    changed = api.put(one, {"version": 1, "value": "us"})
    assert (changed.json()["version"], changed.json()["value"]) == (2, "us")
    stale = api.put(one, {"version": 1, "value": "asia"})
    assert (stale.status_code, stale.json()["code"]) == (409, "version_conflict")
    assert stale.json()["current_version"] == 2
    versions = api.get(f"{one}/versions").json()["items"]
    assert [(each["version"], each["value"]) for each in versions] == [(2, "us"), (1, "eu")]
    assert api.get(f"{one}/versions/1").json()["value"] == "eu"
    assert api.get(one).json() == changed.json()


def test_a_deleted_variable_of_a_set_stays_away(api: APIClient, url: str) -> None:
    """F18"""
    variable_id = api.post(f"{url}/variables", {"key": "a", "value": "b"}).json()["variable_id"]
    one = f"{url}/variables/{variable_id}"
    api.put(one, {"version": 1, "value": "c"})
    assert api.delete(one).status_code == 204
    assert api.get(f"{url}/variables").json()["total"] == 0
    again = [api.get(one), api.delete(one), api.put(one, {"version": 2, "value": "d"})]
    assert [answer.status_code for answer in again] == [404, 404, 404]
    assert api.post(f"{url}/variables", {"key": "a", "value": "b"}).status_code == 201
    assert SetVariable.objects.filter(variable_id=variable_id).count() == 2


def test_a_sensitive_value_of_a_set_is_in_no_answer(
    api: APIClient, url: str, base: str, shared: VariableSet
) -> None:
    """F27: neither with the set nor with the workspaces that have it."""
    created = api.post(f"{url}/variables", {"key": "key", "value": SECRET, "sensitive": True})
    one = f"{url}/variables/{created.json()['variable_id']}"
    answers = [
        created,
        api.get(one),
        api.get(f"{url}/variables"),
        api.put(one, {"version": 1, "description": "changed"}),
        api.get(f"{one}/versions"),
        api.get(f"{one}/versions/1"),
        api.get(f"{base}/effective-variables"),
    ]
    for answer in answers:
        assert answer.status_code in {200, 201}
        assert SECRET.encode() not in answer.content
    assert shared.variables.current().get().value == SECRET


def test_a_sensitive_variable_of_a_set_stays_sensitive(
    api: APIClient, url: str, shared: VariableSet
) -> None:
    """L4"""
    variable = SetVariableFactory.create(variable_set=shared, secret=True)
    answer = api.put(f"{url}/variables/{variable.variable_id}", {"version": 1, "sensitive": False})
    assert answer.status_code == 400
    assert list(answer.json()["fields"]) == ["sensitive"]


def test_what_becomes_sensitive_hides_what_it_was(
    api: APIClient, url: str, shared: VariableSet
) -> None:
    variable = SetVariableFactory.create(variable_set=shared, value=SECRET)
    one = f"{url}/variables/{variable.variable_id}"
    api.put(one, {"version": 1, "sensitive": True})
    assert SECRET.encode() not in api.get(f"{one}/versions").content


def test_a_key_of_a_set_is_taken_in_that_set_only(
    api: APIClient, url: str, shared: VariableSet
) -> None:
    SetVariableFactory.create(variable_set=shared, key="region")
    answer = api.post(f"{url}/variables", {"key": "region", "value": "x"})
    assert answer.status_code == 409
    assert answer.json()["fields"] == {"key": ["another variable of the set has this key"]}
    other = VariableSetFactory.create()
    elsewhere = f"{SETS}/{other.variable_set_id}/variables"
    assert api.post(elsewhere, {"key": "region", "value": "x"}).status_code == 201


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"key": "a b", "value": "x"}, "key"),
        ({"key": "LD_PRELOAD", "value": "x", "variable_type": "environment"}, "key"),
        ({"key": "a", "value": "{", "value_format": "hcl"}, "value"),
        ({"key": "a"}, "value"),
    ],
)
def test_a_variable_of_a_set_is_checked_like_any_other(
    api: APIClient, url: str, given: dict[str, Any], field: str
) -> None:
    answer = api.post(f"{url}/variables", given)
    assert answer.status_code == 400
    assert list(answer.json()["fields"]) == [field]


def test_a_set_is_changed_while_a_workspace_is_locked(
    api: APIClient, url: str, base: str, shared: VariableSet
) -> None:
    """What runs is protected by its snapshot, not by the lock of one of many workspaces."""
    variable = SetVariableFactory.create(variable_set=shared)
    api.post(f"{base}/lock", {"reason": "Apply under way"})
    answer = api.put(f"{url}/variables/{variable.variable_id}", {"version": 1, "value": "x"})
    assert answer.status_code == 200


def test_a_variable_of_another_set_is_not_found(api: APIClient, url: str) -> None:
    """F3: looked up through its set."""
    foreign = SetVariableFactory.create()
    one = f"{url}/variables/{foreign.variable_id}"
    for answer in (api.get(one), api.delete(one), api.get(f"{one}/versions")):
        assert answer.status_code == 404


def test_the_list_of_variables_is_narrowed_by_type_and_key(
    api: APIClient, url: str, shared: VariableSet
) -> None:
    SetVariableFactory.create(variable_set=shared, key="colour")
    SetVariableFactory.create(variable_set=shared, environment=True)
    for query, total in {"": 2, "type=terraform": 1, "search=col": 1}.items():
        assert api.get(f"{url}/variables?{query}").json()["total"] == total


# --- What counts in a workspace


def test_a_workspace_shows_what_counts_where_it_comes_from_and_what_it_overrides(
    api: APIClient, base: str, shared: VariableSet, workspace: Workspace
) -> None:
    own = VariableFactory.create(workspace=workspace, key="region", value="eu")
    lost = SetVariableFactory.create(variable_set=shared, key="region", value="us")
    SetVariableFactory.create(variable_set=shared, key="zone", value="z1")

    first, second = api.get(f"{base}/effective-variables").json()["items"]

    assert (first["key"], first["value"]) == ("region", "eu")
    assert (first["source"]["source"], first["source"]["variable_id"]) == (
        "workspace",
        own.variable_id,
    )
    assert first["overrides"] == [
        {
            "source": "variable_set",
            "variable_set_id": shared.variable_set_id,
            "variable_set_name": "network",
            "scope": "organization",
            "priority": False,
            "variable_id": lost.variable_id,
            "version": 1,
        }
    ]
    assert (second["key"], second["value"], second["overrides"]) == ("zone", "z1", [])
    assert second["source"]["variable_set_name"] == "network"


def test_every_list_of_sets_takes_a_fixed_number_of_queries(
    api: APIClient,
    base: str,
    url: str,
    shared: VariableSet,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    first = SetVariableFactory.create(variable_set=shared)
    for number in range(12):
        person = UserFactory.create()
        SetVariableFactory.create(variable_set=shared, created_by=person)
        SetVariableFactory.create(
            variable_set=shared,
            variable_id=first.variable_id,
            version=number + 2,
            is_current=False,
            created_by=person,
        )
        SetVariableFactory.create(variable_set=VariableSetFactory.create(created_by=person))
    versions = f"{url}/variables/{first.variable_id}/versions"
    for address in (SETS, f"{url}/variables", versions, f"{base}/effective-variables"):
        with django_assert_max_num_queries(9):
            assert api.get(f"{address}?page_size=100").json()["total"] >= 13
