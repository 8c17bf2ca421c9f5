"""Stages whose worker died: found by their leases, run again, given up, or rescued."""

import time
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from django.db import transaction
from django.db.models.functions import Now
from pytest_django import Settings

from executor.claims import claim_stage, new_token, renew
from executor.core.accessor import LogLine
from executor.core.outcome import StageOutcome
from executor.exceptions import Fenced
from executor.local_accessor import LocalAccessor
from executor.models import ReconcilerState
from executor.pipeline import close_stage
from executor.recovery import expired_stages, recover
from tests.domain import HOST, a_running_task, claimed, finish_stage, open_stage, statuses
from tests.interruptions import a_state, an_applying_task, lose_worker
from tests.racing import at_once
from workspaces.models import StateCheckpoint, TaskStage, Workspace, WorkspaceTask
from workspaces.services.logs import read_lines
from workspaces.task_status import Stage, TaskStatus

LONG_AGO = timedelta(minutes=1)


def expire(task: WorkspaceTask) -> int:
    """Lets the lease of the task's running stage run out; returns the stage's id."""
    stage = open_stage(task)
    TaskStage.objects.filter(pk=stage.pk).update(lease_until=Now() - LONG_AGO)
    return stage.pk


def ask_to_cancel(task: WorkspaceTask) -> None:
    WorkspaceTask.objects.filter(pk=task.pk).update(
        cancel_requested_at=Now(), cancel_requested_by="ada", cancel_reason="wrong branch"
    )


def lose_workers(task: WorkspaceTask, count: int) -> None:
    for _ in range(count):
        claimed(task)
        lose_worker(task)


@pytest.mark.django_db
def test_a_stage_whose_worker_died_is_ready_for_the_next_one() -> None:
    task = a_running_task()
    claimed(task)

    lose_worker(task)

    stage = open_stage(task)
    assert (stage.status, stage.token, stage.lease_until) == ("ready", None, None)
    assert (stage.prefer_host, stage.message) == (HOST, f"worker {HOST} was lost in attempt 1")
    assert (task.status, claimed(task, "host-b").attempts) == ("running", 2)


@pytest.mark.django_db
def test_the_lost_attempt_is_fenced_if_it_comes_back() -> None:
    """Durable-celery §3, #22: what its engine still makes is nobody's."""
    task = a_running_task()
    lost = claimed(task)
    lose_worker(task)
    again = claimed(task, "host-b")

    assert renew([lost.token]) == []
    with pytest.raises(Fenced):
        LocalAccessor(lost).report_progress([])
    with pytest.raises(Fenced):
        close_stage(lost, StageOutcome("done"))
    assert open_stage(task).token == again.token


@pytest.mark.django_db
def test_a_stage_is_tried_again_as_often_as_its_workspace_says() -> None:
    """Durable-celery §3, #26: a stage that kills its workers comes to an end."""
    task = a_running_task(max_retries=2)

    lose_workers(task, 2)
    assert task.status == TaskStatus.RUNNING
    lose_workers(task, 1)

    assert task.status == TaskStatus.FAILED
    assert task.error_message == (
        f"platform error: 3 workers were lost in fetching, the last was {HOST}"
    )
    assert statuses(task) == [("fetching", "lost")]


@pytest.mark.django_db
def test_a_stage_is_not_tried_again_where_the_workspace_forbids_it() -> None:
    task = a_running_task(max_retries=0)

    lose_workers(task, 1)

    assert (
        task.error_message == f"platform error: 1 worker was lost in fetching, the last was {HOST}"
    )


@pytest.mark.django_db
def test_an_attempt_that_was_handed_over_is_not_counted() -> None:
    task = a_running_task(max_retries=0)

    for _ in range(3):
        finish_stage(task, result="handed_over", message="the worker stops")

    assert (task.status, open_stage(task).attempts) == ("running", 0)
    assert claimed(task, "host-b").attempts == 1


@pytest.mark.django_db
def test_a_task_whose_worker_died_after_it_was_cancelled_is_cancelled() -> None:
    """Durable-celery §3, #16: cancelled while its host is dead."""
    task = a_running_task()
    claimed(task)
    ask_to_cancel(task)

    lose_worker(task)

    assert (task.status, task.error_message) == ("cancelled", "wrong branch")
    assert statuses(task) == [("fetching", "cancelled")]


