"""Variables over the REST API."""

from typing import Any

import pytest
from rest_framework.test import APIClient

from tests.factories import VariableFactory, WorkspaceFactory
from workspaces.models import Workspace, WorkspaceVariable

SECRET = "hunter2 hunter2"


@pytest.fixture
def variables(base: str) -> str:
    """The address of the workspace's variables."""
    return f"{base}/variables"


def test_a_variable_is_created_and_read(api: APIClient, variables: str) -> None:
    given = {"key": "region", "value": " eu\n", "description": "Where"}
    created = api.post(variables, given)
    assert created.status_code == 201
    body = created.json()
    assert body["variable_id"].startswith("var-")
    assert (body["version"], body["value"], body["created_by"]) == (1, " eu\n", "ada")
    assert (body["variable_type"], body["value_format"]) == ("terraform", "string")
    assert api.get(f"{variables}/{body['variable_id']}").json() == body


@pytest.mark.parametrize("value", ['say "hi"\n', "${not} a %{template}", "naïve ☃", ""])
def test_a_value_with_quotes_and_newlines_survives(
    api: APIClient, variables: str, value: str
) -> None:
    """F19: the value is a text, whatever is in it."""
    assert api.post(variables, {"key": "text", "value": value}).json()["value"] == value


def test_a_sensitive_value_is_in_no_answer(
    api: APIClient, variables: str, workspace: Workspace
) -> None:
    """F27: neither creating, reading, listing, changing nor the history show it."""
    created = api.post(variables, {"key": "password", "value": SECRET, "sensitive": True})
    url = f"{variables}/{created.json()['variable_id']}"
    answers = [
        created,
        api.get(url),
        api.get(variables),
        api.put(url, {"version": 1, "description": "changed"}),
        api.get(f"{url}/versions"),
        api.get(f"{url}/versions/1"),
    ]
    for answer in answers:
        assert answer.status_code in {200, 201}
        assert SECRET.encode() not in answer.content
    assert created.json()["value"] == ""
    assert workspace.variables.current().get().value == SECRET


def test_what_becomes_sensitive_hides_what_it_was_before(
    api: APIClient, variables: str, workspace: Workspace
) -> None:
    variable = VariableFactory.create(workspace=workspace, value=SECRET)
    url = f"{variables}/{variable.variable_id}"
    assert api.put(url, {"version": 1, "sensitive": True}).status_code == 200
    assert SECRET.encode() not in api.get(f"{url}/versions").content
    assert api.get(f"{url}/versions/1").json()["value"] == ""


@pytest.mark.parametrize("kept", [{}, {"value": ""}])
def test_a_sensitive_variable_keeps_its_value_where_none_is_given(
    api: APIClient, variables: str, workspace: Workspace, kept: dict[str, str]
) -> None:
    variable = VariableFactory.create(workspace=workspace, secret=True)
    api.put(f"{variables}/{variable.variable_id}", {"version": 1, "description": "x", **kept})
    current = workspace.variables.current().get()
    assert (current.version, current.value, current.description) == (2, variable.value, "x")


def test_a_sensitive_variable_stays_sensitive(
    api: APIClient, variables: str, workspace: Workspace
) -> None:
    """L4: else the value could be read after all."""
    variable = VariableFactory.create(workspace=workspace, secret=True)
    url = f"{variables}/{variable.variable_id}"
    answer = api.put(url, {"version": 1, "sensitive": False})
    assert answer.status_code == 400
    assert list(answer.json()["fields"]) == ["sensitive"]


def test_a_change_is_a_new_version_and_the_old_one_stays(
    api: APIClient, variables: str, workspace: Workspace
) -> None:
    variable = VariableFactory.create(workspace=workspace, key="color", value="blue")
    url = f"{variables}/{variable.variable_id}"
    changed = api.put(url, {"version": 1, "key": "colour", "value": "red"}).json()
    assert (changed["version"], changed["key"], changed["value"]) == (2, "colour", "red")
    versions = api.get(f"{url}/versions").json()["items"]
    assert [(each["version"], each["value"]) for each in versions] == [(2, "red"), (1, "blue")]
    assert api.get(f"{url}/versions/1").json()["key"] == "color"


