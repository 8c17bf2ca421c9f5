"""What keeps the claims of a process alive, and stops its stages."""

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from django.db import connection, transaction
from django.db.models.functions import Now
from pytest_django import Settings

from executor.core.critical_sections import critical_sections
from executor.running import FENCED, LEASE_LOST, STOPS, RunningStages
from tests.domain import a_running_task, a_task_ready_to_apply, claimed
from tests.interruptions import lose_worker
from workspaces.models import TaskStage, WorkspaceTask

pytestmark = pytest.mark.django_db


def test_a_registered_stage_keeps_its_lease() -> None:
    claim, running = claimed(a_running_task()), RunningStages()
    TaskStage.objects.filter(pk=claim.stage_id).update(lease_until=Now())

    with running.register(claim) as cancel:
        running.renew_all()
        assert not cancel.requested

    assert TaskStage.objects.filter(pk=claim.stage_id, lease_until__gt=Now()).exists()


def test_a_stage_whose_task_is_to_be_cancelled_is_asked_to_stop() -> None:
    task, running = a_running_task(), RunningStages()
    claim = claimed(task)

    with running.register(claim) as cancel:
        ask_to_cancel(task)
        running.renew_all()
        assert cancel.reason == "wrong branch"


def test_a_stage_whose_claim_was_taken_away_is_asked_to_stop() -> None:
    claim, running = claimed(a_running_task()), RunningStages()

    with running.register(claim) as cancel:
        TaskStage.objects.filter(pk=claim.stage_id).update(token=claim.token + 1)
        running.renew_all()
        assert cancel.reason == FENCED


def test_an_apply_whose_claim_was_taken_away_is_never_stopped() -> None:
    """Whoever took it over waits for its end: an apply that is killed leaves things half made."""
    task, running = a_running_task(), RunningStages()
    claim = replace(claimed(task), name="applying")

    with running.register(claim) as cancel:
        TaskStage.objects.filter(pk=claim.stage_id).update(token=claim.token + 1)
        running.renew_all()
        assert not cancel.requested


def test_a_stage_that_has_ended_is_forgotten() -> None:
    claim, running = claimed(a_running_task()), RunningStages()
    with running.register(claim):
        pass
    TaskStage.objects.filter(pk=claim.stage_id).update(lease_until=Now())

    running.renew_all()

    assert not TaskStage.objects.filter(pk=claim.stage_id, lease_until__gt=Now()).exists()


def test_looking_at_the_rows_passes_on_force_and_renews_nothing() -> None:
    task, running = a_running_task(), RunningStages()
    claim = claimed(task)
    lease = TaskStage.objects.get(pk=claim.stage_id).lease_until

    with running.register(claim) as cancel:
        ask_to_cancel(task, cancel_force=True)
        running.look_at_rows()
        assert (cancel.reason, cancel.force) == ("wrong branch", True)

    assert TaskStage.objects.get(pk=claim.stage_id).lease_until == lease


def test_a_stage_that_cannot_be_renewed_is_given_up_before_its_lease_ends(
    settings: Settings,
) -> None:
    """Another worker takes it over, so this one may not be at it any more; nobody cancels the task."""
    settings.LEASE_SECONDS, settings.RENEW_SECONDS = 0.3, 0.1
    claim, running = claimed(a_running_task()), RunningStages()

    with running.register(claim) as cancel:
        running.give_up_expired()
        assert not cancel.requested
        time.sleep(0.21)
        running.give_up_expired()
        assert (cancel.reason, cancel.handed_over) == (LEASE_LOST, True)


def test_a_stage_that_was_renewed_is_not_given_up(settings: Settings) -> None:
    settings.LEASE_SECONDS, settings.RENEW_SECONDS = 0.3, 0.1
    claim, running = claimed(a_running_task()), RunningStages()

    with running.register(claim) as cancel:
        time.sleep(0.21)
        running.renew_all()
        running.give_up_expired()
        assert not cancel.requested


