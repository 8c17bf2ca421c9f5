"""Hints: to the host that worked on the task last if it is there, else to all."""

from datetime import timedelta

import pytest
import redis
from django.conf import settings as django_settings
from django.db.models.functions import Now
from pytest_django import DjangoCaptureOnCommitCallbacks

from executor.dispatch import HOST_QUEUE_SECONDS, dispatch, host_queue, shared_queue
from executor.models import WorkerHost
from tests.absent_broker import no_broker
from tests.domain import HOST, a_running_task, finish_stage, open_stage
from tests.interruptions import an_applying_task, lose_worker
from workspaces.models import TaskStage, WorkspaceTask

pytestmark = pytest.mark.django_db
QUEUES = [shared_queue("local").name, host_queue("local", HOST).name]


@pytest.fixture
def broker() -> redis.Redis:
    """The broker with empty stage queues."""
    client = redis.Redis.from_url(django_settings.REDIS_URL)
    client.delete(*QUEUES)
    return client


def hints(broker: redis.Redis) -> list[int]:
    """How many hints there are for all hosts, and for :data:`HOST`."""
    return [broker.llen(queue) for queue in QUEUES]


def a_host(**fields: object) -> WorkerHost:
    return WorkerHost.objects.create(
        **{"name": HOST, "mode": "local", "last_seen": Now(), "draining": False} | fields
    )


def a_task_of_the_host() -> WorkspaceTask:
    """A task whose first stage has run on :data:`HOST`."""
    task = a_running_task()
    finish_stage(task)
    return task


def test_the_host_of_the_last_stage_gets_the_hint_if_it_takes_work(broker: redis.Redis) -> None:
    task = a_task_of_the_host()
    a_host()

    dispatch(open_stage(task).pk)

    assert hints(broker) == [0, 1]


@pytest.mark.parametrize(
    "host",
    [{"draining": True}, {"last_seen": Now() - timedelta(minutes=1)}],
    ids=["draining", "silent"],
)
def test_a_host_that_takes_no_work_is_passed_over(
    broker: redis.Redis, host: dict[str, object]
) -> None:
    task = a_task_of_the_host()
    a_host(**host)

    dispatch(open_stage(task).pk)

    assert hints(broker) == [1, 0]


def test_a_stage_that_is_no_longer_ready_gets_no_hint(broker: redis.Redis) -> None:
    stage = open_stage(a_running_task())
    TaskStage.objects.filter(pk=stage.pk).update(status="done")

    dispatch(stage.pk)

    assert hints(broker) == [0, 0]


def test_a_stage_that_was_handed_over_goes_to_all(
    broker: redis.Redis, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    task = a_running_task()
    a_host()

    with django_capture_on_commit_callbacks(execute=True):
        finish_stage(task, result="handed_over", message="the worker stops")

    assert hints(broker) == [1, 0]


def a_rescue(broker: redis.Redis) -> TaskStage:
    """A rescue that is reserved for :data:`HOST`."""
    task, _ = an_applying_task()
    lose_worker(task)
    broker.delete(*QUEUES)
    return open_stage(task)


def test_a_rescue_goes_to_the_host_that_applied_even_where_all_were_asked(
    broker: redis.Redis,
) -> None:
    stage = a_rescue(broker)
    a_host()

    dispatch(stage.pk, shared=True)

    assert hints(broker) == [0, 1]


def test_a_rescue_waits_for_its_host_to_come_back(broker: redis.Redis) -> None:
    stage = a_rescue(broker)

    dispatch(stage.pk, shared=True)
    assert hints(broker) == [0, 0]
    assert TaskStage.objects.get(pk=stage.pk).dispatch_count == 0

    TaskStage.objects.filter(pk=stage.pk).update(reserved_until=Now())
    dispatch(stage.pk, shared=True)
    assert hints(broker) == [1, 0]


def test_a_stage_whose_time_has_not_come_gets_no_hint(broker: redis.Redis) -> None:
    stage = open_stage(a_running_task())
    later = Now() + timedelta(seconds=9)
    TaskStage.objects.filter(pk=stage.pk).update(not_before=later)

    dispatch(stage.pk)

    assert hints(broker) == [0, 0]


def test_the_queue_of_a_host_that_is_gone_for_good_expires(broker: redis.Redis) -> None:
    task = a_task_of_the_host()
    a_host()

    dispatch(open_stage(task).pk)

    assert HOST_QUEUE_SECONDS - 60 < broker.ttl(QUEUES[1]) <= HOST_QUEUE_SECONDS


def test_a_hint_that_could_not_be_sent_is_not_counted() -> None:
    stage = open_stage(a_running_task())

    with no_broker():
        assert not dispatch(stage.pk)
    stage.refresh_from_db()
    assert (stage.dispatched_at, stage.dispatch_count) == (None, 0)

    assert dispatch(stage.pk)
    stage.refresh_from_db()
    assert stage.dispatch_count == 1
