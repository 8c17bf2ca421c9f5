"""What the core domain itself does after a task's status has changed, or somebody has left."""

from typing import Any

import structlog
from django.db.models import Q
from django.db.models.signals import post_delete
from django.dispatch import receiver
from redis import RedisError

from iacplatform.accounts.models import Membership
from iacplatform.common.outage import Spared
from workspaces import log_stream
from workspaces.models import AccessGrant
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


@receiver(post_delete, sender=Membership)
def leave_workspaces(instance: Membership, **_: Any) -> None:
    """Takes what a former member of an organization had there by name."""
    there = (
        Q(organization=instance.organization_id)
        | Q(project__organization=instance.organization_id)
        | Q(workspace__organization=instance.organization_id)
    )
    AccessGrant.objects.filter(there, user=instance.user_id).delete()
