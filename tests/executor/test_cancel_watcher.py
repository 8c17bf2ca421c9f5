"""How a worker process hears of cancellations, with a real Redis and real rows."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
import redis
from django.conf import settings
from django.db import connection
from django.db.models.functions import Now
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from executor.cancel_watcher import WATCH_SECONDS, CancelWatcher
from executor.claims import Claim
from executor.core.cancellation import CancelToken
from executor.core.outcome import StageOutcome
from executor.periodic import Periodic
from executor.pipeline import close_stage
from executor.running import FENCED, RunningStages
from tests.domain import (
    a_running_task,
    a_task_ready_to_apply,
    a_user,
    claimed,
)
from tests.frozen_redis import frozen, own_redis
from workspaces import cancel_signal
from workspaces.models import TaskStage, WorkspaceTask
from workspaces.services.cancellation import cancel_task

LATEST_SECONDS = 1.0


@pytest.fixture
def client() -> Iterator[redis.Redis]:
    with redis.Redis.from_url(settings.REDIS_URL, decode_responses=True) as connected:
        yield connected
        for name in connected.scan_iter(cancel_signal.key(0)[:-1] + "*"):
            connected.delete(name)


@contextmanager
def watching(*claims: Claim) -> Iterator[list[CancelToken]]:
    """Runs these stages and a watcher thread as a worker process does."""
    running = RunningStages()
    watcher = Periodic("watcher", CancelWatcher(running).watch, WATCH_SECONDS)
    with ExitStack() as stages:
        tokens = [stages.enter_context(running.register(claim)) for claim in claims]
        watcher.start()
        stages.callback(watcher.join)
        stages.callback(watcher.stop)
        yield tokens


def seconds_until(condition: Callable[[], object], patience: float = 5.0) -> float:
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < patience
        time.sleep(0.01)
    return time.monotonic() - began


def key_of(client: redis.Redis, claim: Claim) -> object:
    return client.get(cancel_signal.key(claim.task_id))


def ask_to_cancel(task_id: int) -> None:
    """Writes the request on the row alone, as when the canceller died before it wrote the key."""
    WorkspaceTask.objects.filter(pk=task_id).update(cancel_requested_at=Now(), cancel_reason="stop")


@pytest.mark.django_db(transaction=True)
def test_a_cancelled_stage_is_asked_to_stop_within_a_second(client: redis.Redis) -> None:
    """K3: asked in the web server, heard in the worker, with the reason."""
    task = a_running_task()
    claim = claimed(task)
    with watching(claim) as [cancel]:
        seconds_until(lambda: key_of(client, claim) == f"running:host-a:{claim.token}")

        cancel_task(task, user=a_user(), reason="wrong branch")

        assert seconds_until(lambda: cancel.requested) < LATEST_SECONDS
        assert (cancel.reason, cancel.force, cancel.handed_over) == ("wrong branch", False, False)


@pytest.mark.django_db(transaction=True)
def test_force_that_comes_later_sharpens_the_cancellation(client: redis.Redis) -> None:
    task = a_running_task()
    user = a_user()
    with watching(claimed(task)) as [cancel]:
        cancel_task(task, user=user, reason="stop")
        seconds_until(lambda: cancel.requested)
        assert not cancel.force

        cancel_task(task, user=user, reason="stop", force=True)

        assert seconds_until(lambda: cancel.force) < LATEST_SECONDS
        assert cancel.reason == "stop"


@pytest.mark.django_db(transaction=True)
def test_cancelling_one_task_leaves_the_others_of_the_process_alone(client: redis.Redis) -> None:
    """K16."""
    first, second = a_running_task(name="first"), a_running_task(name="second")
    with watching(claimed(first), claimed(second)) as [cancel, other]:
        cancel_task(first, user=a_user())

        seconds_until(lambda: cancel.requested)
        time.sleep(2 * WATCH_SECONDS)
        assert not other.requested


@pytest.mark.django_db(transaction=True)
def test_a_lost_key_cancels_nothing_and_is_claimed_again(client: redis.Redis) -> None:
    """K20: the row says that the stage runs, and the row is the truth."""
    claim = claimed(a_running_task())
    with watching(claim) as [cancel]:
        seconds_until(lambda: key_of(client, claim))

        client.flushdb()

        seconds_until(lambda: key_of(client, claim) == f"running:host-a:{claim.token}")
        assert not cancel.requested


@pytest.mark.django_db(transaction=True)
def test_a_cancellation_whose_key_was_lost_is_found_in_the_row(client: redis.Redis) -> None:
    """K20: Redis was flushed between the cancellation and the next look at the key."""
    claim = claimed(a_running_task())
    with watching(claim) as [cancel]:
        seconds_until(lambda: key_of(client, claim))
        ask_to_cancel(claim.task_id)

        client.flushdb()

        assert seconds_until(lambda: cancel.requested) < LATEST_SECONDS


@pytest.mark.django_db(transaction=True)
def test_a_key_that_only_claims_a_cancellation_stops_nothing(client: redis.Redis) -> None:
    """K8: a marker that another database has left behind does not block a task."""
    claim = claimed(a_running_task())
    cancel_signal.announce(claim.task_id, "of last year")
    with watching(claim) as [cancel]:
        time.sleep(3 * WATCH_SECONDS)
        assert not cancel.requested


@pytest.mark.django_db(transaction=True)
def test_the_claim_goes_with_the_work(client: redis.Redis) -> None:
    claim = claimed(a_running_task())
    running = RunningStages()
    watcher = CancelWatcher(running)
    with running.register(claim):
        watcher.watch()
        assert key_of(client, claim)

    watcher.watch()

    assert key_of(client, claim) is None


@pytest.mark.django_db(transaction=True)
def test_a_cancellation_that_was_obeyed_goes_with_the_work(client: redis.Redis) -> None:
    """Reference §7.6: the marker is gone after the watcher has stopped."""
    task = a_running_task()
    claim = claimed(task)
    running = RunningStages()
    watcher = CancelWatcher(running)
    with running.register(claim):
        cancel_task(task, user=a_user())
        watcher.watch()
        assert key_of(client, claim) == "cancelled:cancelled by ada"

    watcher.watch()

    assert key_of(client, claim) is None


@pytest.mark.django_db(transaction=True)
def test_the_next_stage_takes_the_key_over(client: redis.Redis) -> None:
    task = a_running_task()
    running = RunningStages()
    watcher = CancelWatcher(running)
    first = claimed(task)
    with running.register(first):
        watcher.watch()
    close_stage(first, StageOutcome("done"))
    claim = claimed(task)

    with running.register(claim):
        watcher.watch()

        assert key_of(client, claim) == f"running:host-a:{claim.token}"


@pytest.mark.django_db(transaction=True)
def test_a_claim_is_prolonged_long_before_it_ends(client: redis.Redis) -> None:
    claim = claimed(a_running_task())
    running = RunningStages()
    watcher = CancelWatcher(running)
    with running.register(claim):
        watcher.watch()
        client.expire(cancel_signal.key(claim.task_id), 30)
        watcher.watch()
        assert client.ttl(cancel_signal.key(claim.task_id)) <= 30
        watcher._refresh_at[claim.task_id] = time.monotonic()

        watcher.watch()

        assert client.ttl(cancel_signal.key(claim.task_id)) > 30


@pytest.mark.django_db(transaction=True)
def test_a_stage_that_was_taken_away_sees_it_in_the_key(client: redis.Redis) -> None:
    """K21."""
    claim = claimed(a_running_task())
    running = RunningStages()
    watcher = CancelWatcher(running)
    with running.register(claim) as cancel:
        watcher.watch()
        TaskStage.objects.filter(pk=claim.stage_id).update(token=claim.token + 1)
        cancel_signal.claim(claim.task_id, "host-b", claim.token + 1)

        watcher.watch()

        assert cancel.reason == FENCED


@pytest.mark.django_db(transaction=True)
def test_nothing_is_asked_while_nothing_runs(client: redis.Redis) -> None:
    watcher = CancelWatcher(RunningStages())
    before = client.info("commandstats")

    with CaptureQueriesContext(connection) as queries:
        watcher.watch()

    assert not queries
    after = client.info("commandstats")
    assert after.get("cmdstat_mget") == before.get("cmdstat_mget")


@pytest.mark.django_db(transaction=True)
def test_a_frozen_redis_delays_a_cancellation_by_less_than_a_second(
    tmp_path: Path, settings: Settings
) -> None:
    """K4, K15: the rows alone."""
    task = a_running_task()
    with own_redis(tmp_path, settings) as server, watching(claimed(task)) as [cancel]:
        time.sleep(2 * WATCH_SECONDS)
        with frozen(server):
            time.sleep(1)
            ask_to_cancel(task.pk)

            assert seconds_until(lambda: cancel.requested) < LATEST_SECONDS
    assert cancel.reason == "stop"


@pytest.mark.django_db(transaction=True)
def test_a_redis_that_is_gone_cancels_nothing_and_comes_back(
    tmp_path: Path, settings: Settings
) -> None:
    """K20: an outage during a run; afterwards the key is claimed again."""
    claim = claimed(a_running_task())
    with own_redis(tmp_path, settings) as server, watching(claim) as [cancel]:
        server.child.process.kill()
        server.child.process.wait()
        time.sleep(1)
        server.start()

        seconds_until(lambda: _held(claim), patience=10)

        assert not cancel.requested


def _held(claim: Claim) -> bool:
    try:
        [value] = cancel_signal.values([claim.task_id])
    except redis.RedisError:
        return False
    return value == f"running:host-a:{claim.token}"


@pytest.mark.django_db(transaction=True)
def test_an_apply_is_stopped_by_force(client: redis.Redis) -> None:
    task = a_task_ready_to_apply()
    with watching(claimed(task)) as [cancel]:
        cancel_task(task, user=a_user("grace"), reason="stop", force=True)

        assert seconds_until(lambda: cancel.requested) < LATEST_SECONDS
        assert cancel.force
