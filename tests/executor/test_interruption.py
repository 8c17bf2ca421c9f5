"""What becomes of a task whose worker died while it applied."""

from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings as django_settings
from django.db.models.functions import Now
from pytest_django import Settings

from executor.claims import claim_stage, new_token
from executor.core.outcome import ApplyOutput, StageOutcome, StateSource
from executor.core.workdir import WorkDirectory
from executor.leftovers import remove_directory
from executor.local_accessor import LocalAccessor
from executor.pipeline import close_stage
from tests.domain import HOST, a_user, claimed, finish_stage, nothing_open, open_stage, statuses
from tests.interruptions import (
    a_state,
    an_applying_task,
    an_interrupted_task,
    lose_worker,
    save_state,
)
from workspaces.models import (
    AppliedState,
    StateCheckpoint,
    StateVersion,
    TaskStage,
    Workspace,
    WorkspaceTask,
)
from workspaces.services.interruptions import resolve_interruption
from workspaces.task_status import Stage, TaskStatus

pytestmark = pytest.mark.django_db
BUSY = "An engine of an earlier attempt is still running"


def ask_to_cancel(task: WorkspaceTask) -> None:
    WorkspaceTask.objects.filter(pk=task.pk).update(
        cancel_requested_at=Now(), cancel_requested_by="ada", cancel_reason="wrong branch"
    )


def workspace_of(task: WorkspaceTask) -> Workspace:
    return Workspace.objects.get(pk=task.workspace_id)


def a_task_to_rescue() -> WorkspaceTask:
    task, _ = an_applying_task(before=a_state(1))
    lose_worker(task)
    return task


def test_a_state_from_the_work_directory_is_saved_and_unlocks() -> None:
    """Design §3: it is whole, so the workspace goes on as after any failure."""
    task = an_interrupted_task("work_directory", before=a_state(1), after=a_state(4, "one"))

    version = StateVersion.objects.get(task=task)
    assert (version.content, version.recovered_from) == (a_state(4, "one"), "work_directory")
    assert task.status == TaskStatus.FAILED
    assert task.error_message.startswith(
        f"The apply was interrupted. Worker {HOST} was lost while it applied."
    )
    assert not workspace_of(task).is_locked
    assert nothing_open(task)


@pytest.mark.parametrize(
    ("source", "after", "words"),
    [
        ("checkpoint", a_state(3, "one"), "the last checkpoint"),
        ("nothing", None, "what was made is in no state"),
    ],
)
def test_a_state_that_may_not_be_whole_keeps_the_workspace_locked(
    source: StateSource, after: bytes | None, words: str
) -> None:
    """Design §3: with a reason that an operator can read, and one call that resolves it."""
    task = an_interrupted_task(source, before=a_state(1), after=after)

    workspace = workspace_of(task)
    assert task.status == TaskStatus.FAILED
    assert words in task.error_message
    assert (workspace.is_locked, workspace.lock_kept, workspace.lock_task) == (True, True, task)
    assert words in workspace.lock_reason


def test_an_interrupted_apply_that_was_cancelled_ends_as_cancelled() -> None:
    task, _ = an_applying_task(before=a_state(1))
    ask_to_cancel(task)
    lose_worker(task)

    finish_stage(task, output=ApplyOutput(a_state(4), source="work_directory"))
    save_state(task)

    assert (task.status, workspace_of(task).is_locked) == ("cancelled", False)
    assert StateVersion.objects.newest().serial == 4  # type: ignore[union-attr]


def test_a_rescue_that_fails_takes_the_last_checkpoint() -> None:
    task, claim = an_applying_task(before=a_state(1))
    LocalAccessor(claim).checkpoint_state(a_state(3, "one"))
    lose_worker(task)

    finish_stage(task, result="failed", message="platform error: OSError")

    applied = AppliedState.objects.get(task=task)
    assert (applied.content, applied.source) == (a_state(3, "one"), "checkpoint")
    assert "It could not be rescued: platform error: OSError." in applied.error
    assert not StateCheckpoint.objects.exists()
    assert open_stage(task).name == Stage.SAVING_STATE


def test_a_rescue_that_fails_without_a_checkpoint_has_nothing() -> None:
    task = a_task_to_rescue()

    finish_stage(task, result="failed", message="platform error: OSError")
    save_state(task)

    assert AppliedState.objects.get(task=task).source == "nothing"
    assert workspace_of(task).lock_kept


