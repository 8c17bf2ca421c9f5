"""Resources in numbers, and when several people change them at once."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection
from pytest_django import DjangoAssertNumQueries

from tests.factories import ResourceFactory, UserFactory, WorkspaceFactory
from workspaces.models import WorkspaceResource
from workspaces.services.resources import import_resources, update_resource

pytestmark = pytest.mark.django_db


@pytest.mark.django_db(transaction=True)
def test_changes_at_the_same_time_get_versions_of_their_own() -> None:
    resource, user = ResourceFactory.create(), UserFactory.create()

    def change(number: int) -> None:
        own = WorkspaceResource.objects.get(pk=resource.pk)
        update_resource(own, user=user, tf_code={"locals": {"number": number}})
        connection.close()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(change, range(4)))
    resource.refresh_from_db()
    assert sorted(resource.versions.values_list("version", flat=True)) == [1, 2, 3, 4, 5]
    assert resource.current_version is not None
    assert resource.current_version.version == 5


def test_an_import_of_thousands_takes_few_queries(
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    workspace, user = WorkspaceFactory.create(), UserFactory.create()
    code: dict[str, Any] = {
        "resource": {"null_resource": {f"each{number}": {} for number in range(3000)}}
    }
    with django_assert_max_num_queries(15):
        assert import_resources(workspace, user=user, tf_code=code) == 3000
    assert workspace.resources.filter(current_version__version=1).count() == 3000


def test_a_change_without_variables_keeps_them() -> None:
    resource, user = ResourceFactory.create(), UserFactory.create()
    update_resource(resource, user=user, tf_code={"locals": {"a": 1}}, variables={"a": 1})
    update_resource(resource, user=user, tf_code={"locals": {"a": 2}})
    assert resource.current_version is not None
    assert resource.current_version.variables == {"a": 1}
