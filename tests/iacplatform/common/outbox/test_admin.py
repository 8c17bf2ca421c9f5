"""The admin's pages of the outbox."""

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client

from iacplatform.common.models import OutboxEntry
from iacplatform.common.outbox import enqueue
from tests.admin_pages import (
    act,
    colleague,
    list_page,
    messages,
    operator,
    page,
    refusals,
    signed_in,
    text,
)

pytestmark = pytest.mark.django_db
SECRET = "hunter2-do-not-show"


def an_entry(key: str, **values: object) -> OutboxEntry:
    entry = enqueue("test.post", key=key, payload={"token": SECRET})
    OutboxEntry.objects.filter(pk=entry.pk).update(**values)
    entry.refresh_from_db()
    return entry


@pytest.fixture
def browser() -> Client:
    """The operator's browser."""
    return signed_in(operator())


def test_an_operator_sees_what_died_and_why_but_not_what_it_carries(browser: Client) -> None:
    died = an_entry("run-task:7", status="dead", attempts=3, last_error="HTTP status 500")

    listed, shown = text(browser.get(list_page(OutboxEntry))), text(browser.get(page(died)))

    assert "run-task:7" in listed
    assert "3 of 8" in listed
    assert "HTTP status 500" in shown
    assert "Replay dead entries" in shown
    assert SECRET not in listed + shown


def test_dead_entries_are_replayed_and_the_history_says_by_whom(browser: Client) -> None:
    dead = [an_entry(key, status="dead", attempts=8) for key in ("a", "b")]
    waits = an_entry("c", attempts=2)

    asked = text(act(browser, "replay_dead", *dead, waits))
    assert "may have got it already" in asked
    assert OutboxEntry.objects.filter(status="dead").count() == 2
    response = act(browser, "replay_dead", *dead, waits, confirmed="yes")

    assert sorted(messages(response)) == [
        "Only a dead entry can be replayed",
        "a is delivered again",
        "b is delivered again",
    ]
    assert list(OutboxEntry.objects.order_by("key").values_list("status", "attempts")) == [
        ("pending", 0),
        ("pending", 0),
        ("pending", 2),
    ]
    assert LogEntry.objects.filter(user__username="olivia").count() == 2


def test_an_entry_that_is_not_dead_has_no_button(browser: Client) -> None:
    waits = an_entry("waits")

    assert "Replay dead entries" not in text(browser.get(page(waits)))
    response = act(browser, "replay_dead", waits, confirmed="yes")
    assert messages(response) == ["Only a dead entry can be replayed"]


def test_a_colleague_who_may_only_look_replays_nothing() -> None:
    died = an_entry("died", status="dead")
    browser = signed_in(colleague("view_outboxentry"))

    assert "died" in text(browser.get(list_page(OutboxEntry)))
    act(browser, "replay_dead", died, confirmed="yes")

    assert OutboxEntry.objects.get().status == "dead"


def test_a_form_cannot_add_change_or_delete(browser: Client) -> None:
    died = an_entry("died", status="dead")

    assert refusals(browser, died) == [403, 403, 403]
    assert OutboxEntry.objects.get().status == "dead"
