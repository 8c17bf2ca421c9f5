"""What is encrypted at rest: the columns."""

import pytest
from django.core import serializers
from django.db import connection

from iacplatform.accounts.models import Organization
from tests.domain import a_task, a_workspace
from tests.factories import OutputFactory
from workspaces.models import StateVersion, Workspace, WorkspaceVariable

SECRET = 'päss"word\n${x}'


@pytest.fixture
def workspace(db: None) -> Workspace:
    return Workspace.objects.create(
        organization=Organization.objects.get_or_create(name="default")[0], name="network"
    )


def make_variable(workspace: Workspace) -> WorkspaceVariable:
    return WorkspaceVariable.objects.create(workspace=workspace, key="password", value=SECRET)


def column(table: str, name: str, pk: int) -> bytes:
    """What PostgreSQL holds."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {name} FROM {table} WHERE id = %s", [pk])  # noqa: S608
        return bytes(cursor.fetchone()[0])


def test_a_text_with_quotes_and_newlines_survives_the_database(workspace: Workspace) -> None:
    variable = make_variable(workspace)
    assert WorkspaceVariable.objects.get(pk=variable.pk).value == SECRET
    assert str(WorkspaceVariable.objects.values_list("value", flat=True).get()) == SECRET


def test_the_column_does_not_contain_the_text(workspace: Workspace) -> None:
    variable = make_variable(workspace)
    stored = column("workspaces_workspacevariable", "value", variable.pk)
    assert b"word" not in stored


def test_an_update_seals_the_value_too(workspace: Workspace) -> None:
    variable = make_variable(workspace)
    WorkspaceVariable.objects.filter(pk=variable.pk).update(value="other secret")
    stored = column("workspaces_workspacevariable", "value", variable.pk)
    assert b"other" not in stored
    variable.refresh_from_db()
    assert variable.value == "other secret"


def test_bytes_that_are_no_text_survive_the_database(workspace: Workspace) -> None:
    content = bytes(range(256)) * 100
    state = StateVersion.objects.create(
        workspace=workspace, version=1, content=content, size_bytes=len(content), serial=1
    )
    assert StateVersion.objects.get(pk=state.pk).content == content


@pytest.mark.django_db
def test_the_literal_of_an_output_is_sealed_in_its_row_and_in_snapshots() -> None:
    workspace = a_workspace()
    output = OutputFactory.create(workspace=workspace, output_value=SECRET)
    snapshot = a_task(workspace).snapshot
    snapshot.refresh_from_db()
    output.refresh_from_db()
    assert output.output_value == SECRET
    assert snapshot.outputs is not None
    assert [entry["output_value"] for entry in snapshot.outputs] == [SECRET]
    for table, name, pk in (
        ("workspaces_workspaceoutput", "output_value", output.pk),
        ("workspaces_tasksnapshot", "outputs", snapshot.pk),
    ):
        assert b"word" not in column(table, name, pk)


def test_a_serialized_row_does_not_contain_the_text(workspace: Workspace) -> None:
    variable = make_variable(workspace)
    assert "word" not in serializers.serialize("json", [variable], fields=["value"])


def test_serialized_bytes_do_not_contain_the_content(workspace: Workspace) -> None:
    state = StateVersion(workspace=workspace, version=1, content=b"secret", serial=1)
    assert "c2VjcmV0" not in serializers.serialize("json", [state], fields=["content"])
