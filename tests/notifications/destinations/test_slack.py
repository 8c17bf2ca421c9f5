"""Slack's incoming webhooks."""

from typing import Any

import pytest

from notifications.destinations.slack import render
from notifications.models import NotificationLog
from notifications.services.message import sample_message
from tests.factories import TaskFactory
from tests.notifications.factories import NotificationFactory, happen, told
from tests.runtasks.deliveries import deliver_all
from tests.runtasks.service import Reply, Service
from workspaces.task_events import EventName

pytestmark = pytest.mark.django_db(transaction=True)
# Block Kit's limits: docs.slack.dev/reference/block-kit/blocks/section-block
MOST_FIELDS = 10
MOST_FIELD_CHARACTERS = 2000


def colour(event: str) -> str:
    found: str = render(sample_message(EventName(event), ""))["attachments"][0]["color"]
    return found


def test_a_message_is_a_line_and_a_coloured_attachment(receiver: Service) -> None:
    receiver.replies = [Reply(200, b"ok")]
    log = told(receiver.url, EventName.APPROVAL_REQUIRED, notification_type="slack")
    deliver_all()

    payload = receiver.last.payload
    assert payload["text"] == f"⏳ Approval Required: shop #{log.task_id}"
    (attachment,) = payload["attachments"]
    fields, link = attachment["blocks"]
    assert {"type": "mrkdwn", "text": "*Workspace*\nshop"} in fields["fields"]
    assert link["text"]["text"].startswith("<https://iac.example.com/workspaces/ws-")
    assert link["text"]["text"].endswith("|View details>")
    assert NotificationLog.objects.get().status == "success"
    assert set(receiver.last.headers) & {"X-IaC-Event", "X-IaC-Signature"} == set()


def test_the_tones_have_colours_of_their_own() -> None:
    events = ("task_completed", "task_failed", "approval_required", "task_planning")

    assert len({colour(event) for event in (*events, "task_cancelled")}) == 5


def test_what_people_typed_calls_nobody() -> None:
    message = sample_message(EventName.TASK_FAILED, "<!channel> & <@U1>")
    message["workspace"]["name"] = "<!here>"
    text = str(render(message))

    assert "&lt;!channel&gt; &amp; &lt;@U1&gt;" in text
    assert "&lt;!here&gt;" in text
    assert "<!" not in text


def test_a_long_message_stays_within_slacks_limits(receiver: Service) -> None:
    NotificationFactory.create(
        endpoint_url=receiver.url, everywhere=True, notification_type="slack"
    )
    details: dict[str, Any] = {f"detail_{number}": "x" * 5000 for number in range(9)}
    task = TaskFactory.create(waiting_for_approval=True, description="&" * 5000)
    happen("task_failed", task, reason="<" * 5000, details=details)
    deliver_all()

    sections = receiver.last.payload["attachments"][0]["blocks"]
    for section in sections:
        fields = section.get("fields", [])
        assert len(fields) <= MOST_FIELDS
        assert all(len(field["text"]) <= MOST_FIELD_CHARACTERS for field in fields)


def test_slack_says_why_it_refuses(receiver: Service) -> None:
    receiver.replies = [Reply(400, b"invalid_payload")]
    told(receiver.url, notification_type="slack")
    deliver_all()

    log = NotificationLog.objects.get()
    assert (log.status, log.response_body) == ("failed", "invalid_payload")
