"""Asking for syncs, and delivering them."""

import pytest

from executor.core.outcome import ApplyOutput, SavedStateOutput
from iacplatform.common.models import OutboxEntry, OutboxStatus
from iacplatform.common.outbox.delivery import deliver_due
from tests.domain import a_running_task, a_task_ready_to_apply, finish_plan, finish_stage
from tests.factories import OrganizationFactory, StateVersionFactory, UserFactory, WorkspaceFactory
from tests.workspaces.cmdb.states import addresses, resource, save, synced
from workspaces.cmdb.models import SyncTrigger, WorkspaceSync
from workspaces.cmdb.services.sync_requests import request_all, request_sync, sweep_states
from workspaces.cmdb.services.syncing import take_claim
from workspaces.cmdb.tasks import sweep
from workspaces.models import Workspace
from workspaces.services.state import roll_back
from workspaces.task_status import TaskStatus, TaskType
from workspaces.transitions import transition

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def workspace(db: None) -> Workspace:
    return WorkspaceFactory.create(name="shop")


def entries() -> list[str]:
    rows = OutboxEntry.objects.filter(kind="cmdb.sync").order_by("pk")
    return [key.partition(":")[2] for key in rows.values_list("key", flat=True)]


def test_an_apply_that_ends_asks_once_for_a_sync_of_its_state() -> None:
    """S4-5: CMDB runs exactly once, in the transaction that ends the task."""
    task = a_task_ready_to_apply()
    version = save(task.workspace, resource("aws_x.a"))
    finish_stage(task, output=ApplyOutput(version.content))
    assert entries() == []

    finish_stage(task, output=SavedStateOutput(version=1))

    assert task.status == TaskStatus.APPLIED
    assert entries() == [f"{task.workspace_id}:v1"]
    deliver_due()
    assert addresses(task.workspace) == ["aws_x.a"]


def test_a_failed_apply_is_synced_too() -> None:
    """F44: what it has made is in the state."""
    task = a_task_ready_to_apply()
    save(task.workspace, resource("aws_x.half"))

    transition(task, TaskStatus.FAILED)
    deliver_due()

    assert addresses(task.workspace) == ["aws_x.half"]


@pytest.mark.parametrize("task_type", [TaskType.PLAN_ONLY, TaskType.DRIFT_CHECK])
def test_tasks_that_apply_nothing_ask_for_nothing(task_type: TaskType) -> None:
    task = a_running_task(task_type)
    save(task.workspace, resource("aws_x.a"))

    finish_plan(task, has_changes=True)

    assert task.is_final
    assert entries() == []


def test_an_apply_that_has_left_no_state_asks_for_nothing() -> None:
    task = a_task_ready_to_apply()

    transition(task, TaskStatus.FAILED)

    assert entries() == []


def test_the_sweep_notices_a_state_that_no_task_told_of(workspace: Workspace) -> None:
    """After an upload, or a rollback."""
    synced(workspace, resource("aws_x.old"))
    synced(workspace, resource("aws_x.new"))
    roll_back(workspace, version=1, user=UserFactory.create())

    sweep()
    deliver_due()

    assert addresses(workspace) == ["aws_x.old"]
    assert sweep_states() == 0


def test_the_sweep_asks_once_for_each_state(workspace: Workspace) -> None:
    save(workspace, resource("aws_x.a"))
    WorkspaceFactory.create()

    assert [sweep_states(), sweep_states()] == [1, 0]
    assert entries() == [f"{workspace.pk}:v1"]


def test_a_state_that_cannot_be_read_is_asked_for_once_and_is_dead(workspace: Workspace) -> None:
    StateVersionFactory.create(workspace=workspace, content=b"no state", checksum="x")

    sweep_states()
    deliver_due()

    entry = OutboxEntry.objects.get()
    assert entry.status == OutboxStatus.DEAD
    assert "not JSON" in entry.last_error
    assert sweep_states() == 0


def test_a_person_may_ask_as_often_as_they_like_and_one_that_waits_is_enough(
    workspace: Workspace,
) -> None:
    synced(workspace, resource("aws_x.a"))

    request_sync(workspace)
    request_sync(workspace)
    assert len(entries()) == 1
    deliver_due()
    request_sync(workspace)

    assert len(entries()) == 2
    assert WorkspaceSync.objects.get().triggered_by == SyncTrigger.MANUAL


def test_a_sync_that_waits_for_a_new_state_does_not_stand_for_a_person(
    workspace: Workspace,
) -> None:
    synced(workspace, resource("aws_x.a"))
    save(workspace, resource("aws_x.a"))
    sweep_states()

    request_sync(workspace)

    assert len(entries()) == 2


def test_all_are_those_with_a_state_that_the_administrator_sees(workspace: Workspace) -> None:
    elsewhere = WorkspaceFactory.create(organization=OrganizationFactory.create(name="elsewhere"))
    for each in (workspace, elsewhere):
        save(each, resource("aws_x.a"))
    WorkspaceFactory.create()

    assert request_all(UserFactory.create(staff=True)) == 1
    deliver_due()

    assert addresses(workspace) == ["aws_x.a"]
    assert addresses(elsewhere) == []
    assert WorkspaceSync.objects.get().triggered_by == SyncTrigger.REBUILD


def test_while_another_sync_is_under_way_the_entry_comes_again(workspace: Workspace) -> None:
    save(workspace, resource("aws_x.a"))
    take_claim(workspace, SyncTrigger.AUTO)
    sweep_states()

    deliver_due()

    entry = OutboxEntry.objects.get()
    assert entry.status == OutboxStatus.PENDING
    assert entry.last_error == "Another sync of the workspace is under way"


def test_the_sync_of_a_workspace_that_was_deleted_is_done(workspace: Workspace) -> None:
    save(workspace, resource("aws_x.a"))
    sweep_states()
    workspace.state_versions.all().delete()
    workspace.delete()

    deliver_due()

    assert OutboxEntry.objects.get().status == OutboxStatus.DELIVERED
