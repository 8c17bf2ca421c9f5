"""Slack's incoming webhooks: a line of text and a coloured attachment of blocks.

https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks
"""

from typing import Any

from notifications.destinations.answer import Answer, Outgoing
from notifications.destinations.posting import encode, post
from notifications.destinations.wording import Message, facts, summary, tone
from notifications.models import NotificationConfig

COLOURS = {
    "good": "#2eb67d",
    "bad": "#e01e5a",
    "attention": "#ecb22e",
    "progress": "#36c5f0",
    "idle": "#9e9e9e",
}
MOST_FIELDS = 10
# The three characters that are markup to Slack: mentions and links are written with them.
ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})


def render(message: Message) -> dict[str, Any]:
    """The title, then fields and a link beside a coloured bar."""
    fields = [
        {"type": "mrkdwn", "text": f"*{name}*\n{value.translate(ESCAPES)}"}
        for name, value in facts(message)
    ]
    sections: list[dict[str, Any]] = [
        {"type": "section", "fields": fields[start : start + MOST_FIELDS]}
        for start in range(0, len(fields), MOST_FIELDS)
    ]
    link = f"<{message['task']['app_url'].translate(ESCAPES)}|View details>"
    sections.append({"type": "section", "text": {"type": "mrkdwn", "text": link}})
    return {
        "text": summary(message).translate(ESCAPES),
        "attachments": [{"color": COLOURS[tone(message)], "blocks": sections}],
    }


def deliver(config: NotificationConfig, outgoing: Outgoing, *, timeout: float) -> Answer:
    """POSTs the message; Slack asks for time with 429 and ``Retry-After``."""
    return post(config, encode(outgoing.payload), timeout=timeout)
