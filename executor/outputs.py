"""Storing what a stage made, inside the transaction that closes it."""

import json
from dataclasses import asdict, replace
from functools import singledispatch
from typing import Any

from django.db.models.functions import Now

from executor.claims import Claim
from executor.core.outcome import (
    ApplyOutput,
    InitOutput,
    PlanFileOutput,
    PlanOutput,
    SavedStateOutput,
    StageOutcome,
    StageOutput,
)
from executor.interruption import store_interrupted
from iacplatform.terraform.plan import DriftedResource
from iacplatform.terraform.plan import ResourceChange as PlannedChange
from workspaces.models import (
    AppliedState,
    ResourceChange,
    StateCheckpoint,
    StateSource,
    TaskPlan,
    TaskSnapshot,
    Workspace,
    WorkspaceTask,
)
from workspaces.task_status import Stage

CHANGES_PER_INSERT = 1000


@singledispatch
def store_output(output: StageOutput, claim: Claim, outcome: StageOutcome) -> None:
    """Writes a stage's output to the rows where later stages and the API look for it."""
    raise TypeError(f"nothing stores a {type(output).__name__}")


@store_output.register
def _(output: InitOutput, claim: Claim, outcome: StageOutcome) -> None:
    TaskSnapshot.objects.filter(task_id=claim.task_id).update(lock_file=output.lock_file)
    Workspace.objects.filter(pk=claim.workspace_id).update(
        lock_file=output.lock_file,
        last_init_hash=output.init_hash,
        last_init_engine_version=output.engine_version,
    )


@store_output.register
def _(output: PlanFileOutput, claim: Claim, outcome: StageOutcome) -> None:
    TaskPlan.objects.update_or_create(
        task_id=claim.task_id, defaults={"plan_file": output.content, "plan_json": None}
    )
    WorkspaceTask.objects.filter(pk=claim.task_id).update(
        plan_hash=output.plan_hash, plan_host=claim.host
    )


@store_output.register
def _(output: PlanOutput, claim: Claim, outcome: StageOutcome) -> None:
    summary = output.summary
    TaskPlan.objects.filter(task_id=claim.task_id).update(
        plan_json=output.plan_json,
        output_changes=_storable([asdict(change) for change in summary.output_changes]),
        drifted=[_drifted(resource) for resource in summary.drifted],
    )
    WorkspaceTask.objects.filter(pk=claim.task_id).update(
        changes_add=summary.add,
        changes_change=summary.change,
        changes_destroy=summary.destroy,
        has_changes=summary.has_changes,
    )
    Workspace.objects.filter(pk=claim.workspace_id).update(last_plan_at=Now())
    ResourceChange.objects.filter(task_id=claim.task_id).delete()
    ResourceChange.objects.bulk_create(
        (_change_row(claim.task_id, change) for change in summary.resource_changes),
        batch_size=CHANGES_PER_INSERT,
    )


@store_output.register
def _(output: ApplyOutput, claim: Claim, outcome: StageOutcome) -> None:
    output = _or_checkpoint(output, claim.task_id)
    if claim.name == Stage.RESCUE:
        store_interrupted(claim.task_id, claim.token, output.state, StateSource(output.source))
    else:
        _store_applied(output, claim, outcome)
    WorkspaceTask.objects.filter(pk=claim.task_id).update(outputs=_storable(output.outputs))
    _complete_ids(claim.task_id, output.resource_ids)


def _or_checkpoint(output: ApplyOutput, task_id: int) -> ApplyOutput:
    """Takes the last checkpoint where the worker could not read any state, nor ask for one."""
    if output.source != "nothing":
        return output
    checkpoint = StateCheckpoint.objects.filter(task_id=task_id).first()
    return replace(output, state=checkpoint.content, source="checkpoint") if checkpoint else output


def _store_applied(output: ApplyOutput, claim: Claim, outcome: StageOutcome) -> None:
    succeeded = outcome.result == "done"
    AppliedState.objects.create(
        task_id=claim.task_id,
        token=claim.token,
        content=output.state,
        succeeded=succeeded,
        cancelled=outcome.result == "cancelled",
        error="" if succeeded else outcome.message,
        source=output.source,
    )
    StateCheckpoint.objects.filter(task_id=claim.task_id).delete()


@store_output.register
def _(output: SavedStateOutput, claim: Claim, outcome: StageOutcome) -> None:
    Workspace.objects.filter(pk=claim.workspace_id).update(last_apply_at=Now())


def _complete_ids(task_id: int, resource_ids: dict[str, str]) -> None:
    """Fills in the cloud's ids that the engine did not print (reference §5.8, step 6)."""
    lacking = ResourceChange.objects.filter(task_id=task_id, resource_id="")
    rows = list(lacking.only("id", "resource_address"))
    for row in rows:
        row.resource_id = resource_ids.get(row.resource_address, "")
    ResourceChange.objects.bulk_update(rows, ["resource_id"], batch_size=CHANGES_PER_INSERT)


def _change_row(task_id: int, change: PlannedChange) -> ResourceChange:
    return ResourceChange(
        task_id=task_id,
        resource_address=change.address,
        resource_type=change.resource_type,
        resource_name=change.name,
        module_address=change.module_address,
        action=change.action,
        changes_before=_storable(change.before),
        changes_after=_storable(change.after),
    )


def _drifted(resource: DriftedResource) -> dict[str, Any]:
    """What is kept of it: only what differs, not the whole resource."""
    return {
        "address": resource.address,
        "resource_type": resource.resource_type,
        "name": resource.name,
        "action": resource.action,
        "differences": resource.differences,
    }


def _storable(value: Any) -> Any:
    """The value without NUL characters, which PostgreSQL's jsonb cannot hold."""
    return _without_nul(value) if "\\u0000" in json.dumps(value) else value


def _without_nul(value: Any) -> Any:
    if isinstance(value, str):
        return value.replace("\0", "\ufffd")
    if isinstance(value, dict):
        return {_without_nul(key): _without_nul(item) for key, item in value.items()}
    return [_without_nul(item) for item in value] if isinstance(value, list) else value
