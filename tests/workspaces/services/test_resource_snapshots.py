"""Snapshots of resources in numbers, and when several people work at once."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection
from pytest_django import DjangoAssertNumQueries

from iacplatform.accounts.models import User
from tests.factories import ResourceFactory, UserFactory, WorkspaceFactory
from workspaces.models import ResourceSnapshot, Workspace, WorkspaceResource
from workspaces.services.resource_snapshots import (
    compare_resource_snapshot,
    restore_resource_snapshot,
    take_resource_snapshot,
)
from workspaces.services.resources import delete_resource, import_resources, update_resource

pytestmark = pytest.mark.django_db


def code_of(names: list[str], value: int) -> dict[str, Any]:
    return {"resource": {"null_resource": {name: {"triggers": {"n": value}} for name in names}}}


def at_once(*deeds: Callable[[], object]) -> None:
    def run(deed: Callable[[], object]) -> None:
        try:
            deed()
        finally:
            connection.close()

    with ThreadPoolExecutor(len(deeds)) as pool:
        list(pool.map(run, deeds))


def snapshot_and_change(workspace: Workspace, user: User) -> ResourceSnapshot:
    """A snapshot from which everything differs by now."""
    changed, deleted = ResourceFactory.create_batch(2, workspace=workspace)
    snapshot = take_resource_snapshot(workspace, user=user, name="before")
    update_resource(changed, user=user, tf_code={"locals": {"a": 1}})
    delete_resource(deleted, user=user)
    ResourceFactory.create(workspace=workspace)
    return snapshot


@pytest.mark.django_db(transaction=True)
def test_of_two_restores_at_once_the_second_finds_nothing_to_do() -> None:
    workspace, user = WorkspaceFactory.create(), UserFactory.create()
    snapshot = snapshot_and_change(workspace, user)
    results = []

    def restore() -> None:
        own = ResourceSnapshot.objects.get(pk=snapshot.pk)
        results.append(restore_resource_snapshot(own, user=user))

    at_once(*[restore] * 3)

    did = [len(each.changed) + len(each.deleted) + len(each.added) for each in results]
    assert sorted(did) == [0, 0, 3]
    versions = [resource.versions.count() for resource in workspace.resources.order_by("pk")]
    assert versions == [3, 3, 2]


@pytest.mark.django_db(transaction=True)
def test_a_snapshot_has_a_change_whole_or_not_at_all() -> None:
    """Each restore changes all ten resources; no snapshot meets one that is half done."""
    workspace, user = WorkspaceFactory.create(), UserFactory.create()
    names = [f"each{n}" for n in range(10)]
    import_resources(workspace, user=user, tf_code=code_of(names, 1))
    first = take_resource_snapshot(workspace, user=user, name="first")
    for resource in workspace.resources.all():
        update_resource(resource, user=user, tf_code=code_of([resource.resource_name], 2))
    second = take_resource_snapshot(workspace, user=user, name="second")

    def restore() -> None:
        for _ in range(5):
            for snapshot in (first, second):
                restore_resource_snapshot(snapshot, user=user)

    def take() -> None:
        for n in range(40):
            take_resource_snapshot(workspace, user=user, name=f"during {n}")

    at_once(restore, take)

    for snapshot in workspace.resource_snapshots.filter(name__startswith="during"):
        difference = compare_resource_snapshot(snapshot)
        assert len(difference.changed) in {0, 10}
        assert (len(difference.deleted), len(difference.added)) == (0, 0)


@pytest.mark.django_db(transaction=True)
def test_a_change_during_a_restore_comes_before_or_after_it() -> None:
    workspace, user = WorkspaceFactory.create(), UserFactory.create()
    resource = ResourceFactory.create(workspace=workspace)
    snapshot = take_resource_snapshot(workspace, user=user, name="before")

    def change() -> None:
        for n in range(10):
            own = WorkspaceResource.objects.get(pk=resource.pk)
            update_resource(own, user=user, tf_code={"locals": {"n": n}})

    def restore() -> None:
        for _ in range(10):
            restore_resource_snapshot(snapshot, user=user)

    at_once(change, restore)

    numbers = list(resource.versions.values_list("version", flat=True))
    assert numbers == list(range(len(numbers), 0, -1))
    resource.refresh_from_db()
    assert resource.current_version is not None
    assert resource.current_version.version == numbers[0]


def test_thousands_of_resources_are_restored_in_few_queries(
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    workspace, user = WorkspaceFactory.create(), UserFactory.create()
    names = [f"each{n}" for n in range(2000)]
    import_resources(workspace, user=user, tf_code=code_of(names, 1))
    snapshot = take_resource_snapshot(workspace, user=user, name="full")
    restore_resource_snapshot(
        ResourceSnapshot.objects.create(workspace=workspace, name="empty"), user=user
    )
    assert not workspace.resources.active().exists()
    with django_assert_max_num_queries(20):
        difference = restore_resource_snapshot(snapshot, user=user)
    assert len(difference.deleted) == 2000
    assert workspace.resources.active().filter(current_version__version=3).count() == 2000
