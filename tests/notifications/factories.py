"""Notifications, attachments, and events of tasks."""

# The library types its factories but not what they are declared with.
# mypy: disable-error-code="attr-defined, no-untyped-call"

import itertools
from typing import Any

import factory
from django.db import transaction

from notifications.models import NotificationConfig, NotificationLog, WorkspaceNotification
from tests.factories import OrganizationFactory, TaskFactory, WorkspaceFactory
from workspaces.models import WorkspaceTask
from workspaces.task_events import EventName, TaskEvent, announce

NOWHERE = "http://127.0.0.1:9/hook"  # the discard port: nobody listens
_numbers = itertools.count(1)


class NotificationFactory(factory.django.DjangoModelFactory[NotificationConfig]):
    """An unsigned webhook of the seeded organization that is never tried a second time."""

    class Meta:
        model = NotificationConfig

    class Params:
        everywhere = factory.Trait(is_global=True, global_events=EventName.values)
        mail = factory.Trait(
            notification_type="email", endpoint_url=None, recipients=["ops@example.com"]
        )

    organization = factory.SubFactory(OrganizationFactory)
    name = factory.Sequence(lambda number: f"channel-{number}")
    notification_type = "webhook"
    endpoint_url = NOWHERE
    retry_count = 0
    retry_interval_seconds = 1


class AttachmentFactory(factory.django.DjangoModelFactory[WorkspaceNotification]):
    """A notification that a workspace tells of all events."""

    class Meta:
        model = WorkspaceNotification

    workspace = factory.SubFactory(WorkspaceFactory)
    notification = factory.SubFactory(NotificationFactory)
    events = factory.LazyFunction(lambda: list(EventName.values))


def happen(
    name: EventName | str = EventName.TASK_COMPLETED,
    task: WorkspaceTask | None = None,
    **fields: Any,
) -> WorkspaceTask:
    """Announces an event of a task, in a transaction of its own."""
    subject = task or TaskFactory.create()
    with transaction.atomic():
        given: dict[str, Any] = {"key": f"test:{next(_numbers)}", "actor": "ada"} | fields
        announce(TaskEvent(EventName(name), subject, **given))
    return subject


def told(url: str, name: EventName | str = EventName.TASK_COMPLETED, **config: Any) -> Any:
    """Lets an event happen that one global notification is told of; gives its log."""
    NotificationFactory.create(**({"endpoint_url": url, "everywhere": True} | config))
    happen(name, TaskFactory.create(workspace__name="shop"))
    return NotificationLog.objects.get()


def log_of(task: WorkspaceTask) -> NotificationLog:
    """The only message about a task, as it is now."""
    return NotificationLog.objects.get(task=task)


def message(
    attachment: WorkspaceNotification, task: WorkspaceTask, **fields: Any
) -> NotificationLog:
    """A message about a task to where an attachment leads; nobody has sent it."""
    config = attachment.notification
    given: dict[str, Any] = {
        "delivery_key": f"test:{next(_numbers)}",
        "notification_name": config.name,
        "notification_type": config.notification_type,
        "event": EventName.TASK_COMPLETED,
        "request_payload": {},
        "max_retry_count": 0,
    } | fields
    return NotificationLog.objects.create(
        task=task,
        workspace=task.workspace,
        notification=config,
        workspace_notification=attachment,
        **given,
    )
