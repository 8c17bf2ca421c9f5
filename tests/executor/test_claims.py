"""Claims against a real PostgreSQL: exactly one winner, fenced losers, one apply a task."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.models.functions import Now
from django.utils import timezone

from executor.claims import claim_stage, give_back, new_token, renew
from executor.core.outcome import ApplyOutput, StageOutcome
from executor.exceptions import Fenced
from executor.pipeline import close_stage
from tests.domain import (
    HOST,
    a_running_task,
    a_task,
    a_task_ready_to_apply,
    a_workspace,
    claimed,
    open_stage,
)
from workspaces.models import TaskLog, TaskStage, WorkspaceTask
from workspaces.services.queue import start_next
from workspaces.task_status import Stage, TaskStatus


@pytest.mark.django_db
def test_a_claim_names_its_stage_and_takes_a_lease() -> None:
    task = a_running_task()

    claim = claimed(task)

    stage = TaskStage.objects.get(pk=claim.stage_id)
    assert (claim.name, claim.phase, claim.first_line) == ("fetching", "plan", 1)
    assert (stage.status, stage.owner, stage.token) == ("running", HOST, claim.token)
    assert TaskStage.objects.filter(pk=stage.pk, lease_until__gt=Now() + timedelta(seconds=15))


@pytest.mark.django_db
def test_a_message_that_comes_twice_claims_nothing() -> None:
    task = a_running_task()
    stage = open_stage(task)
    claimed(task)

    assert claim_stage(stage.pk, "host-b", new_token()) is None


@pytest.mark.django_db(transaction=True)
def test_of_forty_claims_at_once_one_wins() -> None:
    """F1: the same message delivered any number of times starts one execution."""
    stage = open_stage(a_running_task())

    def attempt(number: int) -> bool:
        try:
            return claim_stage(stage.pk, f"host-{number}", new_token()) is not None
        finally:
            connection.close()

    with ThreadPoolExecutor(max_workers=10) as pool:
        assert sum(pool.map(attempt, range(40))) == 1


@pytest.mark.django_db
def test_a_token_is_larger_than_all_before_it() -> None:
    first = claimed(a_running_task())
    task = a_task(a_workspace("other"))
    start_next(task.workspace_id)

    assert claimed(task).token > first.token


@pytest.mark.django_db
def test_another_attempt_numbers_its_lines_behind_those_that_the_lost_one_stored() -> None:
    task = a_running_task()
    lost = claimed(task)
    TaskLog.objects.create(
        task=task,
        phase="plan",
        stage="fetching",
        first_line=1,
        line_count=7,
        content="line\n" * 7,
        created_at=timezone.now(),
    )
    TaskStage.objects.filter(pk=lost.stage_id).update(status="ready", token=None, lease_until=None)

    assert claimed(task, "host-b").first_line == 8


@pytest.mark.django_db
def test_a_stage_of_a_task_that_ended_cannot_be_claimed() -> None:
    task = a_running_task()
    stage = open_stage(task)
    WorkspaceTask.objects.filter(pk=task.pk).update(status=TaskStatus.CANCELLED)

    assert claim_stage(stage.pk, HOST, new_token()) is None


@pytest.mark.django_db
def test_a_stage_of_a_task_that_is_to_be_cancelled_cannot_be_claimed() -> None:
    task = a_running_task()
    WorkspaceTask.objects.filter(pk=task.pk).update(cancel_requested_at=Now())

    assert claim_stage(open_stage(task).pk, HOST, new_token()) is None


@pytest.mark.django_db
@pytest.mark.parametrize("saves", ["rescue", "saving_state"])
def test_what_an_apply_has_changed_is_saved_even_if_its_task_is_to_be_cancelled(saves: str) -> None:
    task = a_task_ready_to_apply()
    TaskStage.objects.filter(pk=open_stage(task).pk).update(name=saves)
    WorkspaceTask.objects.filter(pk=task.pk).update(cancel_requested_at=Now())

    assert claimed(task).name == saves


@pytest.mark.django_db
def test_a_stage_whose_time_has_not_come_is_not_claimed() -> None:
    stage = open_stage(a_running_task())
    later = Now() + timedelta(seconds=9)
    TaskStage.objects.filter(pk=stage.pk).update(not_before=later)

    assert claim_stage(stage.pk, HOST, new_token()) is None


@pytest.mark.django_db
def test_a_reserved_stage_is_claimed_by_its_host_alone_until_the_time_is_over() -> None:
    stage = open_stage(a_running_task())
    rows = TaskStage.objects.filter(pk=stage.pk)
    rows.update(prefer_host=HOST, reserved_until=Now() + timedelta(seconds=9))

    assert claim_stage(stage.pk, "host-b", new_token()) is None
    rows.update(reserved_until=Now())

    assert claim_stage(stage.pk, "host-b", new_token()) is not None


@pytest.mark.django_db
def test_a_stage_that_is_handed_over_is_for_any_host_at_once() -> None:
    task = a_running_task()
    claim = claimed(task)
    TaskStage.objects.filter(pk=claim.stage_id).update(prefer_host=HOST)

    assert give_back(claim, "the worker stops", 7, elsewhere=True, wait=0.0)

    stage = open_stage(task)
    assert (stage.status, stage.token, stage.attempts) == ("ready", None, 0)
    assert (stage.prefer_host, stage.reserved_until) == ("", None)
    again = claimed(task, "host-b")
    assert (again.attempts, again.first_line) == (1, 8)


@pytest.mark.django_db
def test_a_stage_that_was_taken_away_cannot_be_given_back() -> None:
    """Nor twice, where the reply to the first COMMIT was lost."""
    task = a_running_task()
    claim = claimed(task)
    assert give_back(claim, "the worker stops", 0, elsewhere=True, wait=0.0)
    again = claimed(task, "host-b")

    assert not give_back(claim, "the worker stops", 0, elsewhere=True, wait=0.0)

    assert open_stage(task).token == again.token


@pytest.mark.django_db
def test_a_stage_that_this_code_does_not_know_is_not_claimed() -> None:
    stage = open_stage(a_running_task())
    TaskStage.objects.filter(pk=stage.pk).update(name="dusting")

    assert claim_stage(stage.pk, HOST, new_token()) is None


@pytest.mark.django_db
def test_applying_is_claimed_once_in_the_life_of_a_task() -> None:
    task = a_task_ready_to_apply()
    claim = claimed(task)
    assert claim.name == Stage.APPLYING
    TaskStage.objects.filter(pk=claim.stage_id).update(status="ready", token=None, lease_until=None)

    assert claim_stage(claim.stage_id, "host-b", new_token()) is None
    assert TaskStage.objects.get(pk=claim.stage_id).status == "ready"


@pytest.mark.django_db
@pytest.mark.parametrize("applying", [False, True])
def test_a_claim_whose_reply_was_lost_is_found_again_by_its_token(applying: bool) -> None:
    task = a_task_ready_to_apply() if applying else a_running_task()
    stage, token = open_stage(task), new_token()

    first = claim_stage(stage.pk, HOST, token)
    again = claim_stage(stage.pk, HOST, token)

    assert first == again
    assert first is not None
    assert first.attempts == 1


@pytest.mark.django_db
def test_renewing_extends_only_the_leases_that_are_still_held() -> None:
    task = a_running_task()
    claim = claimed(task)
    TaskStage.objects.filter(pk=claim.stage_id).update(lease_until=Now())

    renewals = renew([claim.token, claim.token + 1000])

    assert [renewal.token for renewal in renewals] == [claim.token]
    assert TaskStage.objects.filter(pk=claim.stage_id, lease_until__gt=Now()).exists()


@pytest.mark.django_db
def test_renewing_brings_the_request_to_cancel_to_the_worker() -> None:
    task = a_running_task()
    claim = claimed(task)
    WorkspaceTask.objects.filter(pk=task.pk).update(
        cancel_requested_at=Now(), cancel_reason="wrong branch"
    )

    (renewal,) = renew([claim.token])

    assert (renewal.cancel_requested, renewal.cancel_reason) == (True, "wrong branch")


@pytest.mark.django_db
def test_a_stale_token_closes_nothing() -> None:
    task = a_running_task()
    stale = claimed(task)
    TaskStage.objects.filter(pk=stale.stage_id).update(status="ready", token=None, lease_until=None)
    fresh = claimed(task, "host-b")

    with pytest.raises(Fenced):
        close_stage(stale, StageOutcome(result="done"))

    stage = TaskStage.objects.get(pk=stale.stage_id)
    assert (stage.status, stage.token) == ("running", fresh.token)


@pytest.mark.django_db
def test_closing_again_after_a_lost_reply_is_not_fenced_and_changes_nothing() -> None:
    task = a_task_ready_to_apply()
    claim = claimed(task)
    outcome = StageOutcome(result="done", output=ApplyOutput(b'{"serial": 1}'))

    close_stage(claim, outcome)
    close_stage(claim, outcome)

    assert task.stages.filter(name=Stage.SAVING_STATE).count() == 1


@pytest.mark.django_db
def test_a_running_stage_without_a_claim_is_refused_by_the_schema() -> None:
    stage = open_stage(a_running_task())

    with pytest.raises(IntegrityError, match="a_running_stage_is_claimed"):
        TaskStage.objects.filter(pk=stage.pk).update(status="running")


@pytest.mark.django_db
def test_a_task_has_one_open_stage_at_most() -> None:
    task = a_running_task()

    with pytest.raises(IntegrityError, match="one_open_stage_a_task"):
        TaskStage.objects.create(
            task=task, position=7, phase="plan", name="init", mode="local", status="ready"
        )


@pytest.mark.django_db(transaction=True)
def test_an_apply_is_not_begun_while_a_cancellation_is_being_written() -> None:
    """The claim has read the task before the request committed, and waits for its row."""
    task = a_task_ready_to_apply()
    stage = open_stage(task)

    def claim() -> bool:
        try:
            return claim_stage(stage.pk, HOST, new_token()) is not None
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            WorkspaceTask.objects.filter(pk=task.pk).update(cancel_requested_at=Now())
            claiming = pool.submit(claim)
            until_somebody_waits_for_a_lock()
        assert not claiming.result()

    stage.refresh_from_db()
    assert (stage.status, stage.token) == ("ready", None)


def until_somebody_waits_for_a_lock() -> None:
    with connection.cursor() as cursor:
        for _ in range(500):
            cursor.execute(
                "SELECT count(*) FROM pg_stat_activity"
                " WHERE datname = current_database() AND wait_event_type = 'Lock'"
            )
            if cursor.fetchone() != (0,):
                return
            # Within a transaction PostgreSQL shows the same picture again unless told otherwise.
            cursor.execute("SELECT pg_stat_clear_snapshot(), pg_sleep(0.01)")
    raise AssertionError("nobody waits")


@pytest.mark.django_db
def test_a_claim_whose_reply_was_lost_is_found_again_though_its_task_is_to_be_cancelled() -> None:
    """It runs already, and is told as soon as it is renewed."""
    task = a_running_task()
    stage, token = open_stage(task), new_token()
    first = claim_stage(stage.pk, HOST, token)
    WorkspaceTask.objects.filter(pk=task.pk).update(cancel_requested_at=Now())

    assert claim_stage(stage.pk, HOST, token) == first
