"""Which variable counts where sets and the workspace have the same key."""

from collections.abc import Callable
from typing import Any

import pytest
from pytest_django import DjangoAssertNumQueries

from tests.domain import a_task, a_workspace
from tests.factories import (
    OrganizationFactory,
    ProjectFactory,
    SetVariableFactory,
    StateVersionFactory,
    UserFactory,
    VariableFactory,
    VariableSetFactory,
    WorkspaceFactory,
    state_content,
)
from workspaces.models import SetVariable, VariableSet, VariableSetScope, Workspace
from workspaces.services.effective_variables import effective_variables
from workspaces.services.secrets import sensitive_values
from workspaces.services.snapshots import snapshot_variables, validate_snapshot
from workspaces.services.variable_sets import (
    delete_set_variable,
    delete_variable_set,
    update_set_variable,
)

pytestmark = pytest.mark.django_db

# Strongest first: whether the set has priority, and its scope; None is the workspace itself.
PRECEDENCE: list[tuple[bool, VariableSetScope] | None] = [
    (True, VariableSetScope.WORKSPACES),
    (True, VariableSetScope.PROJECTS),
    (True, VariableSetScope.ORGANIZATION),
    None,
    (False, VariableSetScope.WORKSPACES),
    (False, VariableSetScope.PROJECTS),
    (False, VariableSetScope.ORGANIZATION),
]


@pytest.fixture
def workspace() -> Workspace:
    """A workspace in a project."""
    return a_workspace(project=ProjectFactory.create(name="payments"))


def a_set(workspace: Workspace, scope: VariableSetScope, **fields: Any) -> VariableSet:
    """A set that applies to the workspace by this scope."""
    made = VariableSetFactory.create(scope=scope, **fields)
    if scope == VariableSetScope.WORKSPACES:
        made.workspaces.add(workspace)
    if scope == VariableSetScope.PROJECTS and workspace.project is not None:
        made.projects.add(workspace.project)
    return made


def put(workspace: Workspace, place: tuple[bool, VariableSetScope] | None, value: str) -> None:
    """Gives the variable ``region`` a value at a place of :data:`PRECEDENCE`."""
    if place is None:
        VariableFactory.create(workspace=workspace, key="region", value=value)
        return
    owner = a_set(workspace, place[1], priority=place[0])
    SetVariableFactory.create(variable_set=owner, key="region", value=value)


def values(workspace: Workspace) -> dict[str, str]:
    """What a task created now would get, by key."""
    found = effective_variables(workspace)
    return {each.variable.key: each.variable.value for each in found}


@pytest.mark.parametrize("backwards", [False, True])
def test_the_order_is_that_of_the_table(workspace: Workspace, backwards: bool) -> None:
    places = list(enumerate(PRECEDENCE))
    for number, place in reversed(places) if backwards else places:
        put(workspace, place, str(number))

    (effective,) = effective_variables(workspace)

    found = [effective.variable, *effective.overrides]
    assert [row.value for row in found] == [str(number) for number in range(len(PRECEDENCE))]


@pytest.mark.parametrize(
    ("winner", "loser"),
    [
        ({"order": 1, "name": "b"}, {"order": 2, "name": "a"}),
        ({"order": 1, "name": "a"}, {"order": 1, "name": "b"}),
    ],
)
@pytest.mark.parametrize("backwards", [False, True])
def test_among_equals_the_order_counts_and_then_the_name(
    workspace: Workspace, winner: dict[str, Any], loser: dict[str, Any], backwards: bool
) -> None:
    sets = [("wins", winner), ("loses", loser)]
    for value, fields in reversed(sets) if backwards else sets:
        owner = VariableSetFactory.create(**fields)
        SetVariableFactory.create(variable_set=owner, key="region", value=value)

    assert values(workspace) == {"region": "wins"}


def test_a_key_may_name_a_terraform_and_an_environment_variable(workspace: Workspace) -> None:
    VariableFactory.create(workspace=workspace, key="region", value="own")
    SetVariableFactory.create(key="region", value="shared", environment=True)

    kinds = {each.variable.variable_type: each for each in effective_variables(workspace)}

    assert {kind: each.variable.value for kind, each in kinds.items()} == {
        "environment": "shared",
        "terraform": "own",
    }
    assert all(not each.overrides for each in kinds.values())


