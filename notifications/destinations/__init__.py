"""Where notifications go: a module each, with two functions.

``render(message)`` makes what is sent of what happened, when it happens. ``deliver(config, outgoing,
timeout=seconds)`` sends it, says how it was taken, and raises nothing that the receiver could cause.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from notifications.destinations import email, lark_robot, microsoft_teams, slack, webhook
from notifications.destinations.answer import Answer, Outgoing
from notifications.destinations.wording import Message
from notifications.models import NotificationConfig, NotificationType

__all__ = ["Answer", "Outgoing", "destination_of"]


class Deliver(Protocol):
    """Sends a rendered message within ``timeout`` seconds."""

    def __call__(
        self, config: NotificationConfig, outgoing: Outgoing, *, timeout: float
    ) -> Answer: ...


@dataclass(frozen=True)
class Destination:
    """How messages of a type are made and sent."""

    render: Callable[[Message], dict[str, Any]]
    deliver: Deliver


DESTINATIONS: dict[str, Destination] = {
    NotificationType.WEBHOOK: Destination(webhook.render, webhook.deliver),
    NotificationType.LARK_ROBOT: Destination(lark_robot.render, lark_robot.deliver),
    NotificationType.SLACK: Destination(slack.render, slack.deliver),
    NotificationType.MICROSOFT_TEAMS: Destination(microsoft_teams.render, microsoft_teams.deliver),
    NotificationType.EMAIL: Destination(email.render, email.deliver),
}


def destination_of(config: NotificationConfig) -> Destination:
    """The destination of a notification's type."""
    return DESTINATIONS[config.notification_type]
