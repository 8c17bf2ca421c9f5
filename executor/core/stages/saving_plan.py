"""Stage ``saving_plan``: what the plan says, as JSON and as a summary."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from typing import TypeVar

from executor.core import engine_command
from executor.core.context import StageContext
from executor.core.exceptions import EngineFailed, StageError
from executor.core.outcome import PlanOutput, StageOutcome
from executor.core.preparation import ensure_plan
from executor.core.redaction import Redactor
from executor.core.workdir import PLAN_FILE
from iacplatform.terraform.exceptions import PlanError
from iacplatform.terraform.plan import PlanSummary, ResourceChange, summarise

Change = TypeVar("Change", bound=ResourceChange)


def run(stage: StageContext) -> StageOutcome:
    """Reads the plan; the outcome's output is a :class:`PlanOutput`.

    A plan that cannot be shown fails a task that could be applied; any other goes on with a
    warning and without an output (reference §5.2, M1).
    """
    ensure_plan(stage)
    try:
        plan_json = engine_command.output_of(stage, "show", "-json", "-no-color", PLAN_FILE)
        summary = summarise(plan_json)
    except (EngineFailed, PlanError) as error:
        message = f"The plan cannot be shown: {error}"
        if stage.spec.task_type != "plan_only":
            raise StageError(message) from error
        stage.log.message("WARN", message)
        return StageOutcome("done", message)
    counts = f"{summary.add} to add, {summary.change} to change, {summary.destroy} to destroy"
    stage.log.message("INFO", f"Plan: {counts}")
    return StageOutcome("done", output=PlanOutput(plan_json, _masked(summary, stage.redactor)))


def _masked(summary: PlanSummary, redactor: Redactor) -> PlanSummary:
    """Masks what the plan shows because the configuration does not declare it sensitive."""
    outputs = (
        replace(
            change,
            before=redactor.redact_value(change.before),
            after=redactor.redact_value(change.after),
        )
        for change in summary.output_changes
    )
    drifted = (
        replace(each, differences=redactor.redact_value(each.differences))
        for each in _masked_changes(summary.drifted, redactor)
    )
    return replace(
        summary,
        resource_changes=_masked_changes(summary.resource_changes, redactor),
        output_changes=tuple(outputs),
        drifted=tuple(drifted),
    )


def _masked_changes(changes: Iterable[Change], redactor: Redactor) -> tuple[Change, ...]:
    masked = []
    seen: Counter[str] = Counter()
    for change in changes:
        # The key first, as in the lines of an apply, which are compared with this address.
        address = redactor.redact(redactor.redact_keys(change.address))
        seen[address] += 1
        number = seen[address]
        masked.append(
            replace(
                change,
                # Two addresses may be the same once masked; each change needs one of its own.
                address=address if number == 1 else f"{address} ({number})",
                name=redactor.redact(change.name),
                module_address=redactor.redact(change.module_address),
                before=redactor.redact_value(change.before),
                after=redactor.redact_value(change.after),
            )
        )
    return tuple(masked)
