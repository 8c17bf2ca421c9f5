"""Stage ``applying``: ``terraform apply`` of the plan file. Never run twice for a task."""

from datetime import UTC, datetime

from executor.core import engine_command
from executor.core.accessor import ApplyStatus, AttemptLost, ResourceProgress
from executor.core.checkpoints import checkpoints
from executor.core.context import StageContext
from executor.core.exceptions import StageError, TaskCancelled, platform_error
from executor.core.lines import Stream
from executor.core.outcome import ApplyOutput, Result, StageOutcome
from executor.core.preparation import ensure_plan
from executor.core.state_output import read_state_file, state_output
from executor.core.workdir import PLAN_FILE
from iacplatform.terraform.apply_output import ApplyOutputParser, EventKind, ResourceEvent
from iacplatform.terraform.exceptions import StateError

_STATUSES: dict[EventKind, ApplyStatus] = {
    "started": "applying",
    "completed": "completed",
    "failed": "failed",
}


def run(stage: StageContext) -> StageOutcome:
    """Applies the plan; the outcome's output is an :class:`ApplyOutput` however it ended.

    An apply that was told to stop and yet came to its end is done, not cancelled. An error of the
    platform fails the stage with the state all the same: by then the engine may have changed
    anything. Where it is the state that cannot be had, the output says ``nothing``.
    """
    ensure_plan(stage)
    try:
        outcome, message = _apply(stage)
    except (AttemptLost, StageError, TaskCancelled):
        raise  # the last two only come before the engine is started
    except Exception as error:  # noqa: BLE001 - whatever it is, the state must not be lost
        outcome, message = "failed", platform_error(error, stage.redactor)
        stage.log.message("ERROR", message)
    try:
        return _with_state(stage, outcome, message)
    except AttemptLost:
        raise
    except Exception as error:  # noqa: BLE001 - without an output the workspace would be unlocked
        lost = f"The state of the apply was not found: {platform_error(error, stage.redactor)}"
        stage.log.message("ERROR", lost)
    return _not_done(outcome, message, lost, ApplyOutput(None, source="nothing"))


def _apply(stage: StageContext) -> tuple[Result, str]:
    """Runs the engine; returns how that ended, with the engine's error or the reason to stop."""
    parser = ApplyOutputParser(stage.spec.replaced)

    def read_progress(line: str, _: Stream) -> None:
        # The plan's addresses have masked keys, too.
        _report(stage, parser.feed(stage.redactor.redact_keys(line)))

    arguments = ("apply", "-no-color", "-input=false", "-auto-approve", PLAN_FILE)
    grace = stage.settings.apply_grace
    with checkpoints(stage.accessor, stage.workdir):
        result = engine_command.run(stage, *arguments, grace=grace, consumers=[read_progress])
    _report(stage, parser.finish())
    if result.succeeded:
        return "done", ""
    if result.cancelled:
        return _stopped(stage)
    stage.log.message("ERROR", "The engine failed.")
    return "failed", result.error


def _stopped(stage: StageContext) -> tuple[Result, str]:
    """An apply is begun only once: one whose worker had to stop cannot be handed over."""
    reason = stage.cancel.reason
    if not stage.cancel.handed_over:
        return "cancelled", reason
    message = f"The apply was stopped because its worker had to stop: {reason}"
    stage.log.message("ERROR", message)
    return "failed", message


def _report(stage: StageContext, events: list[ResourceEvent]) -> None:
    redact = stage.redactor.redact
    for event in events:
        if event.action != "read":
            progress = ResourceProgress(
                address=redact(event.address),
                status=_STATUSES[event.kind],
                at=datetime.now(UTC),
                resource_id=redact(event.resource_id),
                error=redact(event.error),
            )
            stage.log.progress(progress)


def _with_state(stage: StageContext, outcome: Result, message: str) -> StageOutcome:
    """Adds the state file and its outputs; a file that is no state is not handed on."""
    content = read_state_file(stage)
    if content is None:
        return StageOutcome(outcome, message, output=ApplyOutput(None))
    try:
        return StageOutcome(outcome, message, output=state_output(stage, content))
    except StateError as error:
        unreadable = f"The engine has left a state file that cannot be read: {error}"
        stage.log.message("ERROR", unreadable)
    return _not_done(outcome, message, unreadable, _last_checkpoint(stage))


def _not_done(outcome: Result, message: str, why: str, output: ApplyOutput) -> StageOutcome:
    failed: Result = "failed" if outcome == "done" else outcome
    return StageOutcome(failed, f"{message}\n{why}".strip(), output=output)


def _last_checkpoint(stage: StageContext) -> ApplyOutput:
    """What is known of the state when the engine was killed while it wrote it."""
    checkpoint = stage.accessor.checkpoint()
    if checkpoint is None:
        return ApplyOutput(None, source="nothing")
    stage.log.message("WARN", "The state of the last checkpoint is taken instead.")
    return state_output(stage, checkpoint, "checkpoint")
