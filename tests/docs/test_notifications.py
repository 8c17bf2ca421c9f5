"""What the documentation says of notifications is so."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from pytest_django import Settings

from notifications.models import LogStatus, NotificationType
from notifications.services.message import sample_message
from tests.notifications.conftest import receiver
from tests.notifications.factories import told
from tests.runtasks.deliveries import deliver_all
from tests.runtasks.service import Service
from workspaces.task_events import EventName

__all__ = ["receiver"]

DOCS = Path(__file__).resolve().parent.parent.parent / "docs"
HOW_TO = (DOCS / "how-to" / "send-notifications.md").read_text()
REFERENCE = (DOCS / "reference" / "notifications.md").read_text()
SECRET = "a key that only the two of us know"


def block(page: str, language: str) -> str:
    """The first block of code of a page."""
    found = re.search(rf"```{language}\n(.*?)```", page, re.DOTALL)
    assert found is not None
    return found[1]


def first_cells(page: str) -> set[str]:
    """The words of code that rows of tables begin with."""
    return set(re.findall(r"^\| `([^`]+)`", page, re.MULTILINE))


@pytest.mark.django_db(transaction=True)
def test_the_documented_verification_tells_genuine_messages(
    receiver: Service, settings: Settings
) -> None:
    """It has ten lines, and is run as it stands on the page."""
    code = block(HOW_TO, "python")
    names: dict[str, Any] = {}
    exec(code, names)  # noqa: S102
    settings.OUTBOUND_ALLOWED_NETWORKS = ["127.0.0.0/8"]
    told(receiver.url, secret=SECRET)
    deliver_all()
    headers, body = receiver.last.headers, receiver.last.body

    assert len([line for line in code.splitlines() if line.strip()]) <= 10
    assert names["is_genuine"](headers, body, SECRET)
    assert not names["is_genuine"](headers, body + b" ", SECRET)
    assert not names["is_genuine"](headers, body, "another")
    assert not names["is_genuine"]({}, body, SECRET)


@pytest.mark.parametrize("words", [EventName, NotificationType, LogStatus])
def test_the_page_has_every_word(words: Any) -> None:
    assert set(words.values) <= first_cells(REFERENCE)


def test_the_how_to_has_every_type() -> None:
    assert set(NotificationType.values) <= first_cells(HOW_TO)


def test_the_documented_message_has_the_members_of_a_real_one() -> None:
    shown = json.loads(block(REFERENCE, "json"))
    real = sample_message(EventName.APPROVAL_REQUIRED, "") | {"changes": shown["changes"]}

    for test_only in ("test", "test_message"):
        assert f"`{test_only}`" in REFERENCE
        del real[test_only]
    assert set(shown) == set(real)
    assert set(shown["task"]) == set(real["task"])
    assert set(shown["workspace"]) == set(real["workspace"])
