"""What an event writes in the transaction that causes it."""

import time
from typing import Any

import pytest
from django.db import transaction
from pytest_django import DjangoAssertNumQueries

from iacplatform.common.models import OutboxEntry
from notifications.models import NotificationLog
from notifications.subscriber import follow
from tests.domain import a_task, a_user, a_workspace, finish_plan, finish_stage
from tests.factories import TaskFactory
from tests.notifications.factories import (
    AttachmentFactory,
    NotificationFactory,
    happen,
    log_of,
)
from workspaces.models import WorkspaceTask
from workspaces.services.approvals import expire_approvals
from workspaces.services.cancellation import cancel_task
from workspaces.services.queue import start_next
from workspaces.services.tasks import start_apply
from workspaces.task_events import EventName, TaskEvent
from workspaces.task_status import ExecutionMode, TaskType

pytestmark = pytest.mark.django_db


def planned(**workspace: Any) -> WorkspaceTask:
    """A task that waits for approval."""
    task = a_task(a_workspace(**workspace), user=a_user())
    start_next(task.workspace_id)
    task.refresh_from_db()
    finish_plan(task, add=3, change=2, destroy=1, has_changes=True)
    return task


def events(task: WorkspaceTask) -> list[str]:
    return list(
        NotificationLog.objects.filter(task=task).order_by("pk").values_list("event", flat=True)
    )


def payload(task: WorkspaceTask, event: str) -> dict[str, Any]:
    found: dict[str, Any] = NotificationLog.objects.get(task=task, event=event).request_payload
    return found


def test_an_event_writes_a_log_and_an_outbox_entry_for_each_receiver() -> None:
    """H2: what is to be told is committed with the change itself."""
    task = TaskFactory.create()
    config = NotificationFactory.create(everywhere=True, retry_count=5, retry_interval_seconds=7)
    AttachmentFactory.create(workspace=task.workspace, notification__name="ops")
    happen("task_failed", task)

    assert set(NotificationLog.objects.values_list("notification_name", "status")) == {
        (config.name, "pending"),
        ("ops", "pending"),
    }
    log = NotificationLog.objects.get(notification=config)
    entry = OutboxEntry.objects.get(key=log.delivery_key)
    assert (entry.max_attempts, entry.waits) == (6, [7.0])
    assert entry.destination == config.notification_id
    assert str(task.pk) in entry.ordering


