"""Applies that ended badly, made through the pipeline: interrupted ones, and states nobody could save."""

import json
from datetime import timedelta
from typing import Any

from django.utils import timezone

from executor.claims import Claim
from executor.core.outcome import ApplyOutput, SavedStateOutput, StageOutcome, StateSource
from executor.local_accessor import LocalAccessor
from executor.pipeline import close_stage
from executor.recovery import recover
from tests.domain import a_task_ready_to_apply, claimed, finish_stage
from workspaces.models import TaskStage, WorkspaceTask
from workspaces.services.state import save_state_version
from workspaces.task_status import Stage

LINEAGE = "8f5c1e2e-5c0f-4b8e-9a55-0d3f0a1b2c3d"
UNSAVED = "state save failed, workspace locked, backup at: /var/backup/states/ws_1_task_1_1.tfstate"
SAVE_LOCK = "Auto-locked: State save failed for task 1. State backed up to /var/backup/states"


def a_state(serial: int = 1, *names: str, lineage: str = LINEAGE, **outputs: Any) -> bytes:
    """A state with a ``null_resource`` of each name, whose attribute ``size`` is the serial."""
    resources = [
        {
            "mode": "managed",
            "type": "null_resource",
            "name": name,
            "instances": [{"attributes": {"id": f"id-{name}", "size": serial}}],
        }
        for name in names
    ]
    return json.dumps(
        {
            "version": 4,
            "terraform_version": "1.9.5",
            "serial": serial,
            "lineage": lineage,
            "outputs": {
                name: {"value": value, "type": "string"} for name, value in outputs.items()
            },
            "resources": resources,
        }
    ).encode()


def an_applying_task(before: bytes | None = None) -> tuple[WorkspaceTask, Claim]:
    """A task that a worker is applying, in a workspace with this state."""
    task = a_task_ready_to_apply()
    if before is not None:
        save_state_version(task.workspace_id, before)
    return task, claimed(task)


def lose_worker(task: WorkspaceTask) -> None:
    """Lets the lease of the task's running stage run out, and the reconciler find it."""
    running = TaskStage.objects.get(task=task, status="running")
    TaskStage.objects.filter(pk=running.pk).update(
        lease_until=timezone.now() - timedelta(minutes=1)
    )
    recover(running.pk, task.pk)
    task.refresh_from_db()


def save_state(task: WorkspaceTask) -> None:
    """Runs the task's ``saving_state``, which goes well."""
    claim = claimed(task)
    content = LocalAccessor(claim).applied_state().content
    version = LocalAccessor(claim).save_state(content) if content else None
    close_stage(claim, StageOutcome("done", output=SavedStateOutput(version)))
    task.refresh_from_db()


def fail_to_save_state(task: WorkspaceTask) -> None:
    """Runs the task's ``saving_state``, whose tries all fail (S4-3)."""
    finish_stage(task, result="failed", message=UNSAVED, output=SavedStateOutput(None, SAVE_LOCK))


def an_interrupted_task(
    source: StateSource = "checkpoint", *, before: bytes | None = None, after: bytes | None = None
) -> WorkspaceTask:
    """A task whose worker died while it applied; ``after`` was found in ``source`` and is saved."""
    task, _ = an_applying_task(before)
    lose_worker(task)
    finish_stage(task, output=ApplyOutput(after, source=source))
    assert task.stage == Stage.SAVING_STATE or not task.is_final
    save_state(task)
    return task


def an_unsaved_task(
    content: bytes, *, before: bytes | None = None, result: str = "done"
) -> WorkspaceTask:
    """A task whose apply ended as ``result`` says and whose state could not be saved."""
    task, claim = an_applying_task(before)
    message = "" if result == "done" else "Error: quota exceeded"
    close_stage(claim, StageOutcome(result, message, output=ApplyOutput(content)))  # type: ignore[arg-type]
    fail_to_save_state(task)
    return task