@pytest.mark.django_db
def test_an_apply_whose_worker_died_is_rescued_and_never_run_again() -> None:
    task, claim = an_applying_task()

    lose_worker(task)

    assert statuses(task)[-2:] == [("applying", "lost"), ("rescue", "ready")]
    assert task.stage == Stage.RESCUE
    assert claim_stage(claim.stage_id, HOST, new_token()) is None


@pytest.mark.django_db
def test_an_apply_that_was_cancelled_before_its_worker_died_is_rescued_first() -> None:
    task, _ = an_applying_task()
    ask_to_cancel(task)

    lose_worker(task)

    assert claimed(task).name == Stage.RESCUE


@pytest.mark.django_db
def test_a_rescue_is_for_the_host_that_applied_and_after_a_while_for_all() -> None:
    task, _ = an_applying_task()
    lose_worker(task)
    rescue = open_stage(task)

    assert claim_stage(rescue.pk, "host-b", new_token()) is None
    TaskStage.objects.filter(pk=rescue.pk).update(reserved_until=Now())

    assert claimed(task, "host-b").name == Stage.RESCUE


@pytest.mark.django_db
def test_a_rescue_that_is_lost_itself_waits_for_the_host_that_applied_again() -> None:
    task, _ = an_applying_task()
    lose_worker(task)
    TaskStage.objects.filter(pk=open_stage(task).pk).update(reserved_until=Now())
    claimed(task, "host-b")

    lose_worker(task)

    rescue = open_stage(task)
    assert claim_stage(rescue.pk, "host-b", new_token()) is None
    assert claimed(task, HOST).attempts == 2


@pytest.mark.django_db
def test_a_rescue_that_is_lost_again_and_again_ends_with_the_last_checkpoint() -> None:
    task, claim = an_applying_task()
    LocalAccessor(claim).checkpoint_state(a_state(5))
    lose_worker(task)

    lose_workers(task, 4)

    assert statuses(task)[-2:] == [("rescue", "lost"), ("saving_state", "ready")]
    assert LocalAccessor(claimed(task)).applied_state().content == a_state(5)
    assert not StateCheckpoint.objects.exists()


@pytest.mark.django_db
def test_a_state_is_tried_to_be_saved_again_however_few_retries_a_plan_gets() -> None:
    task, claim = an_applying_task()
    Workspace.objects.filter(pk=task.workspace_id).update(max_retries=0)
    LocalAccessor(claim).checkpoint_state(a_state(5))
    lose_worker(task)
    lose_workers(task, 4)

    lose_workers(task, 3)
    assert open_stage(task).name == Stage.SAVING_STATE
    lose_workers(task, 1)

    workspace = Workspace.objects.get(pk=task.workspace_id)
    assert task.status == TaskStatus.FAILED
    assert (workspace.is_locked, workspace.lock_kept) == (True, True)
    assert "4 workers were lost in saving_state" in workspace.lock_reason


@pytest.mark.django_db
def test_a_claim_that_was_renewed_meanwhile_is_left_alone() -> None:
    task = a_running_task()
    claim = claimed(task)
    stage_id = expire(task)
    renew([claim.token])

    recover(stage_id, task.pk)

    assert open_stage(task).token == claim.token


@pytest.mark.django_db
def test_a_stage_that_is_gone_is_passed_over() -> None:
    recover(10**9, 10**9)

    assert not TaskStage.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_of_two_reconcilers_at_once_one_takes_the_stage() -> None:
    for _ in range(5):
        task, _ = an_applying_task()
        stage_id = expire(task)

        assert at_once(*[partial(recover, stage_id, task.pk)] * 4) == [None] * 4

        assert statuses(task)[-2:] == [("applying", "lost"), ("rescue", "ready")]
        WorkspaceTask.objects.all().delete()
        Workspace.objects.all().delete()


