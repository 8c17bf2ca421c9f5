"""One attempt at one stage, from its first log line to its outcome."""

import logging
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace

from executor.core.accessor import AttemptLost, DataAccessor, Phase
from executor.core.cancellation import CancelToken
from executor.core.context import StageContext
from executor.core.environment import log_level
from executor.core.exceptions import EngineFailed, StageError, TaskCancelled, platform_error
from executor.core.log import TaskLog
from executor.core.log_shipping import LogShipper
from executor.core.outcome import StageOutcome
from executor.core.redaction import Redactor
from executor.core.settings import ExecutorSettings
from executor.core.stages import (
    applying,
    fetching,
    init,
    planning,
    restoring_plan,
    saving_plan,
    saving_state,
)
from executor.core.workdir import WorkDirectory
from iacplatform.terraform.archive import ArchiveError
from iacplatform.terraform.exceptions import TerraformFormatError

STAGES: dict[str, Callable[[StageContext], StageOutcome]] = {
    "fetching": fetching.run,
    "init": init.run,
    "planning": planning.run,
    "saving_plan": saving_plan.run,
    "restoring_plan": restoring_plan.run,
    "applying": applying.run,
    "saving_state": saving_state.run,
}
# These finish first when a task is cancelled.
CRITICAL_STAGES = frozenset({"saving_plan", "saving_state"})
# These do not need the work directory, so they do not make one where there is none.
DETACHED_STAGES = frozenset({"saving_state"})

_logger = logging.getLogger(__name__)


def run_stage(
    name: str,
    accessor: DataAccessor,
    settings: ExecutorSettings,
    cancel: CancelToken,
    *,
    first_line: int,
    phase: Phase,
) -> StageOutcome:
    """Runs a stage of :data:`STAGES` in the calling thread and returns how it ended.

    Its log lines are numbered from ``first_line``. Whatever goes wrong becomes an outcome; only
    :class:`AttemptLost` is raised, when the platform takes nothing of this attempt any more.
    """
    with closing(CancelToken()) as never:
        token = never if name in CRITICAL_STAGES else cancel
        try:
            stage = _context(name, accessor, settings, token, first_line, phase)
        except AttemptLost:
            raise
        except TerraformFormatError as error:
            return StageOutcome("failed", str(error), last_line=first_line - 1)
        except Exception as error:  # noqa: BLE001 - whatever it is, the task must not hang
            message = platform_error(error, Redactor(()))
            return StageOutcome("failed", message, last_line=first_line - 1)
        try:
            stage.log.marker("BEGIN")
            outcome = _attempt(stage)
            stage.log.marker("END")
        finally:
            _close_log(stage)
    message = stage.redactor.redact(outcome.message)
    return replace(outcome, message=message, last_line=stage.log.last_line)


def _context(
    name: str,
    accessor: DataAccessor,
    settings: ExecutorSettings,
    cancel: CancelToken,
    first_line: int,
    phase: Phase,
) -> StageContext:
    spec = accessor.task()
    tokens = (remote.token for remote in spec.configuration.remote_data)
    redactor = Redactor([*spec.sensitive_values, *tokens])
    workdir = WorkDirectory(settings.work_root, spec.workspace_id, spec.task_id)
    if name not in DETACHED_STAGES:
        workdir.create()
    log = TaskLog(
        LogShipper(accessor, settings.log_flush_wait),
        redactor,
        name,
        first_line=first_line,
        path=workdir.log_path(phase) if workdir.exists() else None,
        level=log_level(spec.environment),
    )
    return StageContext(name, phase, spec, accessor, settings, workdir, log, cancel, redactor)


def _attempt(stage: StageContext) -> StageOutcome:
    """Runs the stage and sorts what goes wrong: the user's fault, a request to stop, or ours."""
    try:
        stage.cancel.raise_if_requested()
        return _run_locked(stage)
    except AttemptLost:
        raise
    except TaskCancelled as error:
        stage.log.message("WARN", f"The task was cancelled: {error}")
        return StageOutcome("cancelled", str(error))
    except EngineFailed as error:
        stage.log.message("ERROR", "The engine failed.")  # its own words are in the log already
        return StageOutcome("failed", str(error))
    except (StageError, ArchiveError, TerraformFormatError) as error:
        stage.log.message("ERROR", str(error))
        return StageOutcome("failed", str(error))
    except Exception as error:  # noqa: BLE001 - whatever it is, the task must not hang
        message = platform_error(error, stage.redactor)
        stage.log.message("ERROR", message)
        return StageOutcome("failed", message)


def _run_locked(stage: StageContext) -> StageOutcome:
    if stage.name in DETACHED_STAGES:
        return STAGES[stage.name](stage)
    with stage.workdir.lock(stage.cancel, stage.settings.lock_wait):
        return STAGES[stage.name](stage)


def _close_log(stage: StageContext) -> None:
    """Ships the rest of the log; a platform that cannot take it must not cost the outcome."""
    try:
        stage.log.close()
    except ConnectionError:
        _logger.exception("Lines of task %s are only on this host", stage.spec.task_id)