def test_a_rescue_that_has_to_wait_stays_with_its_host_and_is_not_counted() -> None:
    task = a_task_to_rescue()

    for _ in range(2):
        TaskStage.objects.filter(pk=open_stage(task).pk).update(not_before=None)
        finish_stage(task, result="postponed", message=BUSY)

    stage = open_stage(task)
    assert (stage.attempts, stage.message, stage.prefer_host) == (0, BUSY, HOST)
    assert TaskStage.objects.filter(
        pk=stage.pk,
        not_before__gt=Now() + timedelta(seconds=8),
        reserved_until__gt=Now() + timedelta(seconds=8 + django_settings.RESCUE_HOST_WAIT_SECONDS),
    )
    assert claim_stage(stage.pk, HOST, new_token()) is None
    TaskStage.objects.filter(pk=stage.pk).update(not_before=Now())
    assert claim_stage(stage.pk, "host-b", new_token()) is None
    assert claimed(task).name == Stage.RESCUE


def begun_before(task: WorkspaceTask, seconds: float) -> None:
    applying = task.stages.filter(name=Stage.APPLYING)
    applying.update(started_at=Now() - timedelta(seconds=seconds))


def test_an_engine_that_never_ends_is_not_waited_for_longer_than_an_apply_may_take(
    settings: Settings,
) -> None:
    task = a_task_to_rescue()
    Workspace.objects.filter(pk=task.workspace_id).update(apply_timeout_seconds=100)

    begun_before(task, 90 + settings.APPLY_GRACE_SECONDS)
    finish_stage(task, result="postponed", message=BUSY)
    assert statuses(task)[-1] == ("rescue", "ready")
    begun_before(task, 110 + settings.APPLY_GRACE_SECONDS)
    TaskStage.objects.filter(pk=open_stage(task).pk).update(not_before=None)
    finish_stage(task, result="postponed", message=BUSY)
    save_state(task)

    assert (task.status, workspace_of(task).lock_kept) == ("failed", True)
    assert BUSY in task.error_message


def test_without_a_limit_an_engine_is_waited_for_until_it_ends(settings: Settings) -> None:
    settings.APPLY_TIMEOUT_SECONDS = 0
    task = a_task_to_rescue()
    begun_before(task, 10**7)

    finish_stage(task, result="postponed", message=BUSY)

    assert statuses(task)[-1] == ("rescue", "ready")


@pytest.mark.parametrize(
    ("checkpoint", "source"), [(a_state(3, "one"), "checkpoint"), (None, "nothing")]
)
def test_an_apply_whose_worker_could_not_read_its_state_keeps_the_lock_and_the_directory(
    settings: Settings, tmp_path: Path, checkpoint: bytes | None, source: str
) -> None:
    settings.WORKER_HOST, settings.WORK_ROOT = HOST, tmp_path
    task, claim = an_applying_task(before=a_state(1))
    directory = WorkDirectory(tmp_path, task.workspace.workspace_id, task.pk)
    directory.create()
    if checkpoint:
        LocalAccessor(claim).checkpoint_state(checkpoint)

    output = ApplyOutput(None, source="nothing")
    close_stage(claim, StageOutcome("failed", "platform error: OSError", output=output))
    save_state(task)

    applied = AppliedState.objects.get(task=task)
    assert applied.source == source
    assert StateVersion.objects.filter(task=task).exists() == bool(checkpoint)
    assert (task.status, workspace_of(task).lock_kept) == ("failed", True)
    assert not StateCheckpoint.objects.exists()
    assert not remove_directory(task.workspace.workspace_id, task.pk)
    assert directory.exists()


def test_an_apply_that_left_a_torn_state_is_looked_at_by_a_person_too() -> None:
    """Its worker is well, but its engine was killed while it wrote: the checkpoint was taken."""
    task, claim = an_applying_task(before=a_state(1))
    output = ApplyOutput(a_state(2), source="checkpoint")

    close_stage(claim, StageOutcome("failed", "Error: quota", output=output))
    save_state(task)

    assert (task.status, task.error_message) == ("failed", "Error: quota")
    assert workspace_of(task).lock_kept
    assert StateVersion.objects.get(task=task).recovered_from == "checkpoint"
    known = resolve_interruption(task, user=a_user(), comment="nothing is missing")
    assert known.what_happened.startswith(f"The state file that the engine left on {HOST} could")
    assert not workspace_of(task).is_locked
