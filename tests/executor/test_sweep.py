"""What the normal path forgot is found again in the rows."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import redis
from django.conf import settings
from django.db import connection
from django.db.models.functions import Now

from executor.dispatch import dispatch, host_queue, shared_queue
from executor.models import WorkerHost
from executor.sweep import sweep
from iacplatform.common.locks import try_exclusive
from tests.domain import HOST, a_running_task, a_task, a_workspace, finish_stage, open_stage
from workspaces.models import TaskStage, WorkspaceTask
from workspaces.task_status import TaskStatus

QUEUES = [shared_queue("local"), host_queue("local", HOST)]


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
def test_the_host_of_the_last_stage_gets_the_hint_if_it_takes_work(broker: redis.Redis) -> None:
    task = a_running_task()
    finish_stage(task)
    WorkerHost.objects.create(name=HOST, mode="local", last_seen=Now())

    dispatch(open_stage(task).pk)

    assert hints(broker) == [0, 1]


@pytest.mark.django_db
@pytest.mark.parametrize(
    "host",
    [{"draining": True}, {"last_seen": Now() - timedelta(minutes=1)}],
    ids=["draining", "silent"],
)
def test_a_host_that_takes_no_work_is_passed_over(
    broker: redis.Redis, host: dict[str, object]
) -> None:
    task = a_running_task()
    finish_stage(task)
    WorkerHost.objects.create(**{"name": HOST, "mode": "local", "last_seen": Now()} | host)

    dispatch(open_stage(task).pk)

    assert hints(broker) == [1, 0]


@pytest.mark.django_db
def test_a_stage_that_is_no_longer_ready_gets_no_hint(broker: redis.Redis) -> None:
    stage = open_stage(a_running_task())
    TaskStage.objects.filter(pk=stage.pk).update(status="done")

    dispatch(stage.pk)

    assert hints(broker) == [0, 0]
