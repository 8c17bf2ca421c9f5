"""Bringing the index of a workspace up to its newest state."""

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.db.models.functions import Now
from pytest_django import Settings

from iacplatform.common.encryption import DecryptionError
from iacplatform.terraform.exceptions import StateError
from tests.factories import StateVersionFactory, VariableFactory, WorkspaceFactory
from tests.workspaces.cmdb.states import addresses, attr, instance, resource, save, synced
from workspaces.cmdb.models import (
    ModuleHierarchy,
    ResourceIndex,
    SyncStatus,
    SyncTrigger,
    WorkspaceSync,
)
from workspaces.cmdb.services import syncing
from workspaces.cmdb.services.syncing import SyncBusy, release_stale, sync_workspace, take_claim
from workspaces.models import StateVersion, Workspace

AUTO, MANUAL = SyncTrigger.AUTO, SyncTrigger.MANUAL
pytestmark = pytest.mark.django_db


@pytest.fixture
def workspace() -> Workspace:
    return WorkspaceFactory.create(name="shop")


def sync_of(workspace: Workspace) -> WorkspaceSync:
    return WorkspaceSync.objects.get(workspace=workspace)


def contents() -> list[dict[str, Any]]:
    return [dict(row) for row in ResourceIndex.objects.order_by("pk").values()]


def expire(workspace: Workspace) -> None:
    WorkspaceSync.objects.filter(workspace=workspace).update(
        lease_expires_at=Now() - timedelta(seconds=1)
    )


def test_after_a_sync_the_index_shows_the_state_and_the_row_is_idle(workspace: Workspace) -> None:
    """H6: idle right after a normal sync."""
    version = save(workspace, resource("aws_x.a"), resource("aws_x.b"))

    done = sync_workspace(workspace, AUTO)

    assert done is not None
    assert (done.total, done.added, done.updated, done.deleted) == (2, 2, 0, 0)
    assert addresses(workspace) == ["aws_x.a", "aws_x.b"]
    sync = sync_of(workspace)
    assert (sync.status, sync.token, sync.synced_version) == ("idle", None, version.version)
    assert (sync.resource_count, sync.added_count, sync.last_error) == (2, 2, "")
    assert sync.last_success_at == sync.completed_at is not None


def test_what_changed_is_updated_what_vanished_removed_and_the_rest_untouched(
    workspace: Workspace,
) -> None:
    """F44: vanished resources are removed; ids and the time of creation stay."""
    synced(workspace, resource("aws_x.a"), resource("aws_x.b"), resource("aws_x.c"))
    before = {row["terraform_address"]: row for row in contents()}

    save(
        workspace,
        resource("aws_x.a"),
        resource("aws_x.b", instance(id="other")),
        resource("aws_x.d"),
    )
    done = sync_workspace(workspace, AUTO)

    assert done is not None
    assert (done.total, done.added, done.updated, done.deleted) == (3, 1, 1, 1)
    after = {row["terraform_address"]: row for row in contents()}
    assert set(after) == {"aws_x.a", "aws_x.b", "aws_x.d"}
    assert after["aws_x.a"] == before["aws_x.a"]
    assert after["aws_x.b"]["cloud_resource_id"] == "other"
    assert after["aws_x.b"]["state_version"] == 2
    for name in ("id", "created_at"):
        assert after["aws_x.b"][name] == before["aws_x.b"][name]


@pytest.mark.parametrize("trigger", SyncTrigger)
def test_syncing_twice_changes_nothing(workspace: Workspace, trigger: SyncTrigger) -> None:
    synced(workspace, resource("aws_x.a", module="module.m"))
    before = contents(), list(ModuleHierarchy.objects.values())

    sync_workspace(workspace, trigger)

    assert (contents(), list(ModuleHierarchy.objects.values())) == before


def test_an_automatic_sync_of_what_is_shown_already_does_not_begin(workspace: Workspace) -> None:
    synced(workspace, resource("aws_x.a"))
    started = sync_of(workspace).started_at

    assert sync_workspace(workspace, AUTO) is None
    assert sync_of(workspace).started_at == started
    assert sync_workspace(workspace, MANUAL) is not None


def test_a_person_repairs_an_index_that_was_damaged(workspace: Workspace) -> None:
    synced(workspace, resource("aws_x.a"))
    ResourceIndex.objects.all().delete()

    sync_workspace(workspace, MANUAL)

    assert addresses(workspace) == ["aws_x.a"]


def test_a_workspace_without_a_state_has_nothing_to_show(workspace: Workspace) -> None:
    assert sync_workspace(workspace, MANUAL) is None
    assert sync_of(workspace).status == "idle"


def test_other_workspaces_are_left_alone(workspace: Workspace) -> None:
    other = WorkspaceFactory.create()
    synced(other, resource("aws_x.a"))

    synced(workspace, resource("aws_x.a"))
    synced(workspace)

    assert addresses(other) == ["aws_x.a"]
    assert addresses(workspace) == []


def test_a_state_that_cannot_be_read_leaves_the_index_as_it_was(workspace: Workspace) -> None:
    synced(workspace, resource("aws_x.a"))
    StateVersionFactory.create(workspace=workspace, version=2, content=b'{"encrypted_data": "x"}')

    with pytest.raises(StateError):
        sync_workspace(workspace, AUTO)

    sync = sync_of(workspace)
    assert (sync.status, sync.synced_version) == ("idle", 1)
    assert "encrypted by OpenTofu" in sync.last_error
    assert addresses(workspace) == ["aws_x.a"]


