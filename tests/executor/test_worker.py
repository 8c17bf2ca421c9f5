"""A worker's own part in a stage: claiming it once, and closing it whatever happens."""

import pytest

from executor import worker
from executor.core.outcome import ApplyOutput, StageOutcome
from tests.domain import (
    a_running_task,
    a_task_ready_to_apply,
    claimed,
    open_stage,
)
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