def test_an_apply_that_cannot_be_renewed_goes_on(settings: Settings) -> None:
    settings.LEASE_SECONDS = settings.RENEW_SECONDS = 0.0
    claim, running = claimed(a_task_ready_to_apply()), RunningStages()

    with running.register(claim) as cancel:
        running.give_up_expired()
        assert not cancel.requested


def test_a_worker_that_stops_hands_its_plans_over_and_finishes_its_applies() -> None:
    plan, apply = claimed(a_running_task(name="first")), claimed(a_task_ready_to_apply())
    running = RunningStages()

    with running.register(plan) as planning, running.register(apply) as applying:
        running.drain()
        assert (planning.handed_over, planning.reason) == (True, STOPS)
        assert not applying.requested

        running.end_drain()
        assert applying.handed_over


def test_a_critical_section_is_finished_first() -> None:
    """F8: counted per task: that of one task does not keep another's stage."""
    first, second = claimed(a_running_task(name="first")), claimed(a_running_task(name="second"))
    running = RunningStages()

    with (
        critical_sections.enter(first.task_id, "saving_plan"),
        running.register(first) as critical,
        running.register(second) as other,
    ):
        running.drain()
        assert not critical.requested
        assert other.handed_over


def test_a_stage_that_is_begun_while_the_worker_stops_is_handed_over_at_once() -> None:
    running = RunningStages()
    running.drain()
    assert running.draining

    with running.register(claimed(a_running_task())) as cancel:
        assert cancel.handed_over


def test_a_user_may_cancel_what_is_handed_over() -> None:
    task, running = a_running_task(), RunningStages()
    claim = claimed(task)

    with running.register(claim) as cancel:
        running.drain()
        ask_to_cancel(task)
        running.renew_all()
        assert (cancel.handed_over, cancel.reason) == (False, "wrong branch")


def ask_to_cancel(task: WorkspaceTask, **fields: object) -> None:
    WorkspaceTask.objects.filter(pk=task.pk).update(
        cancel_requested_at=Now(), cancel_reason="wrong branch", **fields
    )


@pytest.mark.django_db(transaction=True)
def test_a_stage_that_is_being_closed_costs_the_others_nothing() -> None:
    """Closing a large plan takes long, and holds the stage's row all the while."""
    closing, other = claimed(a_running_task(name="first")), claimed(a_running_task(name="second"))
    running, rows = (
        RunningStages(),
        TaskStage.objects.filter(pk__in=[closing.stage_id, other.stage_id]),
    )
    rows.update(lease_until=Now())

    def renew_all() -> None:
        with connection.cursor() as cursor:
            cursor.execute("SET lock_timeout = '5s'")
        running.renew_all()
        connection.close()

    with (
        running.register(closing) as first,
        running.register(other) as second,
        ThreadPoolExecutor(1) as pool,
        transaction.atomic(),
    ):
        TaskStage.objects.select_for_update().get(pk=closing.stage_id)
        pool.submit(renew_all).result()
        assert not first.requested
        assert not second.requested

    assert [stage.pk for stage in rows.filter(lease_until__gt=Now())] == [other.stage_id]


def test_what_was_not_renewed_because_its_row_is_locked_still_ends_in_time(
    settings: Settings,
) -> None:
    """Looking at a row prolongs nothing."""
    settings.LEASE_SECONDS, settings.RENEW_SECONDS = 0.3, 0.1
    claim, running = claimed(a_running_task()), RunningStages()

    with running.register(claim) as cancel:
        time.sleep(0.21)
        running.look_at_rows()
        running.give_up_expired()
        assert cancel.handed_over


def test_an_apply_that_was_taken_away_is_stopped_by_force_alone() -> None:
    """Its rescue waits for the engine, and only this process can stop that."""
    task, running = a_task_ready_to_apply(), RunningStages()
    claim = claimed(task)

    with running.register(claim) as cancel:
        lose_worker(task)
        ask_to_cancel(task)
        running.look_at_rows()
        assert not cancel.requested

        ask_to_cancel(task, cancel_force=True)
        running.look_at_rows()
        assert (cancel.reason, cancel.force) == ("wrong branch", True)
