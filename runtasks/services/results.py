"""Results: how a gate's questions are asked, batch by batch, and what their answers mean for the task.

A result ends by one conditional UPDATE, in a transaction of its own. Only then the gate is looked at, with
its row locked: of several results that end at once, the last sees all of them. Where a process dies
in between, the sweep's review does it.
"""

from datetime import timedelta
from typing import Any

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models.functions import Now

from executor.pipeline import review_gate
from iacplatform.common.outbox import enqueue
from runtasks.models import UNSUCCESSFUL, ResultStatus, RunTaskResult, RunTaskStage
from runtasks.services.payload import common_payload, result_payload
from runtasks.services.selection import Applicable, applicable_run_tasks
from runtasks.services.tokens import issue_token
from workspaces.gates import Answer, Refused
from workspaces.models import TaskStage
from workspaces.task_status import StageStatus

WEBHOOK = "runtasks.webhook"
GATE_SUFFIX = "_run_tasks"
logger = structlog.get_logger(__name__)


def stage_of(gate_name: str) -> RunTaskStage:
    """The stage whose gate this is: ``post_plan_run_tasks`` is ``post_plan``'s."""
    return RunTaskStage(gate_name.removesuffix(GATE_SUFFIX))


def ask(gate: TaskStage) -> Answer:
    """Writes a result for every RunTask that is asked at this gate and asks the first batch.

    Each result has a copy of the RunTask's terms: what is edited later changes nothing (F34).
    """
    stage = stage_of(gate.name)
    found = applicable_run_tasks(gate.task.workspace, stage)
    results = RunTaskResult.objects.bulk_create(_new_result(gate, stage, each) for each in found)
    _ask_next(gate, results)
    TaskStage.objects.filter(pk=gate.pk).update(started_at=Now())
    return "wait" if results else "open"


def _new_result(gate: TaskStage, stage: RunTaskStage, asked: Applicable) -> RunTaskResult:
    run_task = asked.run_task
    return RunTaskResult(
        task=gate.task,
        gate=gate,
        run_task=run_task,
        workspace_run_task=asked.attachment,
        run_task_name=run_task.name,
        endpoint_url=run_task.endpoint_url,
        stage=stage,
        enforcement_level=asked.enforcement_level,
        priority=asked.priority,
        timeout_seconds=run_task.timeout_seconds,
        max_run_seconds=run_task.max_run_seconds,
    )


def review(gate: TaskStage) -> Answer | Refused:
    """Goes on with a gate's batches and says what its answers mean so far.

    A mandatory result that did not pass ends the gate at once: what is still open is skipped. For who
    has the gate's row to themselves.
    """
    rows = gate.run_task_results.light().select_related("run_task").defer("run_task__hmac_key")
    results = list(rows.order_by("priority", "pk"))
    blocking = next((result for result in results if result.blocks), None)
    if blocking is not None:
        name = blocking.run_task_name
        gate.run_task_results.close(
            ResultStatus.SKIPPED, f"Not awaited: the mandatory run task {name} did not pass"
        )
        return Refused(f"Mandatory run task {name} {_verdict(blocking)}")
    awaited = [result for result in results if result.is_open]
    if not awaited:
        _note_warnings(gate)
        return "open"
    _ask_next(gate, awaited)
    return "wait"


def awaits_answers(gate_id: int) -> bool:
    """Whether a gate's results say no more than that somebody has yet to answer.

    Locks nothing and reads little: the sweep asks this of every gate at which a task waits.
    """
    rows = RunTaskResult.objects.filter(gate=gate_id)
    results = list(rows.only("status", "stage", "enforcement_level", "requested_at"))
    asked = any(result.is_open and result.requested_at for result in results)
    return asked and not any(result.blocks for result in results)


def _ask_next(gate: TaskStage, awaited: list[RunTaskResult]) -> None:
    """Asks the batch of the lowest priority, unless a batch is being asked."""
    if not awaited or any(result.requested_at for result in awaited):
        return
    priority = min(result.priority for result in awaited)
    common = common_payload(gate, priority)
    for result in awaited:
        if result.priority == priority:
            result.task = gate.task
            _send(result, common)


def _verdict(result: RunTaskResult) -> str:
    said = "timed out" if result.status == ResultStatus.TIMEOUT else f"ended as {result.status}"
    return f"{said}: {result.message}" if result.message else said


def _send(result: RunTaskResult, common: dict[str, Any]) -> None:
    """Gives the result its token and its end, and writes its webhook into the outbox."""
    result.access_token = issue_token(result)
    result.request_payload = common | result_payload(result)
    RunTaskResult.objects.filter(pk=result.pk).update(
        access_token=result.access_token,
        request_payload=result.request_payload,
        requested_at=Now(),
        max_run_timeout_at=Now() + timedelta(seconds=result.max_run_seconds),
    )
    run_task = result.run_task
    enqueue(
        WEBHOOK,
        key=f"run-task-result:{result.result_id}",
        payload={"result_id": result.result_id},
        destination=run_task.run_task_id if run_task else "",
        max_attempts=len(settings.RUN_TASK_WEBHOOK_WAITS) + 1,
        waits=settings.RUN_TASK_WEBHOOK_WAITS,
    )


def review_locked(gate_id: int) -> Answer | Refused:
    """:func:`review` with the gate's row locked until the transaction ends; of a closed gate, ``wait``."""
    locked = TaskStage.objects.select_for_update(of=("self",), no_key=True)
    waiting = locked.filter(pk=gate_id, status=StageStatus.WAITING)
    gate = waiting.select_related("task__workspace__organization").first()
    return "wait" if gate is None else review(gate)


def settle(gate_id: int) -> None:
    """Moves a task on from its gate, if its results say so; callable at any time, by anybody.

    Whatever goes wrong is logged: the results are stored, and the sweep's review comes back to the gate.
    """
    try:
        with transaction.atomic():
            review_gate(gate_id)
    except Exception:  # whose fault it ever is, it is not that of who has just answered
        logger.exception("gate_not_settled", gate_id=gate_id)


def _note_warnings(gate: TaskStage) -> None:
    """Leaves in the timeline what did not pass and yet held nobody up."""
    unsuccessful = gate.run_task_results.filter(status__in=UNSUCCESSFUL).light()
    warnings = [
        f"{each.run_task_name} ({each.enforcement_level}) {_verdict(each)}" for each in unsuccessful
    ]
    if not warnings:
        return
    TaskStage.objects.filter(pk=gate.pk).update(message="Warning: " + "; ".join(warnings))
    logger.warning(
        "run_tasks_did_not_pass", task_id=gate.task_id, gate=gate.name, warnings=warnings
    )
