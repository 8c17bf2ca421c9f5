"""What the normal path forgot is found again in the rows."""

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
import redis
from django.conf import settings
from django.db import connection
from django.db.models.functions import Now
from pytest_django import DjangoCaptureOnCommitCallbacks, Settings
from structlog.testing import capture_logs

from executor.dispatch import host_queue, shared_queue
from executor.sweep import sweep
from iacplatform.common.locks import try_exclusive
from tests.absent_broker import no_broker
from tests.domain import (
    HOST,
    a_running_task,
    a_task,
    a_workspace,
    claimed,
    finish_plan,
    open_stage,
)
from tests.frozen_redis import frozen, own_redis
from workspaces.models import TaskStage, Workspace, WorkspaceTask
from workspaces.task_status import TaskStatus

QUEUES = [shared_queue("local").name, host_queue("local", HOST).name]


@pytest.fixture
def broker() -> redis.Redis:
    """The broker with empty stage queues."""
    client = redis.Redis.from_url(settings.REDIS_URL)
    client.delete(*QUEUES)
    return client


def hints(broker: redis.Redis) -> list[int]:
    return [broker.llen(queue) for queue in QUEUES]


@pytest.mark.django_db
def test_a_hint_that_was_never_sent_is_sent_to_everybody(broker: redis.Redis) -> None:
    stage = open_stage(a_running_task())
    TaskStage.objects.filter(pk=stage.pk).update(created_at=Now() - timedelta(seconds=3))

    sweep()

    assert hints(broker) == [1, 0]


@pytest.mark.django_db
def test_a_hint_that_was_just_sent_is_not_sent_again(broker: redis.Redis) -> None:
    a_running_task()

    sweep()

    assert hints(broker) == [0, 0]


@pytest.mark.django_db
def test_a_pending_task_that_nobody_poked_is_started(broker: redis.Redis) -> None:
    task = a_task(a_workspace())

    sweep()

    assert WorkspaceTask.objects.get(pk=task.pk).status == TaskStatus.RUNNING


@pytest.mark.django_db(transaction=True)
def test_a_second_sweep_at_the_same_time_does_nothing(broker: redis.Redis) -> None:
    stage = open_stage(a_running_task())
    long_ago = Now() - timedelta(seconds=3)
    TaskStage.objects.filter(pk=stage.pk).update(created_at=long_ago, dispatched_at=long_ago)
    broker.delete(*QUEUES)

    def other_sweep() -> None:
        sweep()
        connection.close()

    with try_exclusive("executor.sweep") as mine, ThreadPoolExecutor(1) as pool:
        assert mine
        pool.submit(other_sweep).result()
    assert hints(broker) == [0, 0]
    sweep()
    assert hints(broker) == [1, 0]


@pytest.mark.django_db
def test_a_hint_is_repeated_less_and_less_often(broker: redis.Redis) -> None:
    """Where all workers are busy, more hints would only make the queue longer."""
    stage = TaskStage.objects.filter(pk=open_stage(a_running_task()).pk)
    stage.update(dispatch_count=3, dispatched_at=Now() - timedelta(seconds=7))
    sweep()
    assert hints(broker) == [0, 0]

    stage.update(dispatched_at=Now() - timedelta(seconds=9))
    sweep()

    assert hints(broker) == [1, 0]


@pytest.mark.django_db
def test_a_stage_whose_time_has_not_come_gets_no_hint(broker: redis.Redis) -> None:
    stage = TaskStage.objects.filter(pk=open_stage(a_running_task()).pk)
    long_ago = Now() - timedelta(minutes=1)
    stage.update(created_at=long_ago, not_before=Now() + timedelta(seconds=9))

    sweep()

    assert hints(broker) == [0, 0]


@pytest.mark.django_db
def test_a_stage_whose_worker_died_is_ready_again_and_dispatched(
    broker: redis.Redis,
    settings: Settings,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    settings.LEASE_SECONDS = 0.0
    task = a_running_task()
    claim = claimed(task)
    TaskStage.objects.filter(pk=claim.stage_id).update(lease_until=Now() - timedelta(seconds=1))

    with django_capture_on_commit_callbacks(execute=True):
        sweep()

    assert open_stage(task).status == "ready"
    assert hints(broker) == [1, 0]


@pytest.mark.django_db
def test_a_plan_that_nobody_approved_in_time_is_cancelled(broker: redis.Redis) -> None:
    task = a_running_task(approval_timeout_seconds=60)
    finish_plan(task, add=1, has_changes=True)
    Workspace.objects.filter(pk=task.workspace_id).update(locked_at=Now() - timedelta(minutes=2))

    sweep()

    assert WorkspaceTask.objects.get(pk=task.pk).status == TaskStatus.CANCELLED


@pytest.mark.django_db
def test_what_fails_for_one_row_does_not_keep_the_others_waiting(
    broker: redis.Redis, settings: Settings
) -> None:
    settings.LEASE_SECONDS = 0.0
    broken, task = a_running_task(), a_running_task(name="other")
    for running, age in ((broken, 2), (task, 1)):
        stage = TaskStage.objects.filter(pk=claimed(running).stage_id)
        stage.update(lease_until=Now() - timedelta(seconds=age))
    unheard_of = {"status": TaskStatus.APPLIED, "cancel_requested_at": Now()}
    WorkspaceTask.objects.filter(pk=broken.pk).update(**unheard_of)

    sweep()

    assert open_stage(broken).status == "running"
    assert open_stage(task).status == "ready"


@pytest.mark.django_db
def test_without_a_broker_only_the_first_hint_is_tried_and_none_is_counted() -> None:
    """Where Redis hangs, each try would cost seconds."""
    stages = [open_stage(a_running_task(name=name)) for name in ("first", "second")]
    rows = TaskStage.objects.filter(pk__in=[stage.pk for stage in stages])
    rows.update(created_at=Now() - timedelta(seconds=3))

    with no_broker(), capture_logs() as logs:
        sweep()

    assert [entry["event"] for entry in logs] == ["dispatch_failed"]
    assert list(rows.values_list("dispatch_count", "dispatched_at")) == [(0, None)] * 2


@pytest.mark.django_db(transaction=True)
def test_a_sweep_ends_soon_while_redis_hangs_however_much_there_is_to_do(
    settings: Settings, tmp_path: Path
) -> None:
    """Each row that is taken over, started or hinted at would be announced."""
    settings.LEASE_SECONDS = 0.0
    with own_redis(tmp_path, settings) as server:
        tasks = [a_running_task(name=f"workspace {number}") for number in range(50)]
        for lost in tasks[:25]:
            claimed(lost)
        TaskStage.objects.filter(task__in=tasks[:25]).update(lease_until=Now() - timedelta(1))
        TaskStage.objects.filter(task__in=tasks[25:]).delete()
        WorkspaceTask.objects.filter(pk__in=[task.pk for task in tasks[25:]]).update(
            status=TaskStatus.PENDING
        )

        with frozen(server):
            started = time.monotonic()
            sweep()
            took = time.monotonic() - started

    assert TaskStage.objects.filter(status="ready").count() == 50
    assert took < 15  # about 3 on an idle machine; a time-out for each row would make it minutes
