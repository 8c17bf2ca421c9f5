"""Lark's robots: cards, their colours, and a signature of the time of sending."""

import time
from typing import Any

import pytest

from iacplatform.common.models import OutboxEntry
from notifications.destinations.lark_robot import render
from notifications.models import NotificationLog
from notifications.services.message import sample_message
from tests.factories import TaskFactory
from tests.notifications.factories import NotificationFactory, happen, told
from tests.notifications.signatures import lark_code
from tests.runtasks.deliveries import deliver_all
from tests.runtasks.service import Reply, Service
from workspaces.task_events import EventName

pytestmark = pytest.mark.django_db(transaction=True)
SECRET = "lark's own secret"
TAKEN = Reply(200, b'{"code": 0, "data": {}, "msg": "success"}')


def head(event: str) -> tuple[str, str]:
    """The colour and the title of an event's cards."""
    header = render({**sample_message(EventName(event), ""), "test": False})["card"]["header"]
    return header["template"], header["title"]["content"]


def sent(receiver: Service, **config: Any) -> NotificationLog:
    """The log of a message that was delivered, or not."""
    told(receiver.url, notification_type="lark_robot", **config)
    deliver_all()
    return NotificationLog.objects.get()


def test_every_event_has_its_colour() -> None:
    """Reference §6.2."""
    assert {event: head(event) for event in EventName.values} == {
        "task_created": ("blue", "🔄 Task In Progress"),
        "task_planning": ("blue", "🔄 Task In Progress"),
        "task_planned": ("blue", "📋 Plan Finished"),
        "approval_required": ("orange", "⏳ Approval Required"),
        "task_applying": ("blue", "🔄 Task In Progress"),
        "task_completed": ("green", "✅ Task Completed"),
        "task_failed": ("red", "❌ Task Failed"),
        "task_cancelled": ("grey", "🚫 Task Cancelled"),
        "approval_timeout": ("orange", "⌛ Approval Timed Out"),
        "drift_detected": ("orange", "🌊 Drift Detected"),
    }


def test_a_card_has_the_facts_and_a_button(receiver: Service) -> None:
    receiver.replies = [TAKEN]
    sent(receiver)

    payload = receiver.last.payload
    assert payload["msg_type"] == "interactive"
    text, line, actions = payload["card"]["elements"]
    assert text["text"]["tag"] == "lark_md"
    assert "**Workspace:** shop\n**Task:** &#35;" in text["text"]["content"]
    assert "**Event:** Applied" in text["text"]["content"]
    assert line == {"tag": "hr"}
    (button,) = actions["actions"]
    assert button["text"] == {"tag": "plain_text", "content": "View Details"}
    assert button["type"] == "primary"
    assert button["url"].startswith("https://iac.example.com/workspaces/ws-")


def test_what_people_typed_is_no_markup(receiver: Service) -> None:
    """Nobody is called by a description."""
    NotificationFactory.create(
        endpoint_url=receiver.url, everywhere=True, notification_type="lark_robot"
    )
    happen(task=TaskFactory.create(description="<at id=all></at> [x](https://evil.example) **b**"))
    deliver_all()

    text = receiver.last.payload["card"]["elements"][0]["text"]["content"]
    assert "&#60;at id=all&#62;&#60;/at&#62; &#91;x&#93;&#40;https" in text
    assert "&#42;&#42;b&#42;&#42;" in text


def test_a_card_is_signed_with_the_time_of_sending(receiver: Service) -> None:
    """Lark's custom bot guide, verified by an implementation of its own."""
    receiver.replies = [TAKEN]
    log = sent(receiver, secret=SECRET)

    payload = receiver.last.payload
    assert lark_code(payload, SECRET, time.time()) == 0
    assert lark_code(payload, "another", time.time()) == 19021
    assert lark_code(payload, SECRET, time.time() + 4000) == 19021
    assert isinstance(payload["timestamp"], str)
    assert abs(int(payload["timestamp"]) - time.time()) < 30
    assert "sign" not in log.request_payload
    assert log.status == "success"


def test_each_attempt_is_signed_anew(receiver: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    """What waited for an hour would be refused with the signature of its first attempt."""
    receiver.replies = [Reply(500), TAKEN]
    log = sent(receiver, secret=SECRET, retry_count=1)
    two_hours_later = time.time() + 7200
    monkeypatch.setattr(time, "time", lambda: two_hours_later)
    OutboxEntry.objects.update(next_attempt_at=log.created_at)
    deliver_all()

    assert lark_code(receiver.last.payload, SECRET, two_hours_later) == 0


def test_without_a_secret_there_is_no_signature(receiver: Service) -> None:
    receiver.replies = [TAKEN]
    sent(receiver)

    assert set(receiver.last.payload) == {"msg_type", "card"}


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (b'{"code": 0, "msg": "success"}', ""),
        (b'{"StatusCode": 0, "StatusMessage": "success"}', ""),
        (b'{"StatusCode": 0, "code": 0}', ""),
        (
            b'{"code": 19021, "msg": "sign match fail"}',
            "Lark refused the message with code 19021: sign match fail",
        ),
        (b'{"StatusCode": 9499}', "Lark refused the message with code 9499"),
        (b'{"code": false}', "Lark refused the message with code False"),
        (b"{}", "Lark refused the message with code None"),
        (b"<html>", "The answer is not Lark's: there is no code in it"),
        (b"[0]", "The answer is not Lark's: there is no code in it"),
    ],
)
def test_lark_has_taken_it_only_if_the_body_says_so(
    receiver: Service, body: bytes, problem: str
) -> None:
    """Reference §6.2: HTTP 2xx and code 0 in the body."""
    receiver.replies = [Reply(200, body)]
    log = sent(receiver)

    assert (log.status, log.error_message) == ("failed" if problem else "success", problem)


def test_the_status_counts_too(receiver: Service) -> None:
    receiver.replies = [Reply(400, b'{"code": 0}')]

    assert sent(receiver).error_message == "The receiver answered 400"
