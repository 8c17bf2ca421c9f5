"""A worker process: claims a stage, runs it through the core, closes it."""

from functools import lru_cache
from pathlib import Path
from typing import cast

import structlog
from django.conf import settings
from django.db import InterfaceError, OperationalError, connection

from executor.claims import Claim, claim_stage, new_token
from executor.core.accessor import Phase
from executor.core.outcome import ApplyOutput, StageOutcome
from executor.core.run import run_stage as run_core_stage
from executor.core.settings import ExecutorSettings
from executor.core.workdir import WorkDirectory
from executor.exceptions import Fenced
from executor.local_accessor import LocalAccessor
from executor.pipeline import close_stage
from executor.retry import retry_transaction
from executor.running import running_stages
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
        apply_grace=settings.APPLY_GRACE_SECONDS,
        init_waits=tuple(settings.INIT_RETRY_WAITS),
        state_save_waits=tuple(settings.STATE_SAVE_WAITS),
        cli_config_file=Path(config_file) if config_file else None,
        max_archive_bytes=settings.ARCHIVE_MAX_UNPACKED_BYTES,
        max_archive_files=settings.ARCHIVE_MAX_FILES,
    )


def run_stage(stage_id: int) -> None:
    """Runs one attempt at a stage, if it can be claimed: a message that came twice does nothing."""
    host = settings.WORKER_HOST
    token = retry_transaction(new_token, seconds=CLAIM_SECONDS)
    claim = retry_transaction(lambda: claim_stage(stage_id, host, token), seconds=CLAIM_SECONDS)
    if claim is None:
        return
    with structlog.contextvars.bound_contextvars(task_id=claim.task_id, stage=claim.name):
        try:
            _run(claim)
        except Fenced as fenced:
            logger.warning("stage_fenced", reason=str(fenced))


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
    except (Fenced, OperationalError, InterfaceError):
        raise
    except Exception as error:  # noqa: BLE001  whatever it is, the task must not hang
        # Not the error's text: PostgreSQL quotes the row that it refuses.
        logger.warning("outcome_refused", error=type(error).__name__, sqlstate=sqlstate(error))
        message = (
            f"platform error: the result of {claim.name} could not be stored: "
            f"{type(error).__name__} {sqlstate(error)}"
        ).rstrip()
        failed = StageOutcome(
            "failed", message, output=_state_alone(outcome), last_line=outcome.last_line
        )
        return close_stage(claim, failed)


def sqlstate(error: BaseException) -> str:
    """PostgreSQL's code of a database error, empty for any other."""
    return str(getattr(error.__cause__, "sqlstate", None) or "")


def _state_alone(outcome: StageOutcome) -> ApplyOutput | None:
    """What must not be lost of an outcome, whatever was refused: the state an apply left."""
    output = outcome.output
    return ApplyOutput(output.state) if isinstance(output, ApplyOutput) else None


def _remove_directory(task_id: int) -> None:
    """Removes the directory of a task that has ended; other hosts find theirs by themselves."""
    workspace_id = Workspace.objects.values_list("workspace_id", flat=True).get(tasks=task_id)
    WorkDirectory(executor_settings().work_root, workspace_id, task_id).remove()
