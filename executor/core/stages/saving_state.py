"""Stage ``saving_state``: the state of an apply as a new version, or locked away in a backup.

Runs anywhere: the state was stored when ``applying`` was closed. It cannot be cancelled.
"""

import json
import logging
import time
from pathlib import Path

from executor.core.accessor import AttemptLost
from executor.core.context import StageContext
from executor.core.outcome import SavedStateOutput, StageOutcome
from executor.core.workdir import write_private

_logger = logging.getLogger(__name__)


def run(stage: StageContext) -> StageOutcome:
    """Saves the state if it has changed; the outcome's output is a :class:`SavedStateOutput`.

    Reading and storing are one try. A state that cannot be stored after all tries fails the stage,
    with a ``lock_reason`` for the workspace (reference §5.8, O5).
    """
    backup = ""
    for wait in (*stage.settings.state_save_waits, None):
        try:
            content = stage.accessor.applied_state().content
            if content is not None:
                backup = backup or _back_up(stage, content)
            outcome = _save(stage, content)
        except AttemptLost:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, the state must not be lost
            _logger.warning("Saving a state failed: %s", type(error).__name__)
            stage.log.message("WARN", f"The state could not be saved: {error}")
        else:
            _remove(backup)
            return outcome
        if wait is not None:
            stage.log.message("INFO", f"Trying again in {wait:g} s.")
            time.sleep(wait)
    return _locked(stage, backup)


def _save(stage: StageContext, content: bytes | None) -> StageOutcome:
    if content is None or _same(content, stage.accessor.current_state()):
        stage.log.message("INFO", "The state has not changed.")
        return StageOutcome("done", output=SavedStateOutput())
    version = stage.accessor.save_state(content)
    stage.log.message("INFO", f"State version {version} is saved.")
    return StageOutcome("done", output=SavedStateOutput(version))


def _locked(stage: StageContext, backup: str) -> StageOutcome:
    kept = "the platform still holds the state it was given when applying ended"
    failed = f"Auto-locked: State save failed for task {stage.spec.task_id}."
    reason = f"{failed} State backed up to {backup}" if backup else f"{failed} No backup: {kept}."
    place = f"backup at: {backup}" if backup else f"no backup: {kept}"
    message = f"state save failed, workspace locked, {place}"
    stage.log.message("ERROR", message)
    return StageOutcome("failed", message, output=SavedStateOutput(None, reason))


def _same(content: bytes, current: bytes | None) -> bool:
    """Compares what the states say: a store may keep JSON in another spelling."""
    if current is None or content == current:
        return content == current
    try:
        return bool(json.loads(content) == json.loads(current))
    except ValueError:
        return False


def _remove(backup: str) -> None:
    """A state holds secrets: once it is stored encrypted, no copy stays in clear text."""
    if backup:
        Path(backup).unlink(missing_ok=True)


def _back_up(stage: StageContext, content: bytes) -> str:
    """Writes the backup and returns its path, empty when that is not possible."""
    folder: Path = stage.settings.backup_dir
    spec = stage.spec
    name = f"ws_{spec.workspace_id}_task_{spec.task_id}_{int(time.time())}.tfstate"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_private(folder / name, content)
    except OSError as error:
        stage.log.message("ERROR", f"No backup of the state could be written: {error}")
        return ""
    return str(folder / name)
