"""A worker process from its start to its end."""

import time
from collections.abc import Callable

import pytest
from django.db import connection
from django.db.models.functions import Now
from pytest_django import Settings

from executor.models import WorkerHost
from executor.periodic import Periodic
from executor.running import RunningStages
from executor.worker_life import Drain, Presence, consumed_mode
from tests.domain import a_running_task, a_task_ready_to_apply, claimed
from workspaces.models import TaskStage


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def host() -> WorkerHost:
    return WorkerHost.objects.get(name="host-a")


def test_a_worker_is_known_by_its_queues() -> None:
    assert consumed_mode(["stages.local", "stages.local.host-a"]) == "local"
    assert consumed_mode(["control"]) is None


@pytest.mark.django_db
def test_a_heartbeat_renews_the_host_and_its_leases() -> None:
    running = RunningStages()
    presence = Presence("host-a", "local", running)
    claim = claimed(a_running_task())
    TaskStage.objects.filter(pk=claim.stage_id).update(lease_until=Now())

    with running.register(claim):
        presence.renew()

    assert TaskStage.objects.filter(pk=claim.stage_id, lease_until__gt=Now()).exists()
    assert not host().draining


@pytest.mark.django_db
def test_a_process_that_replaces_a_stopping_one_takes_the_hosts_row_over() -> None:
    """Both have the host's name while the first one finishes an apply."""
    stopping = Presence("host-a", "local", RunningStages())
    stopping.renew()
    stopping.draining = True
    stopping.renew()
    assert host().draining

    Presence("host-a", "local", RunningStages()).renew()
    stopping.renew()

    assert not host().draining


@pytest.mark.django_db
def test_a_host_that_stops_is_seen_as_long_as_it_works() -> None:
    presence = Presence("host-a", "local", RunningStages())
    presence.draining = True
    presence.renew()
    seen = host().last_seen

    presence.renew()

    assert host().last_seen > seen


@pytest.mark.django_db(transaction=True)
def test_a_worker_that_is_told_to_stop_drains_in_order(settings: Settings) -> None:
    """F8: plans at once, applies after the grace; the leases are renewed until the end."""
    settings.DRAIN_GRACE_SECONDS = 0.3
    plan, apply = claimed(a_running_task(name="first")), claimed(a_task_ready_to_apply())
    running = RunningStages()
    presence = Presence("host-a", "local", running)
    heartbeat = Periodic("heartbeat", presence.renew, 60)
    drain = Drain(presence, heartbeat, running)
    with running.register(plan) as planning, running.register(apply) as applying:
        heartbeat.start()
        drain.start()
        until(lambda: WorkerHost.objects.filter(draining=False).exists())

        drain.ask()
        drain.ask()

        until(lambda: planning.handed_over)
        assert not applying.requested
        until(lambda: WorkerHost.objects.filter(draining=True).exists())
        until(lambda: applying.handed_over)
    stop_all(heartbeat, drain)


def test_a_worker_that_has_nothing_to_finish_ends_at_once() -> None:
    running = RunningStages()
    presence = Presence("host-a", "local", running)
    heartbeat = Periodic("heartbeat", presence.renew, 60)
    drain = Drain(presence, heartbeat, running)
    drain.start()
    drain.ask()
    until(lambda: running.draining)

    stop_all(drain)


def stop_all(*threads: Periodic | Drain) -> None:
    for thread in threads:
        thread.stop()
        thread.join(5)
        assert not thread.is_alive()
    connection.close()
