"""Stage ``applying``: ``terraform apply`` of the plan file. Never run twice for a task."""

import time
from datetime import UTC, datetime
from typing import Any

from executor.core import engine_command
from executor.core.accessor import ApplyStatus, AttemptLost, ResourceProgress
from executor.core.context import StageContext
from executor.core.exceptions import StageError, TaskCancelled, platform_error
from executor.core.lines import Stream
from executor.core.outcome import ApplyOutput, Result, StageOutcome
from executor.core.preparation import ensure_plan
from executor.core.workdir import PLAN_FILE, STATE_FILE
from iacplatform.terraform.apply_output import ApplyOutputParser, EventKind, ResourceEvent
from iacplatform.terraform.exceptions import StateError
from iacplatform.terraform.state import resource_ids, state_outputs

_STATUSES: dict[EventKind, ApplyStatus] = {
    "started": "applying",
    "completed": "completed",
    "failed": "failed",
}


def run(stage: StageContext) -> StageOutcome:
    """Applies the plan; the outcome's output is an :class:`ApplyOutput` however it ended.

    An apply that was told to stop and yet came to its end is done, not cancelled. An error of the
    platform fails the stage with the state all the same: by then the engine may have changed
    anything.
    """
    ensure_plan(stage)
    try:
        outcome, message = _apply(stage)
    except (AttemptLost, StageError, TaskCancelled):
        raise  # the last two only come before the engine is started
    except Exception as error:  # noqa: BLE001 - whatever it is, the state must not be lost
        outcome, message = "failed", platform_error(error, stage.redactor)
        stage.log.message("ERROR", message)
    return _with_state(stage, outcome, message)


def _apply(stage: StageContext) -> tuple[Result, str]:
    """Runs the engine; returns how that ended, with the engine's error or the reason to stop."""
    parser = ApplyOutputParser(stage.spec.replaced)

    def read_progress(line: str, _: Stream) -> None:
        # The plan's addresses have masked keys, too.
        _report(stage, parser.feed(stage.redactor.redact_keys(line)))

    arguments = ("apply", "-no-color", "-input=false", "-auto-approve", PLAN_FILE)
    grace = stage.settings.apply_grace
    result = engine_command.run(stage, *arguments, grace=grace, consumers=[read_progress])
    _report(stage, parser.finish())
    if result.succeeded:
        return "done", ""
    if result.cancelled:
        return "cancelled", stage.cancel.reason
    stage.log.message("ERROR", "The engine failed.")
    return "failed", result.error


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
    content = _read_state(stage)
    if content is None:
        return StageOutcome(outcome, message, output=ApplyOutput(None))
    try:
        outputs = state_outputs(content, mask=True)
    except StateError as error:
        unreadable = f"The engine has left a state file that cannot be read: {error}"
        stage.log.message("ERROR", unreadable)
        failed: Result = "failed" if outcome == "done" else outcome
        return StageOutcome(failed, f"{message}\n{unreadable}".strip(), output=ApplyOutput(None))
    output = ApplyOutput(content, _masked(stage, outputs), _masked_ids(stage, content))
    return StageOutcome(outcome, message, output=output)


def _masked(stage: StageContext, outputs: dict[str, Any]) -> dict[str, Any]:
    """Masks the values; outputs nested too deeply for that are left out, the state is not."""
    redact = stage.redactor.redact_value
    try:
        return {
            name: output | {"value": redact(output["value"])} for name, output in outputs.items()
        }
    except RecursionError:
        stage.log.message("WARN", "The outputs are nested too deeply to be shown.")
        return {}


def _masked_ids(stage: StageContext, content: bytes) -> dict[str, str]:
    """The ids by the addresses that the plan's resource changes have."""
    redact, redact_keys = stage.redactor.redact, stage.redactor.redact_keys
    return {
        redact(redact_keys(address)): redact(resource_id)
        for address, resource_id in resource_ids(content).items()
    }


def _read_state(stage: StageContext) -> bytes | None:
    """Reads the state file, again after a wait where this machine has no file descriptor left."""
    for wait in stage.settings.state_save_waits:
        try:
            return stage.workdir.read(STATE_FILE)
        except OSError as error:
            stage.log.message("WARN", f"The state file cannot be read yet: {error}")
            time.sleep(wait)
    return stage.workdir.read(STATE_FILE)
