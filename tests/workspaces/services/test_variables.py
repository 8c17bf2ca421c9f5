"""Variables when several people change them at once."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection

from iacplatform.accounts.models import User
from iacplatform.common.errors import Conflict, InvalidInput, NotFound
from tests.factories import UserFactory, VariableFactory, WorkspaceFactory
from workspaces.models import Workspace, WorkspaceVariable
from workspaces.services.variables import (
    VersionConflict,
    create_variable,
    delete_variable,
    update_variable,
)

pytestmark = pytest.mark.django_db


def at_once(act: Callable[[int], Any], times: int = 4) -> list[Any]:
    """Does something several times at the same time; what was raised counts as the result."""

    def run(number: int) -> Any:
        try:
            return act(number)
        except Conflict as error:
            return type(error)
        finally:
            connection.close()

    with ThreadPoolExecutor(times) as pool:
        return list(pool.map(run, range(times)))


@pytest.fixture
def user() -> User:
    """Who changes variables."""
    return UserFactory.create()


@pytest.fixture
def workspace() -> Workspace:
    """Whose variables they are."""
    return WorkspaceFactory.create()


@pytest.mark.django_db(transaction=True)
def test_of_several_changes_of_one_version_only_one_is_made(
    workspace: Workspace, user: User
) -> None:
    variable = VariableFactory.create(workspace=workspace)
    results = at_once(
        lambda number: update_variable(variable, user=user, version=1, value=str(number))
    )
    assert results.count(VersionConflict) == 3
    versions = WorkspaceVariable.objects.filter(variable_id=variable.variable_id)
    assert sorted(versions.values_list("version", "is_current")) == [(1, False), (2, True)]


@pytest.mark.django_db(transaction=True)
def test_of_several_new_variables_of_one_key_only_one_is_made(
    workspace: Workspace, user: User
) -> None:
    results = at_once(lambda number: create_variable(workspace, user=user, key="a", value="b"))
    assert results.count(Conflict) == 3
    assert workspace.variables.count() == 1


def test_a_deleted_variable_cannot_be_changed_by_who_still_holds_it(
    workspace: Workspace, user: User
) -> None:
    """F18: it does not come back through its next version."""
    variable = VariableFactory.create(workspace=workspace)
    delete_variable(variable)
    with pytest.raises(NotFound, match="deleted"):
        update_variable(variable, user=user, version=1, value="x")
    assert not workspace.variables.current().exists()


def test_a_key_is_checked_against_the_type_it_will_have(workspace: Workspace, user: User) -> None:
    variable = VariableFactory.create(workspace=workspace, key="with-dash")
    with pytest.raises(InvalidInput) as raised:
        update_variable(variable, user=user, version=1, variable_type="environment")
    assert list(raised.value.fields) == ["key"]


def test_the_value_is_encrypted_in_the_database(workspace: Workspace, user: User) -> None:
    create_variable(workspace, user=user, key="a", value="hunter2 hunter2", sensitive=True)
    with connection.cursor() as cursor:
        cursor.execute("SELECT value FROM workspaces_workspacevariable")
        stored = bytes(cursor.fetchone()[0])
    assert b"hunter2" not in stored
