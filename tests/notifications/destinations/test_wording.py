"""What people are told."""

import pytest

from notifications.destinations.wording import MOST_CHARACTERS, WORDINGS, facts, summary, title
from notifications.services.message import sample_message
from workspaces.task_events import EventName


def test_every_event_has_words() -> None:
    assert set(WORDINGS) == set(EventName)


def test_facts_are_shown_where_there_are_any() -> None:
    message = sample_message(EventName.DRIFT_DETECTED, "hello")
    message |= {
        "changes": {"add": 1, "change": 2, "destroy": 3},
        "details": {"drift_count": 2, "resources": ["a"], "severity": "replaced"},
        "timestamp": "2030-01-31T10:20:30.123456+00:00",
    }

    assert facts(message) == [
        ("Workspace", "test-workspace"),
        ("Task", "#0 (plan_and_apply)"),
        ("Event", "Drift detected"),
        ("Status", "pending"),
        ("Description", message["task"]["description"]),
        ("Changes", "1 to add, 2 to change, 3 to destroy"),
        ("Drift count", "2"),
        ("Severity", "replaced"),
        ("Message", "hello"),
        ("Created by", "system"),
        ("Time", "2030-01-31 10:20:30 UTC"),
    ]


@pytest.mark.parametrize("length", [MOST_CHARACTERS, MOST_CHARACTERS + 1, 10_000])
def test_long_texts_are_cut(length: int) -> None:
    found = dict(facts(sample_message(EventName.TASK_FAILED, "x" * length)))

    assert len(found["Message"]) == MOST_CHARACTERS
    assert found["Message"].endswith("…") is (length > MOST_CHARACTERS)


def test_a_test_says_that_it_is_one() -> None:
    message = sample_message(EventName.TASK_FAILED, "")

    assert title(message) == "❌ Task Failed (test)"
    assert summary(message) == "❌ Task Failed (test): test-workspace #0"