def test_without_notifications_an_event_costs_one_query(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    task = TaskFactory.create()
    NotificationFactory.create(everywhere=True, enabled=False)
    event = TaskEvent(EventName.TASK_FAILED, WorkspaceTask.objects.get(pk=task.pk), "k", "ada")
    with django_assert_num_queries(1):
        follow(event)


def test_what_is_rolled_back_is_told_to_nobody() -> None:
    NotificationFactory.create(everywhere=True)
    task = TaskFactory.create()
    with transaction.atomic():
        happen("task_failed", task)
        transaction.set_rollback(True)

    assert not NotificationLog.objects.exists()
    assert not OutboxEntry.objects.exists()


def test_an_event_that_is_announced_twice_is_told_once() -> None:
    NotificationFactory.create(everywhere=True)
    task = happen("drift_detected", key="drift:1")
    happen("drift_detected", task, key="drift:1")

    assert OutboxEntry.objects.count() == 1
    assert log_of(task).event == "drift_detected"


@pytest.mark.parametrize("mode", ExecutionMode.values)
def test_every_execution_mode_tells_the_same(mode: str) -> None:
    """S4-4: events are moves of the task, whoever runs its stages."""
    NotificationFactory.create(everywhere=True)
    task = planned(execution_mode=mode)
    start_apply(task, actor="ada")
    task.refresh_from_db()
    for _ in ("fetching", "init", "restoring_plan"):
        finish_stage(task)
    finish_stage(task, result="failed", message="no such region")

    assert events(task) == [
        "task_created",
        "task_planning",
        "approval_required",
        "task_applying",
        "task_failed",
    ]


def test_a_payload_is_what_the_task_was_when_it_happened() -> None:
    """Reference §6.2; the task goes on before anything is delivered."""
    NotificationFactory.create(everywhere=True)
    task = planned(name="shop")
    created, asked = payload(task, "task_created"), payload(task, "approval_required")

    assert created["task"]["status"] == "pending"
    assert "changes" not in created
    assert asked["event"] == "approval_required"
    assert asked["task"] == {
        "id": task.pk,
        "type": "plan_and_apply",
        "status": "apply_pending",
        "description": "",
        "created_by": "ada",
        "created_at": task.created_at.isoformat(),
        "completed_at": None,
        "app_url": f"https://iac.example.com/workspaces/{task.workspace.workspace_id}/tasks/{task.pk}",
    }
    assert asked["workspace"] == {
        "id": task.workspace.workspace_id,
        "name": "shop",
        "terraform_version": "1.9.5",
        "app_url": f"https://iac.example.com/workspaces/{task.workspace.workspace_id}",
    }
    assert asked["changes"] == {"add": 3, "change": 2, "destroy": 1}
    assert asked["organization"] == "default"
    assert asked["timestamp"].endswith("+00:00")


def test_a_failure_says_why_and_a_cancellation_by_whom() -> None:
    NotificationFactory.create(everywhere=True)
    task = a_task(a_workspace())
    cancel_task(task, user=a_user(), reason="wrong branch")

    told = payload(task, "task_cancelled")
    assert (told["actor"], told["reason"]) == ("ada", "wrong branch")
    assert told["task"]["completed_at"] is not None
    assert told["task"]["created_by"] == "system"


def test_a_time_out_of_an_approval_is_told_with_its_reason() -> None:
    """F40: approval_timeout is really told, beside the cancellation it causes."""
    NotificationFactory.create(everywhere=True)
    task = planned(approval_timeout_seconds=0)
    expire_approvals()

    assert events(task)[-2:] == ["task_cancelled", "approval_timeout"]
    assert "nobody confirmed the plan" in payload(task, "approval_timeout")["reason"]


def test_drift_is_told_with_its_details() -> None:
    """F40: drift_detected is really told."""
    NotificationFactory.create(everywhere=True)
    task = TaskFactory.create(background=True)
    happen("drift_detected", task, reason="2 resources", details={"drift_count": 2})

    told = log_of(task).request_payload
    assert (told["details"], told["reason"]) == ({"drift_count": 2}, "2 resources")
    assert told["task"]["type"] == "drift_check"


@pytest.mark.parametrize("task_type", [TaskType.PLAN_ONLY, TaskType.DRIFT_CHECK])
def test_a_plan_is_told_of_as_planned(task_type: TaskType) -> None:
    NotificationFactory.create(everywhere=True)
    task = a_task(a_workspace(), task_type)
    start_next(task.workspace_id)
    task.refresh_from_db()
    finish_plan(task, add=1, has_changes=True)

    assert events(task) == ["task_created", "task_planning", "task_planned"]


def test_a_notification_that_goes_in_the_same_moment_harms_no_task() -> None:
    config = NotificationFactory.create(everywhere=True)
    with transaction.atomic():
        happen("task_failed", TaskFactory.create())
        # As another transaction may that commits first.
        type(config).objects.filter(pk=config.pk)._raw_delete("default")

    found = NotificationLog.objects.select_related("notification").get()
    assert found.notification is None


def test_log_ids_are_all_different() -> None:
    """F39: random, so that 500 of one moment do not collide; M3: and no task waits for them long."""
    NotificationFactory.create_batch(500, everywhere=True)
    task = TaskFactory.create()
    started = time.monotonic()
    happen("task_failed", task)
    seconds = time.monotonic() - started

    assert len(set(NotificationLog.objects.values_list("log_id", flat=True))) == 500
    assert OutboxEntry.objects.count() == 500
    assert seconds < 5, seconds
