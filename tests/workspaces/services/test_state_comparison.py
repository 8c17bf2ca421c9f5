"""Comparing two versions of a workspace's state without showing a secret."""

import json
from typing import Any

import pytest

from iacplatform.common.errors import NotFound
from tests.factories import StateVersionFactory, VariableFactory, WorkspaceFactory, state_content
from workspaces.models import Workspace
from workspaces.services.state_comparison import compare_versions

pytestmark = pytest.mark.django_db
PASSWORD = [[{"type": "get_attr", "value": "value"}]]


def save(workspace: Workspace, *resources: dict[str, Any], **outputs: Any) -> None:
    """One more version with these resources and outputs."""
    state = json.loads(state_content(**outputs)) | {"resources": list(resources)}
    StateVersionFactory.create(workspace=workspace, content=json.dumps(state).encode())


def resource(name: str, marks: Any = (), **attributes: Any) -> dict[str, Any]:
    instance = {"attributes": attributes, "sensitive_attributes": list(marks)}
    return {"mode": "managed", "type": "t", "name": name, "instances": [instance]}


def test_versions_are_compared_in_either_direction() -> None:
    workspace = WorkspaceFactory.create()
    save(workspace, resource("a", size=1))
    save(workspace, resource("a", size=2), resource("b"), url="x")

    there, back = compare_versions(workspace, 1, 2), compare_versions(workspace, 2, 1)

    assert (there.resources.added, there.resources.removed) == (["t.b"], [])
    assert (back.resources.added, back.resources.removed) == ([], ["t.b"])
    assert [each.name for each in back.outputs.removed] == ["url"]
    assert compare_versions(workspace, 2, 2).resources.unchanged == 2


def test_a_value_that_equals_a_masked_one_is_masked_wherever_it_is() -> None:
    """F27: marked in one version, or named as secret in one, it is shown of neither."""
    workspace = WorkspaceFactory.create()
    save(workspace, resource("marked", PASSWORD, value="hunter22"), resource("b", a="hunter22"))
    save(
        workspace,
        resource("named", password="swordfish"),
        resource("b", a="swordfish", c="x"),
        url="db://me:hunter22@host",
        copy="swordfish",
        open="in the open",
    )

    text = repr(compare_versions(workspace, 1, 2))

    assert "hunter22" not in text
    assert "swordfish" not in text
    assert "in the open" in text


def test_a_value_that_holds_a_sensitive_variable_is_masked() -> None:
    """F27: an archive may forget that a variable is sensitive."""
    workspace = WorkspaceFactory.create()
    VariableFactory.create(workspace=workspace, sensitive=True, value="hunter22")
    save(workspace, resource("r", a="x"))
    save(workspace, resource("r", a={"hunter22": 1}, b="hunter22!"), url="hunter22")

    found = compare_versions(workspace, 1, 2)

    assert "hunter22" not in repr(found)
    assert [each.sensitive for each in found.resources.changed[0].attributes] == [True, True]


def test_a_name_that_only_sounds_secret_does_not_hide_all_that_contains_it() -> None:
    workspace = WorkspaceFactory.create()
    save(workspace)
    save(workspace, resource("r", secret_name="shop"), url="https://shop.example.com")

    (output,) = compare_versions(workspace, 1, 2).outputs.added

    assert output.after == "https://shop.example.com"


@pytest.mark.parametrize(
    "odd",
    [
        resource("r", [[{"type": "index", "value": {"value": [1], "type": "x"}}]], a={"b": 1}),
        resource("r", "marks", a=1),
        resource("r", [7, [[]], [{}], [None]], a=1),
        {"mode": "managed", "type": 7, "name": None, "instances": [{"attributes": [1]}]},
        {"mode": "managed", "module": 3, "instances": [{"index_key": {"a": 1}}, {"status": []}]},
        {"mode": [], "instances": None},
    ],
)
def test_a_state_of_unusual_shape_is_compared_too(odd: dict[str, Any]) -> None:
    workspace = WorkspaceFactory.create()
    save(workspace, resource("r", a=2))
    save(workspace, odd)

    compare_versions(workspace, 1, 2)
    compare_versions(workspace, 2, 1)


def test_a_version_of_another_workspace_is_not_there() -> None:
    """F3: versions are counted per workspace."""
    workspace = WorkspaceFactory.create()
    save(workspace)
    save(WorkspaceFactory.create())

    with pytest.raises(NotFound, match="state version 2"):
        compare_versions(workspace, 1, 2)
