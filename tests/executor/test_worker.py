"""A worker's own part in a stage: claiming it once, and closing it whatever happens."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from django.db import OperationalError, connection
from django.utils import timezone

from executor import pipeline, worker
from executor.core.outcome import ApplyOutput, PlanFileOutput, StageOutcome
from tests.domain import (
    a_running_task,
    a_task_ready_to_apply,
    claimed,
    finish_stage,
    open_stage,
)
from tests.interruptions import a_state, an_applying_task, lose_worker
from workspaces.models import AppliedState, TaskStage
from workspaces.task_status import Stage, TaskStatus

pytestmark = pytest.mark.django_db
UNSTORABLE = "a NUL character \0 that PostgreSQL refuses"


def test_a_message_about_a_stage_that_somebody_runs_does_nothing() -> None:
    claim = claimed(a_running_task(), "host-b")

    worker.run_stage(claim.stage_id)

    stage = TaskStage.objects.get(pk=claim.stage_id)
    assert (stage.owner, stage.attempts, stage.status) == ("host-b", 1, "running")


def test_a_message_about_a_stage_that_is_gone_does_nothing() -> None:
    worker.run_stage(10**9)

    assert not TaskStage.objects.exists()


def test_a_stage_of_a_newer_release_is_offered_to_others_again_within_seconds() -> None:
    """Not ever more rarely, like a hint that waits its turn."""
    task = a_running_task()
    stage = open_stage(task)
    ago = timezone.now() - timedelta(minutes=1)
    TaskStage.objects.filter(pk=stage.pk).update(
        name="of_a_newer_release", dispatched_at=ago, dispatch_count=5
    )

    worker.run_stage(stage.pk)

    stage.refresh_from_db()
    assert (stage.status, stage.dispatch_count) == ("ready", 1)
    assert stage.dispatched_at is not None
    assert stage.dispatched_at > ago


def test_an_outcome_that_cannot_be_stored_fails_the_task_instead_of_hanging_it() -> None:
    task = a_running_task()

    worker._close(claimed(task), StageOutcome("done", message=UNSTORABLE))

    task.refresh_from_db()
    assert task.status == TaskStatus.FAILED
    assert task.error_message.startswith("platform error: the result of fetching could not be")


def test_the_state_of_an_apply_is_kept_when_the_rest_of_its_outcome_is_refused() -> None:
    task = a_task_ready_to_apply()
    state = b'{"serial": 1}'

    worker._close(claimed(task), StageOutcome("done", UNSTORABLE, output=ApplyOutput(state)))

    assert AppliedState.objects.get(task=task).content == state
    assert open_stage(task).name == Stage.SAVING_STATE


def test_a_rescued_state_is_kept_when_the_rest_of_its_outcome_is_refused() -> None:
    task, _ = an_applying_task()
    lose_worker(task)
    output = ApplyOutput(a_state(4), outputs={"bad": object()}, source="work_directory")

    worker._close(claimed(task), StageOutcome("done", output=output))

    applied = AppliedState.objects.get(task=task)
    assert (applied.content, applied.source) == (a_state(4), "work_directory")
    assert open_stage(task).name == Stage.SAVING_STATE


@contextmanager
def refusing(table: str, statement: str) -> Iterator[None]:
    """PostgreSQL runs ``statement`` (PL/pgSQL) instead of writing to the table."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"CREATE FUNCTION refuse() RETURNS trigger AS $$ BEGIN {statement}; RETURN NULL; END $$"
            " LANGUAGE plpgsql"
        )
        cursor.execute(
            f"CREATE TRIGGER refuse BEFORE INSERT OR UPDATE ON {table}"
            " FOR EACH ROW EXECUTE FUNCTION refuse()"
        )
    try:
        yield
    finally:
        connection.close()
        with connection.cursor() as cursor:
            cursor.execute("DROP FUNCTION refuse CASCADE")


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("code", ["54000", "53100"], ids=["too large", "disk full"])
def test_a_plan_that_postgresql_refuses_fails_its_task_with_the_reason(
    code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Durable-celery §3, #23: a reason, and no loop."""
    monkeypatch.setattr(pipeline, "CLOSE_SECONDS", 0.5)
    task = a_running_task()
    for _ in ("fetching", "init"):
        finish_stage(task)
    claim, plan = claimed(task), PlanFileOutput(b"plan", "a" * 64)

    with refusing("workspaces_taskplan", f"RAISE 'no' USING ERRCODE = '{code}'"):
        worker._close(claim, StageOutcome("done", output=plan))

    task.refresh_from_db()
    assert (task.status, task.error_message) == (
        "failed",
        f"platform error: the result of planning could not be stored: OperationalError {code}",
    )


@pytest.mark.django_db(transaction=True)
def test_an_attempt_that_cannot_reach_postgresql_any_more_leaves_its_stage_to_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its lease runs out, and the reconciler gives the stage to the next worker."""
    monkeypatch.setattr(pipeline, "CLOSE_SECONDS", 0.5)
    task = a_running_task()
    claim = claimed(task)

    hang_up = "PERFORM pg_terminate_backend(pg_backend_pid())"
    with refusing("workspaces_taskstage", hang_up), pytest.raises(OperationalError):
        worker._close(claim, StageOutcome("done"))

    assert open_stage(task).status == "running"
