"""Creating, confirming and talking about tasks; their snapshots."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection

from iacplatform.common.errors import Conflict, InvalidInput, NotFound
from tests.domain import a_task, a_user, a_workspace, finish_plan, open_stage
from tests.factories import RemoteDataFactory
from workspaces.exceptions import SnapshotInvalid
from workspaces.models import (
    EngineVersion,
    ResourceCodeVersion,
    TaskSnapshot,
    Workspace,
    WorkspaceResource,
    WorkspaceTask,
    WorkspaceVariable,
)
from workspaces.services.comments import MAX_COMMENTS, add_comment
from workspaces.services.queue import start_next
from workspaces.services.snapshots import snapshot_code, snapshot_variables
from workspaces.services.tasks import confirm_apply, create_task
from workspaces.task_status import TaskStatus, TaskType


def a_variable(workspace: Workspace, key: str, value: str, **fields: object) -> WorkspaceVariable:
    return WorkspaceVariable.objects.create(workspace=workspace, key=key, value=value, **fields)


def a_resource(workspace: Workspace, name: str) -> WorkspaceResource:
    resource = WorkspaceResource.objects.create(
        workspace=workspace, resource_id=f"null.{name}", resource_type="null", resource_name=name
    )
    resource.current_version = ResourceCodeVersion.objects.create(
        resource=resource, tf_code={"resource": {"null": {name: {}}}}
    )
    resource.save()
    return resource


def a_task_waiting_for_approval() -> WorkspaceTask:
    task = a_task(a_workspace())
    start_next(task.workspace_id)
    task.refresh_from_db()
    finish_plan(task, add=1, has_changes=True)
    return task


@pytest.mark.django_db
@pytest.mark.parametrize("task_type", list(TaskType))
def test_every_task_has_a_snapshot_from_its_creation(task_type: TaskType) -> None:
    """F14: whoever creates it, a person or the platform."""
    workspace = a_workspace()
    a_variable(workspace, "region", "europe-west")
    a_resource(workspace, "one")

    task = create_task(workspace, user=None, task_type=task_type)

    snapshot = TaskSnapshot.objects.get(task=task)
    assert [body["resource"]["null"] for body in snapshot_code(snapshot)] == [{"one": {}}]
    assert [row.value for row in snapshot_variables(snapshot)] == ["europe-west"]
    assert snapshot.variables is not None
    assert "europe-west" not in str(snapshot.variables)


@pytest.mark.django_db
def test_a_snapshot_keeps_the_value_a_variable_had() -> None:
    workspace = a_workspace()
    old = a_variable(workspace, "region", "europe-west")
    task = a_task(workspace)
    WorkspaceVariable.objects.filter(pk=old.pk).update(is_current=False)
    a_variable(workspace, "region", "us", variable_id=old.variable_id, version=2)

    assert [row.value for row in snapshot_variables(task.snapshot)] == ["europe-west"]


@pytest.mark.django_db
def test_a_deleted_variable_is_in_no_new_snapshot() -> None:
    """F18: no resurrection through the largest version."""
    workspace = a_workspace()
    a_variable(workspace, "region", "europe-west", is_deleted=True)

    assert a_task(workspace).snapshot.variables == []


@pytest.mark.django_db
def test_confirming_starts_the_apply_and_says_who() -> None:
    task, ada = a_task_waiting_for_approval(), a_user("ada")

    confirm_apply(task, user=ada, description="looks right")

    assert (task.status, task.apply_confirmed_by) == ("running", "ada")
    assert open_stage(task).phase == "apply"
    comment = task.comments.get()
    assert (comment.action_type, comment.comment) == ("confirm_apply", "looks right")


@pytest.mark.django_db(transaction=True)
def test_of_ten_people_who_confirm_at_once_one_succeeds() -> None:
    """F1, M7: one apply, the others hear that they came too late."""
    task = a_task_waiting_for_approval()
    people = [a_user(f"user{number}") for number in range(10)]

    def attempt(number: int) -> bool:
        try:
            confirm_apply(WorkspaceTask.objects.get(pk=task.pk), user=people[number])
        except Conflict:
            return False
        finally:
            connection.close()
        return True

    with ThreadPoolExecutor(max_workers=10) as pool:
        assert sum(pool.map(attempt, range(10))) == 1
    assert task.stages.filter(phase="apply").count() == 1


@pytest.mark.django_db
def test_a_task_that_does_not_wait_cannot_be_confirmed() -> None:
    task = a_task(a_workspace())

    with pytest.raises(Conflict, match="does not wait for approval"):
        confirm_apply(task, user=a_user())


@pytest.mark.django_db
@pytest.mark.parametrize("missing", ["resource_versions", "variables", "provider_config"])
def test_an_incomplete_snapshot_cannot_be_confirmed(missing: str) -> None:
    task = a_task_waiting_for_approval()
    TaskSnapshot.objects.filter(task=task).update(**{missing: None})
    task = WorkspaceTask.objects.get(pk=task.pk)

    with pytest.raises(SnapshotInvalid, match=missing):
        confirm_apply(task, user=a_user())

    assert WorkspaceTask.objects.get(pk=task.pk).status == TaskStatus.APPLY_PENDING


@pytest.mark.django_db
def test_a_snapshot_whose_variable_is_gone_cannot_be_confirmed() -> None:
    workspace = a_workspace()
    a_variable(workspace, "region", "europe-west")
    task = a_task(workspace)
    start_next(workspace.pk)
    task.refresh_from_db()
    finish_plan(task, add=1, has_changes=True)
    WorkspaceVariable.objects.all().delete()

    with pytest.raises(SnapshotInvalid, match="variable version"):
        confirm_apply(task, user=a_user())


@pytest.mark.django_db
def test_without_an_engine_there_is_no_task_and_the_field_is_named() -> None:
    workspace = a_workspace()
    EngineVersion.objects.all().delete()

    with pytest.raises(InvalidInput) as caught:
        create_task(workspace, user=None, task_type=TaskType.PLAN_ONLY)

    assert "engine_version" in caught.value.fields
    assert not WorkspaceTask.objects.exists()


@pytest.mark.django_db
def test_a_workspace_of_archives_needs_one_before_it_plans() -> None:
    workspace = a_workspace(configuration_source="archive")

    with pytest.raises(InvalidInput, match="no archive"):
        create_task(workspace, user=None, task_type=TaskType.PLAN_ONLY)


@pytest.mark.django_db
def test_a_task_has_twenty_comments_at_most() -> None:
    task, ada = a_task(a_workspace()), a_user()
    for number in range(MAX_COMMENTS):
        add_comment(task, user=ada, comment=f"comment {number}")

    with pytest.raises(InvalidInput, match="at most 20"):
        add_comment(task, user=ada, comment="one too many")


@pytest.mark.django_db
def test_a_workspace_that_was_deleted_meanwhile_gets_no_task() -> None:
    workspace = a_workspace()
    Workspace.objects.all().delete()

    with pytest.raises(NotFound, match="workspace was deleted"):
        create_task(workspace, user=None, task_type=TaskType.PLAN_ONLY)


@pytest.mark.django_db
def test_a_task_whose_remote_data_is_no_longer_shared_cannot_be_confirmed() -> None:
    workspace, source = a_workspace(), a_workspace("network", outputs_sharing="all")
    RemoteDataFactory.create(workspace=workspace, source_workspace=source, data_name="subnets")
    task = a_task(workspace)
    start_next(workspace.pk)
    task.refresh_from_db()
    finish_plan(task, add=1, has_changes=True)
    Workspace.objects.filter(pk=source.pk).update(outputs_sharing="none")

    with pytest.raises(SnapshotInvalid, match="data subnets cannot be read"):
        confirm_apply(task, user=a_user())
