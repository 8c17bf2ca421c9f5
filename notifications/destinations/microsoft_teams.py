"""Microsoft Teams: an Adaptive Card to a workflow's webhook ("When a Teams webhook request is received").

https://learn.microsoft.com/microsoftteams/platform/webhooks-and-connectors/how-to/connectors-using
"""

from typing import Any

from notifications.destinations.answer import Answer, Outgoing
from notifications.destinations.posting import encode, post
from notifications.destinations.wording import Message, facts, title, tone
from notifications.models import NotificationConfig

# Styles of a card's container.
STYLES = {
    "good": "good",
    "bad": "attention",
    "attention": "warning",
    "progress": "accent",
    "idle": "emphasis",
}


def render(message: Message) -> dict[str, Any]:
    """A card: the title on a coloured ground, the facts, a button that leads to the task."""
    head = {"type": "TextBlock", "text": title(message), "weight": "Bolder", "size": "Medium"}
    coloured = {"type": "Container", "style": STYLES[tone(message)], "bleed": True, "items": [head]}
    card = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": [coloured, *(_line(name, value) for name, value in facts(message))],
        "actions": [
            {
                "type": "Action.OpenUrl",
                "title": "View details",
                "url": message["task"]["app_url"],
            }
        ],
    }
    attachment = {
        "contentType": "application/vnd.microsoft.card.adaptive",
        "contentUrl": None,
        "content": card,
    }
    return {"type": "message", "attachments": [attachment]}


def _line(name: str, value: str) -> dict[str, Any]:
    """A fact as text runs, in which nothing is markup: a FactSet would make links of what people typed."""
    runs = [
        {"type": "TextRun", "text": f"{name}: ", "weight": "Bolder"},
        {"type": "TextRun", "text": value},
    ]
    return {"type": "RichTextBlock", "spacing": "Small", "inlines": runs}


def deliver(config: NotificationConfig, outgoing: Outgoing, *, timeout: float) -> Answer:
    """POSTs the card; a workflow accepts it with 202."""
    return post(config, encode(outgoing.payload), timeout=timeout)
