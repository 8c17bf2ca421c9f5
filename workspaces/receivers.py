"""What the core domain itself does after a task's status has changed."""

from typing import Any

import structlog
from django.dispatch import receiver
from redis import RedisError

from iacplatform.common.outage import Spared
from workspaces import log_stream
from workspaces.signals import task_transitioned

logger = structlog.get_logger(__name__)


@receiver(task_transitioned)
def wake_viewers(task_id: int, **_: Any) -> None:
    """Lets those who watch the task's log see its end at once; without Redis they see it soon."""
    try:
        log_stream.wake_viewers(task_id)
    except Spared:
        return  # it was said when Redis did not answer
    except (RedisError, OSError) as error:
        logger.warning("viewers_not_woken", task_id=task_id, error=str(error))
