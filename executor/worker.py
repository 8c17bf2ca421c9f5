"""A worker process: claims a stage, runs it through the core, closes it."""

from functools import lru_cache
from pathlib import Path
from typing import cast

import structlog
from django.conf import settings
from django.db import InterfaceError, OperationalError, connection

from executor.background import must_leave_room
from executor.claims import Claim, claim_stage, leave_unknown, new_token
from executor.core.accessor import Phase
from executor.core.outcome import ApplyOutput, StageOutcome
from executor.core.run import run_stage as run_core_stage
from executor.core.settings import ExecutorSettings
from executor.dispatch import dispatch
from executor.exceptions import Fenced
from executor.leftovers import try_to_remove
from executor.local_accessor import LocalAccessor
from executor.pipeline import close_stage
from executor.running import running_stages
from iacplatform.common.retry import is_away, retry_transaction, sqlstate
from workspaces.models import Workspace

CLAIM_SECONDS = 20.0
logger = structlog.get_logger(__name__)


@lru_cache(maxsize=1)
def executor_settings() -> ExecutorSettings:
    """The core's settings, from Django's."""
    config_file = settings.ENGINE_CLI_CONFIG_FILE
    return ExecutorSettings(
        work_root=Path(settings.WORK_ROOT),
        engines_dir=Path(settings.ENGINES_DIR),
        plugin_cache_dir=Path(settings.PLUGIN_CACHE_DIR),
        backup_dir=Path(settings.STATE_BACKUP_DIR),
        host=settings.WORKER_HOST,
        engine_url_schemes=frozenset(settings.ENGINE_URL_SCHEMES),
        plan_grace=settings.PLAN_GRACE_SECONDS,
        force_grace=settings.FORCE_GRACE_SECONDS,
        apply_grace=settings.APPLY_GRACE_SECONDS,
        init_waits=tuple(settings.INIT_RETRY_WAITS),
        state_save_waits=tuple(settings.STATE_SAVE_WAITS),
        cli_config_file=Path(config_file) if config_file else None,
        max_archive_bytes=settings.ARCHIVE_MAX_UNPACKED_BYTES,
        max_archive_files=settings.ARCHIVE_MAX_FILES,
    )


def run_stage(stage_id: int) -> None:
    """Runs one attempt at a stage, if it can be claimed: a message that came twice does nothing."""
    if running_stages.draining:
        dispatch(stage_id, shared=True)
        return
    if retry_transaction(lambda: must_leave_room(stage_id, running_stages), seconds=CLAIM_SECONDS):
        return
    host = settings.WORKER_HOST
    token = retry_transaction(new_token, seconds=CLAIM_SECONDS)
    claim = retry_transaction(lambda: claim_stage(stage_id, host, token), seconds=CLAIM_SECONDS)
    if claim is None:
        leave_unknown(stage_id)
        return
    with structlog.contextvars.bound_contextvars(task_id=claim.task_id, stage=claim.name):
        try:
            _run(claim)
        except Fenced as fenced:
            logger.warning("stage_fenced", reason=str(fenced))
        except (OperationalError, InterfaceError) as error:
            # The reconciler takes the stage over when its lease is over and PostgreSQL is back.
            logger.error("stage_abandoned", error=str(error).strip())  # noqa: TRY400


def _run(claim: Claim) -> None:
    with running_stages.register(claim) as cancel:
        connection.close()
        outcome = run_core_stage(
            claim.name,
            LocalAccessor(claim),
            executor_settings(),
            cancel,
            first_line=claim.first_line,
            phase=cast("Phase", claim.phase),
        )
        ended = _close(claim, outcome)
    if ended:
        _remove_directory(claim.task_id)


def _close(claim: Claim, outcome: StageOutcome) -> bool:
    """Closes the stage; what PostgreSQL refuses to store fails the task instead of hanging it."""
    try:
        return close_stage(claim, outcome)
    except Fenced:
        raise
    except (OperationalError, InterfaceError) as error:
        if is_away(error):
            raise  # another attempt may do better
        return close_stage(claim, _refused(claim, outcome, error))
    except Exception as error:  # noqa: BLE001  whatever it is, the task must not hang
        return close_stage(claim, _refused(claim, outcome, error))


def _refused(claim: Claim, outcome: StageOutcome, error: Exception) -> StageOutcome:
    """The outcome of a stage whose own outcome could not be stored."""
    # Not the error's text: PostgreSQL quotes the row that it refuses.
    what = f"{type(error).__name__} {sqlstate(error)}".rstrip()
    logger.warning("outcome_refused", error=what)
    message = f"platform error: the result of {claim.name} could not be stored: {what}"
    output = _state_alone(outcome)
    return StageOutcome("failed", message, output=output, last_line=outcome.last_line)


def _state_alone(outcome: StageOutcome) -> ApplyOutput | None:
    """What must not be lost of an outcome, whatever was refused: the state an apply left."""
    output = outcome.output
    if not isinstance(output, ApplyOutput):
        return None
    return ApplyOutput(output.state, source=output.source)


def _remove_directory(task_id: int) -> None:
    """Removes the directory of a task that has ended; other hosts find theirs by themselves."""
    for workspace_id in Workspace.objects.filter(tasks=task_id).values_list(
        "workspace_id", flat=True
    ):
        try_to_remove(workspace_id, task_id)