@pytest.mark.django_db(transaction=True)
def test_reconcilers_and_a_worker_that_still_logs_write_no_line_over_another() -> None:
    """The log says once that a worker was lost; what that one stores at the same time is before it."""
    for number in range(5):
        task = a_running_task(name=f"workspace {number}")
        claim, stage_id = claimed(task), expire(task)
        late = LogLine(1, "late", "output", claim.name, datetime.now(UTC))

        stored, *_ = at_once(
            partial(LocalAccessor(claim).store_lines, [late]),
            *[partial(recover, stage_id, task.pk)] * 3,
        )
        recover(stage_id, task.pk)  # as the next sweep does where all have passed a locked row over

        log = read_lines(task.pk)
        assert [line.number for line in log] == list(range(1, len(log) + 1))
        said = [line.text.partition("] ")[2] or line.text for line in log]
        assert said == [
            *([] if isinstance(stored, Fenced) else ["late"]),
            f"[WARN] Worker {HOST} was lost in fetching: attempt 2 of 4 follows.",
        ]


@pytest.mark.django_db(transaction=True)
def test_a_worker_that_closes_and_a_reconciler_that_takes_over_do_not_both_succeed() -> None:
    """Durable-celery §3, #22: whoever is first; the other changes nothing."""
    for number in range(10):
        task = a_running_task(name=f"workspace {number}")
        claim, stage_id = claimed(task), expire(task)

        closed, _ = at_once(
            partial(close_stage, claim, StageOutcome("done")), partial(recover, stage_id, task.pk)
        )

        done = [("fetching", "done"), ("init", "ready")]
        assert statuses(task) == ([("fetching", "ready")] if isinstance(closed, Fenced) else done)


@pytest.mark.django_db(transaction=True)
def test_a_row_that_is_just_being_closed_is_waited_for_by_nobody() -> None:
    task = a_running_task()
    claimed(task)
    stage_id = expire(task)

    with transaction.atomic():
        TaskStage.objects.select_for_update(of=("self",)).get(pk=stage_id)
        at_once(partial(recover, stage_id, task.pk))

    assert open_stage(task).status == "running"


@pytest.fixture
def expired(settings: Settings) -> WorkspaceTask:
    """A task whose worker has not renewed its lease, long after the start of PostgreSQL."""
    settings.LEASE_SECONDS = 0.3
    task = a_running_task()
    claimed(task)
    expire(task)
    return task


def last_sweep(ago: timedelta, spare: timedelta | None = None) -> None:
    ReconcilerState.objects.update(
        last_ok=Now() - ago, spare_until=None if spare is None else Now() + spare
    )


@pytest.mark.django_db
def test_expired_leases_are_found_oldest_first(expired: WorkspaceTask) -> None:
    older = a_running_task(name="other")
    stage = claimed(older).stage_id
    TaskStage.objects.filter(pk=stage).update(lease_until=Now() - 2 * LONG_AGO)

    assert [task_id for _, task_id in expired_stages()] == [older.pk, expired.pk]


@pytest.mark.django_db
def test_nothing_is_taken_for_a_lease_after_the_start_of_postgresql(
    expired: WorkspaceTask, settings: Settings
) -> None:
    """Durable-celery §3, #9: nobody could renew while it was away."""
    settings.LEASE_SECONDS = 10**6

    assert expired_stages() == []


@pytest.mark.django_db
def test_nothing_is_taken_for_a_lease_after_a_gap_in_which_nobody_could_sweep(
    expired: WorkspaceTask,
) -> None:
    assert len(expired_stages()) == 1
    last_sweep(ago=timedelta(seconds=30))

    assert expired_stages() == []
    assert expired_stages() == []
    time.sleep(0.4)
    assert len(expired_stages()) == 1


@pytest.mark.django_db
def test_sweeps_that_are_always_late_take_over_every_second_time(expired: WorkspaceTask) -> None:
    """The grace for an outage must not put recovery off for ever."""
    found = [len(expired_stages())]
    for _ in range(4):
        spared = ReconcilerState.objects.get().spare_until is not None
        late = timedelta(seconds=30)
        last_sweep(ago=late, spare=-LONG_AGO if spared else None)
        found.append(len(expired_stages()))

    assert found == [1, 0, 1, 0, 1]


@pytest.mark.django_db
def test_a_gap_within_the_grace_does_not_prolong_it(expired: WorkspaceTask) -> None:
    expired_stages()
    last_sweep(ago=timedelta(seconds=30), spare=timedelta(seconds=0.2))

    assert expired_stages() == []
    time.sleep(0.3)
    assert len(expired_stages()) == 1
