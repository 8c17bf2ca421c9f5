"""Microsoft Teams' workflows."""

import json
from typing import Any

import pytest

from notifications.destinations.microsoft_teams import render
from notifications.models import NotificationLog
from notifications.services.message import sample_message
from tests.factories import TaskFactory
from tests.notifications.factories import NotificationFactory, happen, told
from tests.runtasks.deliveries import deliver_all
from tests.runtasks.service import Reply, Service
from workspaces.task_events import EventName

pytestmark = pytest.mark.django_db(transaction=True)
# learn.microsoft.com/connectors/teams: an action that posts a larger message fails.
MOST_BYTES = 28 * 1024


def card(payload: dict[str, Any]) -> dict[str, Any]:
    (attachment,) = payload["attachments"]
    assert attachment["contentType"] == "application/vnd.microsoft.card.adaptive"
    content: dict[str, Any] = attachment["content"]
    return content


def test_a_message_is_an_adaptive_card(receiver: Service) -> None:
    receiver.replies = [Reply(202)]
    log = told(receiver.url, notification_type="microsoft_teams")
    deliver_all()

    assert receiver.last.payload["type"] == "message"
    content = card(receiver.last.payload)
    assert (content["type"], content["version"]) == ("AdaptiveCard", "1.4")
    head, first, *_ = content["body"]
    assert head["items"][0]["text"] == "✅ Task Completed"
    assert [run["text"] for run in first["inlines"]] == ["Workspace: ", "shop"]
    (action,) = content["actions"]
    assert action["type"] == "Action.OpenUrl"
    assert action["url"].endswith(f"/tasks/{log.task_id}")
    assert NotificationLog.objects.get().response_status_code == 202


@pytest.mark.parametrize(
    ("event", "style"),
    [
        ("task_completed", "good"),
        ("task_failed", "attention"),
        ("drift_detected", "warning"),
        ("task_applying", "accent"),
        ("task_cancelled", "emphasis"),
    ],
)
def test_the_head_has_the_colour_of_its_tone(event: str, style: str) -> None:
    assert card(render(sample_message(EventName(event), "")))["body"][0]["style"] == style


def test_what_people_typed_is_in_text_runs_which_know_no_markup() -> None:
    content = card(render(sample_message(EventName.TASK_FAILED, "[x](https://evil.example)")))

    blocks = [block for block in content["body"] if "evil.example" in str(block)]
    assert [block["type"] for block in blocks] == ["RichTextBlock"]
    assert {run["type"] for run in blocks[0]["inlines"]} == {"TextRun"}


def test_the_largest_message_is_small_enough(receiver: Service) -> None:
    NotificationFactory.create(
        endpoint_url=receiver.url, everywhere=True, notification_type="microsoft_teams"
    )
    details = {f"detail_{number}": "x" * 5000 for number in range(9)}
    task = TaskFactory.create(waiting_for_approval=True, description="界" * 5000)
    happen("task_failed", task, reason="界" * 5000, details=details)
    deliver_all()

    assert len(json.dumps(receiver.last.payload)) < MOST_BYTES