def test_nothing_sensitive_is_anywhere_in_the_table(workspace: Workspace) -> None:
    """Sensitive attributes are dropped: marked ones, those of secrets, and values of variables."""
    VariableFactory.create(workspace=workspace, sensitive=True, value="variable-5a1e")
    marked = instance(
        id="db-1",
        code="marked-5a1e",
        nested=[{"deep": {"code": "marked-too-5a1e"}}],
        url="postgres://admin:variable-5a1e@host",
        tags={"Name": "variable-5a1e", "Env": "prod"},
        password="unmarked-5a1e",
    ) | {"sensitive_attributes": [attr("code"), attr("nested", 0, "deep", "code")]}
    secret = instance(id="none", result="password-5a1e")

    synced(workspace, resource("aws_db.a", marked), resource("random_password.b", secret))

    with connection.cursor() as cursor:
        cursor.execute("SELECT row_to_json(r)::text FROM cmdb_resourceindex r")
        table = "".join(row[0] for row in cursor.fetchall())
    assert "db-1" in table
    assert "5a1e" not in table


# --- Claims


def test_of_two_at_once_one_is_told_to_wait(workspace: Workspace, settings: Settings) -> None:
    settings.OUTBOX_LEASE_SECONDS = 60.0
    save(workspace, resource("aws_x.a"))
    take_claim(workspace, AUTO)

    with pytest.raises(SyncBusy) as busy:
        sync_workspace(workspace, AUTO)

    assert 0 < busy.value.seconds <= 60
    assert addresses(workspace) == []


def test_a_claim_whose_lease_is_over_is_taken_over(workspace: Workspace) -> None:
    """H6: `syncing` may be taken over."""
    save(workspace, resource("aws_x.a"))
    take_claim(workspace, AUTO)
    expire(workspace)

    assert sync_workspace(workspace, AUTO) is not None
    assert addresses(workspace) == ["aws_x.a"]


def test_who_was_taken_for_dead_changes_nothing_when_it_comes_back(workspace: Workspace) -> None:
    """An older state never replaces a newer one."""
    old = save(workspace, resource("aws_x.old"))
    late = take_claim(workspace, AUTO)
    expire(workspace)
    synced(workspace, resource("aws_x.new"))
    before = sync_of(workspace)

    assert syncing._sync(late, workspace, old) is None
    syncing._fail(late, "late")

    assert addresses(workspace) == ["aws_x.new"]
    assert sync_of(workspace).__dict__.items() >= {"synced_version": 2, "last_error": ""}.items()
    assert sync_of(workspace).completed_at == before.completed_at


def test_an_older_state_is_refused_even_with_a_claim(workspace: Workspace) -> None:
    old = save(workspace, resource("aws_x.old"))
    synced(workspace, resource("aws_x.new"))
    claim = take_claim(workspace, MANUAL)

    assert syncing._sync(claim, workspace, old) is None
    assert addresses(workspace) == ["aws_x.new"]


def test_the_sweep_sets_idle_what_a_dead_worker_held_and_nothing_else(workspace: Workspace) -> None:
    """H6: nothing stays `syncing` for long."""
    alive = WorkspaceFactory.create()
    take_claim(alive, AUTO)
    take_claim(workspace, AUTO)
    expire(workspace)

    assert release_stale() == 1
    assert sync_of(workspace).status == SyncStatus.IDLE
    assert sync_of(workspace).last_error == "The worker died"
    assert sync_of(alive).status == SyncStatus.SYNCING


def test_a_sync_that_breaks_gives_its_claim_back(workspace: Workspace) -> None:
    synced(workspace, resource("aws_x.a"))
    save(workspace, resource("aws_x.b"))
    with connection.cursor() as cursor:
        cursor.execute("UPDATE workspaces_stateversion SET content = 'damaged' WHERE version = 2")

    with pytest.raises(DecryptionError):
        sync_workspace(workspace, AUTO)

    assert (sync_of(workspace).status, sync_of(workspace).last_error) == ("idle", syncing.BROKE)
    assert addresses(workspace) == ["aws_x.a"]


@pytest.mark.django_db(transaction=True)
def test_many_at_once_leave_one_whole_index(workspace: Workspace) -> None:
    save(workspace, *(resource(f"aws_x.r{number}") for number in range(300)))
    outcomes = at_once(lambda: sync_workspace(workspace, MANUAL), times=6)

    assert any(not isinstance(each, Exception) for each in outcomes)
    assert {type(each) for each in outcomes if isinstance(each, Exception)} <= {SyncBusy}
    assert len(addresses(workspace)) == 300
    assert sync_of(workspace).status == "idle"


@pytest.mark.django_db(transaction=True)
def test_a_workspace_that_is_deleted_meanwhile_is_no_error(workspace: Workspace) -> None:
    version = save(workspace, resource("aws_x.a"))
    claim = take_claim(workspace, AUTO)
    gone = Workspace.objects.get(pk=workspace.pk)
    StateVersion.objects.all().delete()
    gone.delete()

    assert syncing._sync(claim, workspace, version) is None
    assert not ResourceIndex.objects.exists()


def at_once(act: Callable[[], Any], *, times: int) -> list[Any]:
    """What each of so many threads got, or raised."""
    results: list[Any] = []
    barrier = threading.Barrier(times)

    def run() -> None:
        barrier.wait()
        try:
            results.append(act())
        except Exception as error:  # noqa: BLE001
            results.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run) for _ in range(times)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results
