"""Outputs and remote data when two people change one at once."""

import pytest

from iacplatform.common.errors import NotFound
from tests.factories import OutputFactory, RemoteDataFactory
from workspaces.models import WorkspaceOutput, WorkspaceRemoteData
from workspaces.services.outputs import (
    delete_output,
    delete_remote_data,
    save_output,
    save_remote_data,
)

pytestmark = pytest.mark.django_db


def test_of_two_changes_of_an_output_both_stay() -> None:
    output = OutputFactory.create()
    read_before = WorkspaceOutput.objects.get(pk=output.pk)
    save_output(output, output_value="red", sensitive=True)
    save_output(read_before, description="The colour")
    output.refresh_from_db()
    assert (output.output_value, output.sensitive) == ("red", True)
    assert output.description == "The colour"


def test_of_two_changes_of_remote_data_both_stay() -> None:
    data = RemoteDataFactory.create()
    read_before = WorkspaceRemoteData.objects.get(pk=data.pk)
    save_remote_data(data, data_name="subnets")
    save_remote_data(read_before, description="Where it lives")
    data.refresh_from_db()
    assert (data.data_name, data.description) == ("subnets", "Where it lives")


def test_what_was_deleted_meanwhile_is_not_found_and_does_not_come_back() -> None:
    output, data = OutputFactory.create(), RemoteDataFactory.create()
    delete_output(WorkspaceOutput.objects.get(pk=output.pk))
    delete_remote_data(WorkspaceRemoteData.objects.get(pk=data.pk))
    with pytest.raises(NotFound):
        save_output(output, description="x")
    with pytest.raises(NotFound):
        save_remote_data(data, description="x")
    assert not WorkspaceOutput.objects.exists()
    assert not WorkspaceRemoteData.objects.exists()