def test_a_change_of_what_somebody_else_changed_answers_409(
    api: APIClient, variables: str, workspace: Workspace
) -> None:
    variable = VariableFactory.create(workspace=workspace)
    url = f"{variables}/{variable.variable_id}"
    api.put(url, {"version": 1, "value": "mine"})
    answer = api.put(url, {"version": 1, "value": "theirs"})
    assert answer.status_code == 409
    assert (answer.json()["code"], answer.json()["current_version"]) == ("version_conflict", 2)
    assert api.get(url).json()["value"] == "mine"


def test_a_change_must_say_what_it_was_made_against(
    api: APIClient, variables: str, workspace: Workspace
) -> None:
    variable = VariableFactory.create(workspace=workspace)
    for version in ({}, {"version": 0}, {"version": 10**20}, {"version": "new"}):
        answer = api.put(f"{variables}/{variable.variable_id}", {"value": "x", **version})
        assert answer.status_code == 400
        assert list(answer.json()["fields"]) == ["version"]


def test_a_deleted_variable_stays_away(
    api: APIClient, variables: str, workspace: Workspace
) -> None:
    """F18: gone from the list with all its versions, and its key is free again."""
    variable = VariableFactory.create(workspace=workspace, key="region")
    url = f"{variables}/{variable.variable_id}"
    api.put(url, {"version": 1, "value": "us"})
    assert api.delete(url).status_code == 204
    assert api.get(variables).json()["total"] == 0
    for address in (url, f"{url}/versions/1"):
        assert api.get(address).status_code == 404
    assert api.delete(url).status_code == 404
    assert api.put(url, {"version": 2, "value": "eu"}).status_code == 404
    again = api.post(variables, {"key": "region", "value": "eu"})
    assert again.status_code == 201
    assert again.json()["variable_id"] != variable.variable_id
    assert WorkspaceVariable.objects.filter(variable_id=variable.variable_id).count() == 2


def test_a_key_that_is_taken_answers_409_naming_the_field(
    api: APIClient, variables: str, workspace: Workspace
) -> None:
    VariableFactory.create(workspace=workspace, key="region")
    other = VariableFactory.create(workspace=workspace, key="zone")
    created = api.post(variables, {"key": "region", "value": ""})
    renamed = api.put(f"{variables}/{other.variable_id}", {"version": 1, "key": "region"})
    for answer in (created, renamed):
        assert answer.status_code == 409
        assert list(answer.json()["fields"]) == ["key"]
    assert api.get(f"{variables}/{other.variable_id}").json()["version"] == 1
    environment = {"key": "region", "value": "", "variable_type": "environment"}
    assert api.post(variables, environment).status_code == 201


@pytest.mark.parametrize(
    "key", ["1st", "a b", "-x", "a.b", "", "source", "count", "x" * 101, "ä/b"]
)
def test_a_key_that_is_no_identifier_is_refused(api: APIClient, variables: str, key: str) -> None:
    answer = api.post(variables, {"key": key, "value": "x"})
    assert answer.status_code == 400
    assert list(answer.json()["fields"]) == ["key"]


@pytest.mark.parametrize(
    "key",
    ["1A", "A-B", "A=B", "LD_PRELOAD", "TF_DATA_DIR", "TF_CLI_ARGS_init", "TF_PLUGIN_CACHE_DIR"],
)
def test_an_environment_variable_cannot_move_what_the_platform_relies_on(
    api: APIClient, variables: str, key: str
) -> None:
    given = {"key": key, "value": "x", "variable_type": "environment"}
    answer = api.post(variables, given)
    assert answer.status_code == 400
    assert list(answer.json()["fields"]) == ["key"]


