"""One attempt at one stage, from its first log line to its outcome."""

import logging
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack, closing, nullcontext
from dataclasses import replace
from functools import partial

from executor.core.accessor import AttemptLost, DataAccessor, Phase
from executor.core.cancellation import CancelToken
from executor.core.context import StageContext
from executor.core.critical_sections import critical_sections
from executor.core.environment import log_level
from executor.core.exceptions import (
    EngineFailed,
    StageError,
    TaskCancelled,
    WorkDirectoryBusyError,
    platform_error,
)
from executor.core.log import TaskLog
from executor.core.log_shipping import LogShipper
from executor.core.outcome import StageOutcome
from executor.core.redaction import Redactor
from executor.core.settings import ExecutorSettings
from executor.core.spool import Spool
from executor.core.stages import (
    applying,
    fetching,
    init,
    planning,
    rescue,
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
    "rescue": rescue.run,
    "saving_state": saving_state.run,
}
# These finish first when a task is cancelled or its worker stops.
UNSTOPPABLE_STAGES = frozenset({"saving_plan", "rescue", "saving_state"})
CRITICAL_STAGES = UNSTOPPABLE_STAGES | {"applying"}
# These can do without the work directory, so they do not make one where there is none.
DETACHED_STAGES = frozenset({"rescue", "saving_state"})

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
    :class:`AttemptLost` is raised, when the platform takes nothing of this attempt any more. What
    the stage has recorded in its :class:`~executor.core.cleanup.CleanupTracker` is deleted unless
    it is done.
    """
    with closing(CancelToken()) as never:
        token = never if name in UNSTOPPABLE_STAGES else cancel
        try:
            stage = _context(name, accessor, settings, token, first_line, phase)
        except AttemptLost:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, the task must not hang
            return StageOutcome("failed", _context_error(error), last_line=first_line - 1)
        outcome = _logged(stage)
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
    tokens = [remote.token for remote in spec.configuration.remote_data]
    redactor = Redactor([*spec.sensitive_values, *tokens])
    workdir = WorkDirectory(settings.work_root, spec.workspace_id, spec.task_id)
    if name not in DETACHED_STAGES:
        workdir.create()
    spool = Spool(workdir.attempts, name)
    log = TaskLog(
        LogShipper(accessor, settings.log_flush_wait, spool),
        spool,
        redactor,
        name,
        first_line=first_line,
        level=log_level(spec.environment),
    )
    stage = StageContext(name, phase, spec, accessor, settings, workdir, log, cancel, redactor)
    if tokens:
        revoke = partial(accessor.revoke_tokens, tokens)
        stage.cleanup.mark_created("remote data tokens", spec.workspace_id, name, revoke)
    return stage


def _context_error(error: Exception) -> str:
    """What is wrong with a task of which no context can be made: the user's formats, or ours."""
    if isinstance(error, TerraformFormatError):
        return str(error)
    return platform_error(error, Redactor(()))


def _logged(stage: StageContext) -> StageOutcome:
    """Runs the stage between its markers; of one that is put off nothing is logged."""
    try:
        with _section(stage):
            # A rescue may have to wait for hours, in an attempt every few seconds.
            stage.log.hold_begin()
            outcome = _attempt(stage)
            if outcome.result != "done":
                _clean(stage)  # if it never got into its work directory
            if outcome.result != "postponed":
                stage.log.marker("END")
            return outcome
    finally:
        _close_log(stage)


def _section(stage: StageContext) -> AbstractContextManager[None]:
    if stage.name in CRITICAL_STAGES:
        return critical_sections.enter(stage.spec.task_id, stage.name)
    return nullcontext()


def _attempt(stage: StageContext) -> StageOutcome:
    """Runs the stage and sorts what goes wrong: the user's fault, a request to stop, or ours."""
    try:
        stage.cancel.raise_if_requested()
        return _run_locked(stage)
    except AttemptLost:
        raise
    except TaskCancelled:
        return _stopped(stage)
    except WorkDirectoryBusyError as error:
        return _busy(stage, str(error))
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


def _busy(stage: StageContext, message: str) -> StageOutcome:
    """Another host may have no such engine; but an apply is begun only once, wherever that is."""
    if stage.name != "applying":
        return StageOutcome("postponed", message)
    message = f"{message} The apply was not begun: nothing was changed."
    stage.log.message("ERROR", message)
    return StageOutcome("failed", message)


def _stopped(stage: StageContext) -> StageOutcome:
    """A stop asked for by a user, or by a worker that has to stop itself."""
    reason = stage.cancel.reason
    if not stage.cancel.handed_over:
        stage.log.message("WARN", f"The task was cancelled: {reason}")
        return StageOutcome("cancelled", reason)
    if stage.name == "applying":  # begun only once in the life of a task
        message = f"The worker had to stop ({reason}) before the apply began: nothing was changed."
        stage.log.message("ERROR", message)
        return StageOutcome("failed", message)
    stage.log.message("WARN", f"The worker stops ({reason}): another one will run this stage.")
    return StageOutcome("handed_over", reason)


def _run_locked(stage: StageContext) -> StageOutcome:
    if not _uses_work_directory(stage):
        return STAGES[stage.name](stage)
    # The engine that a lost worker leaves behind may take long to stop: no slot waits for that.
    seconds = stage.settings.lock_wait if stage.name == "applying" else 0
    with stage.workdir.lock(stage.cancel, seconds), ExitStack() as undo:
        # Before another attempt can enter: it must not build on what is deleted.
        undo.callback(_clean, stage)
        # A process that stood still before it had the lock may have been taken for dead: its stage has
        # been run, or its apply rescued. From here on others wait for the lock.
        stage.accessor.check_claim()
        stage.log.begin()
        stage.log.write_left_lines(stage.accessor.stored_lines)
        outcome = STAGES[stage.name](stage)
        if outcome.result == "done":
            undo.pop_all()
        return outcome


def _uses_work_directory(stage: StageContext) -> bool:
    if stage.name == "rescue":
        return rescue.finds_work_directory(stage)
    return stage.name not in DETACHED_STAGES


def _clean(stage: StageContext) -> None:
    for failure in stage.cleanup.clean():
        stage.log.message("WARN", failure)


def _close_log(stage: StageContext) -> None:
    """Ships the rest of the log; a platform that cannot take it must not cost the outcome."""
    try:
        stage.log.close()
    except ConnectionError:
        _logger.exception("Lines of task %s are only on this host", stage.spec.task_id)
