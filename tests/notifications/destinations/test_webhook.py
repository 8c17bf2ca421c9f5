"""Webhooks: the message as JSON, signed over its raw body."""

import pytest

from tests.notifications.factories import told
from tests.notifications.signatures import is_signed_webhook
from tests.runtasks.deliveries import deliver_all
from tests.runtasks.service import Service
from workspaces.task_events import EventName

pytestmark = pytest.mark.django_db(transaction=True)
SECRET = "a key that only the two of us know, ünïcode"


def test_a_webhook_is_the_message_with_its_event_and_delivery(receiver: Service) -> None:
    log = told(receiver.url, EventName.TASK_FAILED)
    deliver_all()

    assert receiver.last.payload == log.request_payload
    assert receiver.last.payload["event"] == "task_failed"
    headers = receiver.last.headers
    assert headers["Content-Type"] == "application/json"
    assert headers["User-Agent"] == "IaC-Platform/1.0"
    assert headers["X-IaC-Event"] == "task_failed"
    assert headers["X-IaC-Delivery"] == log.log_id
    assert "X-IaC-Signature" not in headers


def test_a_secret_signs_the_raw_body(receiver: Service) -> None:
    """Mission document 004, verified by an implementation of its own."""
    told(receiver.url, secret=SECRET)
    deliver_all()

    assert is_signed_webhook(receiver.last.headers, receiver.last.body, SECRET)
    assert not is_signed_webhook(receiver.last.headers, receiver.last.body, "another")
    assert not is_signed_webhook(receiver.last.headers, receiver.last.body + b" ", SECRET)


def test_custom_headers_are_sent_and_replace_none_of_the_platforms(receiver: Service) -> None:
    """Reference §6.2: even where one got into the database that the API refuses."""
    forged = dict.fromkeys(("X-IaC-Signature", "X-IaC-Event", "X-IaC-Delivery"), "forged")
    told(receiver.url, secret=SECRET, custom_headers={"X-Team": "storage", **forged})
    deliver_all()

    headers = receiver.last.headers
    assert headers["X-Team"] == "storage"
    assert is_signed_webhook(headers, receiver.last.body, SECRET)
    assert "forged" not in headers.values()
