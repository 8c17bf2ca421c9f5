"""Stage ``rescue``: the state of an apply whose worker was lost (design §3). It cannot be cancelled.

The engine is told to stop when its worker dies, and stops by itself. What it has done is in the work
directory of its host, or else in the last checkpoint. It is never started again.
"""

from executor.core.context import StageContext
from executor.core.outcome import ApplyOutput, StageOutcome
from executor.core.state_output import read_state_file, state_output
from iacplatform.terraform.exceptions import StateError
from iacplatform.terraform.state import read_state

_CHECKPOINT = (
    "The state is the last checkpoint, serial {serial}. What the engine did later is not in it: in the"
    " last second of its worker, and while it stopped. A drift check shows what it knows wrongly."
)
_NOTHING = (
    "No state of the apply was found, neither in a work directory nor as a checkpoint: what the engine"
    " did is in no state."
)


def finds_work_directory(stage: StageContext) -> bool:
    """Says whether this is the host that applied, with the work directory still there."""
    return stage.spec.apply_owner == stage.settings.host and stage.workdir.exists()


def run(stage: StageContext) -> StageOutcome:
    """Finds the newest state of the apply; the outcome's output is an :class:`ApplyOutput`.

    Where :func:`finds_work_directory`, the caller holds the directory's lock.
    """
    lost = f"The worker on {stage.spec.apply_owner} was lost while it applied."
    stage.log.message("WARN", f"{lost} A plan is never applied twice: only its state is saved.")
    checkpoint = stage.accessor.checkpoint()
    message, output = _in_work_directory(stage, checkpoint) or _in_checkpoint(stage, checkpoint)
    stage.log.message("INFO" if output.source == "work_directory" else "WARN", message)
    return StageOutcome("done", message, output=output)


def _in_work_directory(
    stage: StageContext, checkpoint: bytes | None
) -> tuple[str, ApplyOutput] | None:
    """What the work directory has, with a sentence on it; ``None`` if that cannot be used."""
    if not finds_work_directory(stage):
        message = f"The work directory of the apply is not here, on {stage.settings.host}."
        stage.log.message("WARN", message)
        return None
    known = checkpoint or stage.accessor.current_state()
    content = read_state_file(stage)
    place = f"in the work directory on {stage.settings.host}"
    if content is None and known is None:
        message = f"There is no state {place}: the engine had not made anything."
        return message, ApplyOutput(None, source="work_directory")
    try:
        serial = _accepted_serial(content, known)
    except StateError as error:
        stage.log.message("WARN", f"The state file {place} is not used. {error}")
        return None
    message = f"The state was found {place}, whole, with the serial {serial}."
    return message, state_output(stage, content or b"", "work_directory")


def _in_checkpoint(stage: StageContext, checkpoint: bytes | None) -> tuple[str, ApplyOutput]:
    if checkpoint is None:
        return _NOTHING, ApplyOutput(None, source="nothing")
    message = _CHECKPOINT.format(serial=read_state(checkpoint).serial)
    return message, state_output(stage, checkpoint, "checkpoint")


def _accepted_serial(content: bytes | None, known: bytes | None) -> int:
    """Returns a state's serial; raises :class:`StateError` unless it may follow ``known``.

    The same serial is as good: an engine that has changed nothing has not written its state.
    """
    if content is None:
        raise StateError("It is missing.")
    state = read_state(content)
    if known is None:
        return state.serial
    newest = read_state(known)
    if state.lineage != newest.lineage:
        raise StateError("It is of another lineage.")
    if state.serial < newest.serial:
        raise StateError(f"Its serial is {state.serial}, but {newest.serial} is known already.")
    return state.serial
