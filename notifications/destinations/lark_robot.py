"""Lark's (Feishu's) custom bots: interactive cards.

https://open.larksuite.com/document/client-docs/bot-v3/add-custom-bot
"""

import base64
import hmac
import json
import time
from dataclasses import replace
from typing import Any

from notifications.destinations.answer import Answer, Outgoing
from notifications.destinations.posting import encode, post
from notifications.destinations.wording import Message, facts, title, tone
from notifications.models import NotificationConfig

TEMPLATES = {
    "good": "green",
    "bad": "red",
    "attention": "orange",
    "progress": "blue",
    "idle": "grey",
}
# What is markup in `lark_md`, people with `<at>` among it, as the references that the card shows as text.
ESCAPES = str.maketrans({each: f"&#{ord(each)};" for each in "&<>*_~[]()`#\\"})


def render(message: Message) -> dict[str, Any]:
    """A card with a coloured head, the facts, and a button that leads to the task."""
    lines = [f"**{name}:** {value.translate(ESCAPES)}" for name, value in facts(message)]
    button = {
        "tag": "button",
        "text": {"tag": "plain_text", "content": "View Details"},
        "type": "primary",
        "url": message["task"]["app_url"],
    }
    head = {
        "title": {"tag": "plain_text", "content": title(message)},
        "template": TEMPLATES[tone(message)],
    }
    elements = [
        {"tag": "div", "text": {"tag": "lark_md", "content": "\n".join(lines)}},
        {"tag": "hr"},
        {"tag": "action", "actions": [button]},
    ]
    return {"msg_type": "interactive", "card": {"header": head, "elements": elements}}


def deliver(config: NotificationConfig, outgoing: Outgoing, *, timeout: float) -> Answer:
    """POSTs the card, signed with the time of this attempt: Lark refuses a signature an hour later."""
    signed = _signature(config.secret, int(time.time())) if config.secret else {}
    answer = post(config, encode({**signed, **outgoing.payload}), timeout=timeout)
    if answer.problem:
        return answer
    return replace(answer, problem=_problem(answer.body))


def _signature(secret: str, now: int) -> dict[str, str]:
    """HMAC-SHA256 of nothing, with the time and the secret as its key."""
    digest = hmac.digest(f"{now}\n{secret}".encode(), b"", "sha256")
    return {"timestamp": str(now), "sign": base64.b64encode(digest).decode()}


def _problem(body: str) -> str:
    """Lark says in the body, with a status of 200, that it has not taken a message."""
    try:
        said = json.loads(body)
    except ValueError:
        said = None
    if not isinstance(said, dict):
        return "The answer is not Lark's: there is no code in it"
    code = said.get("code", said.get("StatusCode"))
    if code == 0 and code is not False:
        return ""
    return f"Lark refused the message with code {code}: {said.get('msg', '')}".rstrip(": ")
