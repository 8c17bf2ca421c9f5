"""Publishing the hint that a stage is ready: losing one, or sending it twice, changes nothing."""

from functools import partial

import structlog
from celery import current_app
from django.db import connection, transaction
from kombu.exceptions import KombuError
from redis import RedisError

from executor.models import WorkerHost
from workspaces.models import TaskStage

MARK = """
UPDATE workspaces_taskstage SET dispatched_at = now(), dispatch_count = dispatch_count + 1
 WHERE id = %s AND status = 'ready' RETURNING mode, prefer_host
"""
RUN_STAGE = "executor.tasks.run_stage"
logger = structlog.get_logger(__name__)


def host_queue(mode: str, host: str) -> str:
    """The queue that only one host consumes, so that it finds its work directory again."""
    return f"stages.{mode}.{host}"


def shared_queue(mode: str) -> str:
    """The queue that every host of an execution mode consumes."""
    return f"stages.{mode}"


def dispatch_after_commit(stage: TaskStage) -> None:
    """Dispatches a stage that some other process has made ready, after the commit."""
    transaction.on_commit(partial(dispatch, stage.pk))


def hint_after_commit(stage: TaskStage) -> None:
    """Sends the hint of a stage that this host has just made ready, to itself, after the commit.

    Nothing is asked or marked: where the host is gone by then, the sweep sends the hint to the others.
    """
    queue = host_queue(stage.mode, stage.prefer_host)
    transaction.on_commit(partial(_publish, stage.pk, queue))


def dispatch(stage_id: int, *, shared: bool = False) -> None:
    """Sends the hint to the host that worked on the task last, else to any host of the mode."""
    with connection.cursor() as cursor:
        cursor.execute(MARK, [stage_id])
        row = cursor.fetchone()
    if row is None:
        return
    mode, host = row
    to_host = not shared and WorkerHost.objects.taking_work().filter(pk=host).exists()
    _publish(stage_id, host_queue(mode, host) if to_host else shared_queue(mode))


def _publish(stage_id: int, queue: str) -> None:
    try:
        current_app.send_task(RUN_STAGE, (stage_id,), queue=queue)
    except (KombuError, RedisError, OSError) as error:
        # The row is the truth: the sweep sends the hint again when Redis is back.
        logger.warning("dispatch_failed", stage_id=stage_id, queue=queue, error=str(error))
