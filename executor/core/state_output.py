"""The state that an apply has left, and what is handed over of it: no secrets outside of it."""

import time
from typing import Any

from executor.core.context import StageContext
from executor.core.outcome import ApplyOutput, StateSource
from executor.core.workdir import STATE_FILE
from iacplatform.terraform.state import resource_ids, state_outputs


def read_state_file(stage: StageContext) -> bytes | None:
    """Returns the state file of the work directory, ``None`` where there is none.

    Reads again after a wait where this machine has no file descriptor left; raises
    :class:`OSError` at last.
    """
    for wait in stage.settings.state_save_waits:
        try:
            return stage.workdir.read(STATE_FILE)
        except OSError as error:
            stage.log.message("WARN", f"The state file cannot be read yet: {error}")
            time.sleep(wait)
    return stage.workdir.read(STATE_FILE)


def state_output(
    stage: StageContext, content: bytes, source: StateSource = "engine"
) -> ApplyOutput:
    """Returns what a stage hands over of a state; raises :class:`StateError` if it is none."""
    outputs = _masked(stage, state_outputs(content, mask=True))
    return ApplyOutput(content, outputs, _masked_ids(stage, content), source)


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