@pytest.mark.parametrize("key", ["AWS_REGION", "TF_CLI_ARGS", "TF_LOG", "TF_VAR_x", "http_proxy"])
def test_an_environment_variable_may_be_what_a_workspace_needs(
    api: APIClient, variables: str, key: str
) -> None:
    given = {"key": key, "value": "x", "variable_type": "environment"}
    assert api.post(variables, given).status_code == 201


@pytest.mark.parametrize("value", ['{ a = "b" }', "[1, 2]", "true", "12", '"text"'])
def test_an_hcl_value_is_one_expression(api: APIClient, variables: str, value: str) -> None:
    given = {"key": "map", "value": value, "value_format": "hcl"}
    assert api.post(variables, given).json()["value"] == value


@pytest.mark.parametrize("value", ["{ a = 1", "[1]\nb = 2", '{ a = "${b}" }', "[1, # x\n]"])
def test_an_hcl_value_that_is_more_or_less_is_refused(
    api: APIClient, variables: str, value: str
) -> None:
    answer = api.post(variables, {"key": "map", "value": value, "value_format": "hcl"})
    assert answer.status_code == 400
    assert list(answer.json()["fields"]) == ["value"]


def test_an_environment_variable_is_a_string(api: APIClient, variables: str) -> None:
    given = {"key": "A", "value": "[]", "variable_type": "environment", "value_format": "hcl"}
    answer = api.post(variables, given)
    assert list(answer.json()["fields"]) == ["value_format"]


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"key": "a"}, "value"),
        ({"key": "a", "value": None}, "value"),
        ({"key": "a", "value": {"b": 1}}, "value"),
        ({"key": "a", "value": "x\0y"}, "value"),
        ({"key": "a", "value": "x", "sensitive": "perhaps"}, "sensitive"),
        ({"key": "a", "value": "x", "variable_type": "shell"}, "variable_type"),
    ],
)
def test_bad_input_names_the_field(
    api: APIClient, variables: str, given: dict[str, Any], field: str
) -> None:
    answer = api.post(variables, given)
    assert answer.status_code == 400
    assert list(answer.json()["fields"]) == [field]


def test_nothing_changes_under_a_lock(
    api: APIClient, variables: str, base: str, workspace: Workspace
) -> None:
    variable = VariableFactory.create(workspace=workspace)
    url = f"{variables}/{variable.variable_id}"
    api.post(f"{base}/lock", {"reason": "Apply under way"})
    answers = [
        api.post(variables, {"key": "new", "value": "x"}),
        api.put(url, {"version": 1, "value": "x"}),
        api.delete(url),
    ]
    for answer in answers:
        assert answer.status_code == 423
        assert answer.json()["lock_reason"] == "Apply under way"
    assert api.get(url).json()["value"] == variable.value


def test_a_list_is_narrowed_by_type(api: APIClient, variables: str, workspace: Workspace) -> None:
    VariableFactory.create(workspace=workspace, key="colour")
    VariableFactory.create(workspace=workspace, environment=True)
    for query, total in {
        "": 2,
        "type=all": 2,
        "type=terraform": 1,
        "type=environment": 1,
        "search=col": 1,
    }.items():
        assert api.get(f"{variables}?{query}").json()["total"] == total
    assert api.get(f"{variables}?type=shell").status_code == 400


def test_a_variable_of_another_workspace_is_not_found(api: APIClient, variables: str) -> None:
    """F3: looked up through the workspace, although the caller sees both."""
    foreign = VariableFactory.create(workspace=WorkspaceFactory.create())
    url = f"{variables}/{foreign.variable_id}"
    assert api.get(url).status_code == 404
    assert api.put(url, {"version": 1, "value": "x"}).status_code == 404
    assert api.delete(url).status_code == 404
    assert api.get(f"{url}/versions").status_code == 404