def test_a_set_applies_where_it_was_assigned_and_nowhere_else(workspace: Workspace) -> None:
    for scope in (VariableSetScope.WORKSPACES, VariableSetScope.PROJECTS):
        SetVariableFactory.create(variable_set=a_set(workspace, scope), key=scope.value)
    elsewhere = VariableSetFactory.create(organization=OrganizationFactory.create(name="other"))
    SetVariableFactory.create(variable_set=elsewhere)
    elsewhere.workspaces.add(workspace)

    assert set(values(workspace)) == {"workspaces", "projects"}
    assert values(WorkspaceFactory.create()) == {}
    neighbour = WorkspaceFactory.create(project=workspace.project)
    assert set(values(neighbour)) == {"projects"}


def test_an_assignment_counts_only_where_the_scope_says_so(workspace: Workspace) -> None:
    owner = a_set(workspace, VariableSetScope.WORKSPACES)
    SetVariableFactory.create(variable_set=owner)
    VariableSet.objects.update(scope=VariableSetScope.PROJECTS)

    assert values(workspace) == {}


def test_what_was_deleted_counts_no_more(workspace: Workspace) -> None:
    """F18: neither a variable of a set nor a whole set comes back through its versions."""
    owner = VariableSetFactory.create()
    gone = SetVariableFactory.create(variable_set=owner, key="gone")
    SetVariableFactory.create(variable_set=owner, key="stays")
    delete_set_variable(gone)
    assert set(values(workspace)) == {"stays"}

    delete_variable_set(owner)

    assert values(workspace) == {}
    assert a_task(workspace).snapshot.variables == []
    assert SetVariable.objects.count() == 2


def test_the_queries_do_not_grow_with_the_sets(
    workspace: Workspace, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for _ in range(12):
        SetVariableFactory.create(key="region")
        SetVariableFactory.create()
    with django_assert_max_num_queries(2):
        assert len(effective_variables(workspace, with_values=True)) == 13


# --- Snapshots


def test_a_snapshot_names_the_version_that_counts_and_no_value(workspace: Workspace) -> None:
    variable = SetVariableFactory.create(key="region", value="europe-west")
    put(workspace, (True, VariableSetScope.ORGANIZATION), "priority")
    VariableFactory.create(workspace=workspace, key="size", value="small")

    snapshot = a_task(workspace).snapshot

    assert {row.key: row.value for row in snapshot_variables(snapshot)} == {
        "region": "priority",
        "size": "small",
    }
    assert variable.variable_id not in str(snapshot.variables)
    assert "priority" not in str(snapshot.variables)


def test_a_snapshot_keeps_what_a_set_gave_whatever_becomes_of_it(workspace: Workspace) -> None:
    """S4-1: changed, deleted, taken away, and then its whole set deleted: the old value counts."""
    user = UserFactory.create()
    owner = a_set(workspace, VariableSetScope.WORKSPACES)
    variable = SetVariableFactory.create(variable_set=owner, key="region", value="europe-west")
    task = a_task(workspace)
    changed = update_set_variable(variable, user=user, version=1, value="us")
    happenings: list[Callable[[], None]] = [
        lambda: delete_set_variable(changed),
        owner.workspaces.clear,
        lambda: delete_variable_set(owner),
    ]
    for happens in happenings:
        happens()
        validate_snapshot(task)
        assert [row.value for row in snapshot_variables(task.snapshot)] == ["europe-west"]


# --- Secrets


def test_a_sensitive_value_that_a_task_got_is_masked_for_ever(workspace: Workspace) -> None:
    """The state may hold it long after the set was taken away."""
    owner = a_set(workspace, VariableSetScope.WORKSPACES)
    variable = SetVariableFactory.create(variable_set=owner, secret=True)
    a_task(workspace)
    StateVersionFactory.create(workspace=workspace, content=state_content(url=variable.value))
    other = WorkspaceFactory.create()
    delete_variable_set(owner)

    assert sensitive_values(workspace) == [variable.value]
    assert sensitive_values(other) == []


def test_the_sensitive_values_of_a_set_that_applies_are_masked(workspace: Workspace) -> None:
    variable = SetVariableFactory.create(secret=True)
    assert sensitive_values(workspace) == [variable.value]
