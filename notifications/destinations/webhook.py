"""Webhooks: the message itself as JSON, signed like mission document 004 says."""

from iacplatform.common.signing import prefixed_signature
from notifications.destinations.answer import Answer, Outgoing
from notifications.destinations.posting import HEADERS, encode, post
from notifications.destinations.wording import Message
from notifications.models import NotificationConfig

SIGNATURE_HEADER = "X-IaC-Signature"


def render(message: Message) -> Message:
    """The message as it is."""
    return message


def deliver(config: NotificationConfig, outgoing: Outgoing, *, timeout: float) -> Answer:
    """POSTs the payload with the custom headers, which cannot replace those of the platform's."""
    body = encode(outgoing.payload)
    headers = {
        **HEADERS,
        **config.custom_headers,
        "X-IaC-Event": outgoing.event,
        "X-IaC-Delivery": outgoing.delivery_id,
    }
    hidden = list(config.custom_headers)
    if config.secret:
        headers[SIGNATURE_HEADER] = prefixed_signature(config.secret, body, "sha256")
        hidden.append(SIGNATURE_HEADER)
    return post(config, body, headers, timeout=timeout, hidden=hidden)
