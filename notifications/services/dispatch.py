"""Writing what an event is to tell whom: rows of the transaction that causes it (H2, H5)."""

from iacplatform.common.models import OutboxEntry
from iacplatform.common.outbox import draft, enqueue_all
from notifications.destinations import destination_of
from notifications.models import NotificationConfig, NotificationLog
from notifications.services.message import message_of
from notifications.services.selection import receivers
from workspaces.task_events import TaskEvent

KIND = "notifications.message"


def dispatch(event: TaskEvent) -> None:
    """Writes a log and an outbox entry for each notification that is told of the event.

    An event that is announced twice under one key is told once. Where nobody is told this is one query.
    """
    chosen = receivers(event.task.workspace_id, event.name)
    if not chosen:
        return
    message = message_of(event)
    logs = [
        NotificationLog(
            delivery_key=_key(event, config),
            task_id=event.task.pk,
            workspace_id=event.task.workspace_id,
            notification=config,
            workspace_notification_id=config.attachment_id,
            notification_name=config.name,
            notification_type=config.notification_type,
            event=event.name,
            request_payload=destination_of(config).render(message),
            max_retry_count=config.retry_count,
        )
        for config in chosen
    ]
    NotificationLog.objects.bulk_create(logs, ignore_conflicts=True)
    enqueue_all([_entry(event, config) for config in chosen])


def _entry(event: TaskEvent, config: NotificationConfig) -> OutboxEntry:
    return draft(
        KIND,
        key=_key(event, config),
        payload={},
        destination=config.notification_id,
        ordering=f"notification:{event.task.pk}:{config.notification_id}",
        max_attempts=config.retry_count + 1,
        waits=[config.retry_interval_seconds],
    )


def _key(event: TaskEvent, config: NotificationConfig) -> str:
    return f"notification:{event.key}:{config.notification_id}"
