"""The outbox over the REST API."""

import pytest
from rest_framework.test import APIClient

from iacplatform.common.models import OutboxEntry
from iacplatform.common.outbox import enqueue
from tests.factories import UserFactory, api_token

pytestmark = pytest.mark.django_db
ALL = "/api/v1/outbox"
SECRET = "hunter2-do-not-show"


def an_entry(key: str, **values: object) -> OutboxEntry:
    entry = enqueue("test.post", key=key, payload={"token": SECRET}, destination="shop")
    OutboxEntry.objects.filter(pk=entry.pk).update(**values)
    return entry


def client(**user: bool) -> APIClient:
    caller = APIClient()
    caller.credentials(HTTP_AUTHORIZATION=f"Bearer {api_token(UserFactory.create(**user))}")
    return caller


def test_a_superuser_sees_what_died_and_why_but_not_what_it_carries() -> None:
    an_entry("waits")
    died = an_entry("died", status="dead", attempts=8, last_error="HTTP status 500")

    answer = client(superuser=True).get(ALL, {"status": "dead"})

    (shown,) = answer.json()["items"]
    assert shown["id"] == died.pk
    assert (shown["kind"], shown["key"], shown["destination"]) == ("test.post", "died", "shop")
    assert (shown["attempts"], shown["max_attempts"]) == (8, 8)
    assert shown["last_error"] == "HTTP status 500"
    assert SECRET not in answer.content.decode()
    assert not {"payload", "token"} & set(shown)


@pytest.mark.parametrize(
    ("filters", "keys"),
    [
        ({}, ["c", "b", "a"]),
        ({"status": "pending"}, ["b", "a"]),
        ({"kind": "test.death"}, ["b"]),
        ({"destination": "elsewhere"}, ["a"]),
    ],
)
def test_the_list_can_be_narrowed(filters: dict[str, str], keys: list[str]) -> None:
    an_entry("a", destination="elsewhere")
    an_entry("b", kind="test.death")
    an_entry("c", status="delivered")

    answer = client(superuser=True).get(ALL, filters)

    assert [item["key"] for item in answer.json()["items"]] == keys


def test_a_status_that_does_not_exist_is_refused() -> None:
    answer = client(superuser=True).get(ALL, {"status": "lost"})

    assert answer.status_code == 400
    assert "status" in answer.json()["fields"]


def test_a_dead_entry_is_replayed() -> None:
    died = an_entry("died", status="dead", attempts=8)

    answer = client(superuser=True).post(f"{ALL}/{died.pk}/replay")

    assert answer.status_code == 200
    assert (answer.json()["status"], answer.json()["attempts"]) == ("pending", 0)


def test_only_a_dead_entry_is_replayed() -> None:
    waits = an_entry("waits")

    answer = client(superuser=True).post(f"{ALL}/{waits.pk}/replay")

    assert (answer.status_code, answer.json()["code"]) == (409, "conflict")
    assert client(superuser=True).post(f"{ALL}/999999/replay").status_code == 404


@pytest.mark.parametrize("user", [{}, {"staff": True}])
def test_nobody_else_sees_or_replays_anything(user: dict[str, bool]) -> None:
    died = an_entry("died", status="dead")

    assert client(**user).get(ALL).status_code == 403
    assert client(**user).post(f"{ALL}/{died.pk}/replay").status_code == 403
    assert APIClient().get(ALL).status_code == 401
    assert OutboxEntry.objects.get().status == "dead"
