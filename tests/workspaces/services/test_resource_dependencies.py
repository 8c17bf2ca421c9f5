"""Which resources need which, and who may not go while others need it."""

from itertools import pairwise

import pytest

from iacplatform.common.errors import InvalidInput
from tests.factories import ResourceFactory, UserFactory, WorkspaceFactory
from workspaces.models import WorkspaceResource
from workspaces.services.resource_dependencies import (
    dependencies_of,
    dependents_of,
    set_dependencies,
)

pytestmark = pytest.mark.django_db


def chain(length: int) -> list[WorkspaceResource]:
    """Resources of which each explicitly depends on the next."""
    workspace, user = WorkspaceFactory.create(), UserFactory.create()
    resources = ResourceFactory.create_batch(length, workspace=workspace)
    for first, second in pairwise(resources):
        set_dependencies(first, user=user, depends_on=[second.pk])
    return resources


def test_a_long_way_back_is_a_cycle_too() -> None:
    resources = chain(5)
    with pytest.raises(InvalidInput, match="cycle"):
        set_dependencies(resources[-1], user=UserFactory.create(), depends_on=[resources[0].pk])


def test_dependencies_that_stay_keep_who_said_them() -> None:
    first, second, third = chain(3)
    other = UserFactory.create()
    before = first.dependencies.get()
    set_dependencies(first, user=other, depends_on=[second.pk, third.pk, third.pk])
    assert first.dependencies.count() == 2
    assert first.dependencies.get(depends_on=second) == before
    assert first.dependencies.get(depends_on=third).created_by == other


def test_a_deleted_resource_neither_needs_nor_is_needed() -> None:
    first, second = chain(2)
    WorkspaceResource.objects.filter(pk=first.pk).update(is_active=False)
    assert dependents_of(second) == []
    WorkspaceResource.objects.filter(pk=first.pk).update(is_active=True)
    WorkspaceResource.objects.filter(pk=second.pk).update(is_active=False)
    assert dependencies_of(first) == []


def test_what_is_said_and_referred_to_is_listed_once() -> None:
    first, second = chain(2)
    code = {"locals": {"a": f"${{{second.resource_id}.id}}"}}
    refers = ResourceFactory.create(workspace=first.workspace, tf_code=code)
    assert [each.dependency_type for each in dependencies_of(refers)] == ["implicit"]
    set_dependencies(refers, user=UserFactory.create(), depends_on=[second.pk])
    assert [each.dependency_type for each in dependencies_of(refers)] == ["explicit"]
    assert [each.resource for each in dependents_of(second)] == [first, refers]


def test_names_that_only_look_alike_are_no_dependency() -> None:
    workspace = WorkspaceFactory.create()
    code = {"locals": {"a": "${null_resource.each_other.id}", "b": "null_resource.each"}}
    refers = ResourceFactory.create(workspace=workspace, resource_name="x", tf_code=code)
    ResourceFactory.create(workspace=workspace, resource_name="each")
    ResourceFactory.create(resource_name="each_other")
    assert dependencies_of(refers) == []


def test_many_names_are_found_as_few_are() -> None:
    workspace = WorkspaceFactory.create()
    needed = ResourceFactory.create_batch(30, workspace=workspace)
    code = {"locals": {"a": [f"${{{each.resource_id}.id}}" for each in needed]}}
    refers = ResourceFactory.create(workspace=workspace, tf_code=code)
    assert {each.resource.pk for each in dependencies_of(refers)} == {each.pk for each in needed}
