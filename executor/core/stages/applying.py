"""Stage ``applying``: ``terraform apply`` of the plan file. Never run twice for a task."""

from datetime import UTC, datetime

from executor.core import engine_command
from executor.core.accessor import ApplyStatus, ResourceProgress
from executor.core.context import StageContext
from executor.core.lines import Stream
from executor.core.outcome import ApplyOutput, Result, StageOutcome
from executor.core.preparation import ensure_plan
from executor.core.workdir import PLAN_FILE, STATE_FILE
from iacplatform.terraform.apply_output import ApplyOutputParser, EventKind, ResourceEvent
from iacplatform.terraform.exceptions import StateError
from iacplatform.terraform.state import state_outputs

_STATUSES: dict[EventKind, ApplyStatus] = {
    "started": "applying",
    "completed": "completed",
    "failed": "failed",
}


def run(stage: StageContext) -> StageOutcome:
    """Applies the plan; the outcome's output is an :class:`ApplyOutput` however it ended.

    An apply that was told to stop and yet came to its end is done, not cancelled.
    """
    ensure_plan(stage)
    parser = ApplyOutputParser(stage.spec.replaced)

    def read_progress(line: str, _: Stream) -> None:
        _report(stage, parser.feed(line))

    arguments = ("apply", "-no-color", "-input=false", "-auto-approve", PLAN_FILE)
    grace = stage.settings.apply_grace
    result = engine_command.run(stage, *arguments, grace=grace, consumers=[read_progress])
    _report(stage, parser.finish())
    outcome: Result = "done" if result.succeeded else "failed"
    if result.cancelled and not result.succeeded:
        outcome = "cancelled"
    if outcome == "failed":
        stage.log.message("ERROR", "The engine failed.")
    message = stage.cancel.reason if outcome == "cancelled" else result.error
    return _with_state(stage, outcome, message)


def _report(stage: StageContext, events: list[ResourceEvent]) -> None:
    redact = stage.redactor.redact
    for event in events:
        if event.action != "read":
            progress = ResourceProgress(
                address=event.address,
                status=_STATUSES[event.kind],
                at=datetime.now(UTC),
                resource_id=redact(event.resource_id),
                error=redact(event.error),
            )
            stage.log.progress(progress)


def _with_state(stage: StageContext, outcome: Result, message: str) -> StageOutcome:
    """Adds the state file and its outputs; a file that is no state is not handed on."""
    content = stage.workdir.read(STATE_FILE)
    if content is None:
        return StageOutcome(outcome, message, output=ApplyOutput(None))
    try:
        outputs = state_outputs(content, mask=True)
    except StateError as error:
        unreadable = f"The engine has left a state file that cannot be read: {error}"
        stage.log.message("ERROR", unreadable)
        failed: Result = "failed" if outcome == "done" else outcome
        return StageOutcome(failed, f"{message}\n{unreadable}".strip(), output=ApplyOutput(None))
    return StageOutcome(outcome, message, output=ApplyOutput(content, outputs))
