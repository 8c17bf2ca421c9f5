"""Publishing the hint that a stage is ready: losing one, or sending it twice, changes nothing."""

from functools import partial

import structlog
from django.db import connection, transaction
from django.db.models import F
from kombu import Exchange, Queue
from kombu.exceptions import KombuError
from redis import RedisError

from executor.models import fresh
from iacplatform.common.hints import send_hint
from workspaces.models import TaskStage

MARK = """
UPDATE workspaces_taskstage AS stage
   SET dispatched_at = now(), dispatch_count = dispatch_count + 1
  FROM (SELECT EXISTS (SELECT FROM executor_workerhost AS host
                        WHERE host.name = stage.prefer_host AND NOT host.draining
                          AND host.last_seen > clock_timestamp() - %(fresh)s * interval '1 second') AS there
          FROM workspaces_taskstage AS stage WHERE stage.id = %(stage)s) AS host
 WHERE stage.id = %(stage)s AND stage.status = 'ready'
   AND (stage.not_before IS NULL OR stage.not_before <= clock_timestamp())
   AND (host.there OR stage.reserved_until IS NULL OR stage.reserved_until <= clock_timestamp())
RETURNING stage.mode, stage.prefer_host, host.there, stage.reserved_until > clock_timestamp()
"""
RUN_STAGE = "executor.tasks.run_stage"
# Nobody empties the queue of a host that is gone for good; a hint that is lost in it is sent again.
HOST_QUEUE_SECONDS = 3600
logger = structlog.get_logger(__name__)


def host_queue(mode: str, host: str) -> Queue:
    """The queue that only one host consumes, so that it finds its work directory again."""
    name = f"stages.{mode}.{host}"
    return Queue(name, Exchange(name), routing_key=name, expires=HOST_QUEUE_SECONDS)


def shared_queue(mode: str) -> Queue:
    """The queue that every host of an execution mode consumes."""
    name = f"stages.{mode}"
    return Queue(name, Exchange(name), routing_key=name)


def dispatch_after_commit(stage: TaskStage) -> None:
    """Dispatches a stage that some other process has made ready, after the commit."""
    transaction.on_commit(partial(dispatch, stage.pk))


def hint_after_commit(stage: TaskStage) -> None:
    """Sends the hint of a stage that this host has just made ready, to itself, after the commit.

    Nothing is asked or marked: where the host is gone by then, the sweep sends the hint to the others.
    """
    queue = host_queue(stage.mode, stage.prefer_host)
    transaction.on_commit(partial(_publish, stage.pk, queue))


def dispatch_elsewhere_after_commit(stage_id: int) -> None:
    """Dispatches a stage that its host has given back to whoever else there is, after the commit."""
    transaction.on_commit(partial(dispatch, stage_id, shared=True))


def dispatch(stage_id: int, *, shared: bool = False) -> bool:
    """Sends the hint to the host that worked on the task last, else to any host of the mode.

    ``shared`` sends it to any host at once. A stage that is reserved for a host goes to nobody else, one
    whose time has not come to nobody: the sweep comes back to both. Returns False only if the hint could
    not be sent.
    """
    with connection.cursor() as cursor:
        cursor.execute(MARK, {"stage": stage_id, "fresh": fresh().total_seconds()})
        row = cursor.fetchone()
    if row is None:
        return True
    mode, host, is_there, is_reserved = row
    to_host = is_there and (is_reserved or not shared)
    sent = _publish(stage_id, host_queue(mode, host) if to_host else shared_queue(mode))
    if not sent:
        marked = TaskStage.objects.filter(pk=stage_id, dispatch_count__gt=0)
        marked.update(dispatched_at=None, dispatch_count=F("dispatch_count") - 1)
    return sent


def _publish(stage_id: int, queue: Queue) -> bool:
    try:
        send_hint(RUN_STAGE, stage_id, queue=queue.name, declare=[queue])
    except (KombuError, RedisError, OSError) as error:
        # The row is the truth: the sweep sends the hint again when Redis is back.
        logger.warning("dispatch_failed", stage_id=stage_id, queue=queue.name, error=str(error))
        return False
    return True
