"""Trying a notification: a message about nothing, sent at once and logged nowhere (reference §2.6)."""

from typing import Any

from notifications.destinations import Answer, Outgoing, destination_of
from notifications.models import NotificationConfig
from notifications.models.log import new_log_id
from notifications.services.message import sample_message
from workspaces.task_events import EventName

# Somebody waits for it.
LONGEST_SECONDS = 10.0
DEFAULT_MESSAGE = "This is a test of the notification."


def try_out(
    config: NotificationConfig, event: EventName = EventName.TASK_COMPLETED, text: str = ""
) -> Answer:
    """Sends a test message of ``event`` to the notification's receiver; also to a disabled one."""
    destination = destination_of(config)
    payload = destination.render(sample_message(event, text or DEFAULT_MESSAGE))
    outgoing = Outgoing(new_log_id(), event, payload)
    timeout = min(config.timeout_seconds, LONGEST_SECONDS)
    return destination.deliver(config, outgoing, timeout=timeout)


def report(answer: Answer) -> dict[str, Any]:
    """What came of it, in the shape of reference §2.6."""
    return {
        "success": not answer.problem,
        "status_code": answer.status,
        "response_time_ms": round(answer.seconds * 1000),
        "message": "" if answer.problem else "The receiver accepted the test message",
        "error_message": answer.problem,
    }
