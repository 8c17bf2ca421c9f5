"""Reading the audit log: who sees what, filters, pages."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from rest_framework.test import APIClient

from iacplatform.accounts.audit.models import AuditEntry
from iacplatform.accounts.models import User
from tests.factories import OrganizationFactory, UserFactory

pytestmark = pytest.mark.django_db
LOG = "/api/v1/audit-log"
NOW = timezone.now().replace(microsecond=0)


def an_entry(**fields: Any) -> AuditEntry:
    values = {"action": "state_content.download", "via": "api", "status": 200}
    return AuditEntry.objects.create(**(values | fields))


@pytest.fixture
def root() -> User:
    return UserFactory.create(username="root", superuser=True)


@pytest.fixture
def ask(root: User) -> Callable[..., Any]:
    """Asks as a superuser for the ids of entries."""
    client = APIClient()
    client.force_authenticate(root)

    def ids(**query: Any) -> list[int]:
        answer = client.get(LOG, query)
        assert answer.status_code == 200, answer.json()
        return [item["id"] for item in answer.json()["items"]]

    return ids


def client_of(user: User) -> APIClient:
    client = APIClient()
    client.force_authenticate(user)
    return client


def test_owners_see_what_belongs_to_their_organization_and_nothing_else() -> None:
    ours, theirs = OrganizationFactory.create(), OrganizationFactory.create(name="theirs")
    seen = an_entry(organization=ours, object_name="shop")
    an_entry(organization=theirs)
    an_entry()
    answer = client_of(UserFactory.create()).get(LOG).json()
    assert [item["id"] for item in answer["items"]] == [seen.pk]
    assert answer["items"][0]["organization"] == "default"


def test_who_belongs_to_nothing_sees_an_empty_log_and_nobody_is_refused() -> None:
    an_entry()
    stranger = UserFactory.create()
    stranger.organizations.clear()
    assert client_of(stranger).get(LOG).json() == {"items": [], "next": None}
    assert APIClient().get(LOG).status_code == 401
    assert APIClient().get(f"{LOG}/export").status_code == 401


def test_nothing_can_be_written_through_the_api(root: User) -> None:
    client = client_of(root)
    for method in (client.post, client.put, client.patch, client.delete):
        assert method(LOG).status_code == 405


def test_an_entry_is_still_readable_when_what_it_names_is_gone(ask: Callable[..., Any]) -> None:
    gone = OrganizationFactory.create(name="gone")
    actor = UserFactory.create()
    entry = an_entry(organization=gone, actor=actor)
    User.objects.filter(pk=actor.pk).delete()
    gone.delete()
    assert ask() == [entry.pk]


def test_each_filter_finds_its_entry_and_no_other(ask: Callable[..., Any], root: User) -> None:
    an_entry(at=NOW - timedelta(days=9))
    mark = OrganizationFactory.create(name="marked")
    entry = an_entry(
        at=NOW,
        actor=root,
        actor_name="root",
        action="states.delete",
        via="admin",
        object_type="state",
        object_id="7",
        object_name="Shop 7",
        organization=mark,
        workspace_id="ws-1",
        ip="2001:db8::1",
        status=None,
    )
    for query in (
        {"actor": root.pk},
        {"actor": "root"},
        {"action": "states.delete"},
        {"via": "admin"},
        {"object_type": "state"},
        {"object_type": "state", "object_id": "7"},
        {"organization": "marked"},
        {"workspace": "ws-1"},
        {"ip": "2001:0DB8::0001"},
        {"since": NOW.isoformat()},
        {"status": "unknown"},
        {"search": "hop"},
    ):
        assert ask(**query) == [entry.pk], query
    assert len(ask(until=NOW.isoformat())) == 1
    assert entry.pk not in ask(until=NOW.isoformat())
    assert ask(status=200) == ask(until=NOW.isoformat())
    assert ask(actor="nobody") == ask(organization="nothing") == ask(actor=10**30) == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("status", "2000"),
        ("status", "good"),
        ("ip", "here"),
        ("since", "soon"),
        ("via", "window"),
        ("search", "ab"),
        ("object_id", "7"),
        ("ordering", "action"),
        ("page_size", "0"),
        ("page_size", "101"),
        ("page_size", "x"),
        ("cursor", "x"),
        ("cursor", "ü"),
        ("cursor", "MHww"),
    ],
)
def test_what_a_filter_does_not_know_is_refused(root: User, name: str, value: str) -> None:
    answer = client_of(root).get(LOG, {name: value})
    assert answer.status_code == 400
    assert list(answer.json()["fields"]) == [name]


@pytest.mark.parametrize("ordering", ["at", "-at"])
def test_pages_show_every_entry_once_also_those_of_one_moment(root: User, ordering: str) -> None:
    moments = [NOW, NOW, NOW, NOW + timedelta(seconds=1), NOW - timedelta(seconds=1)]
    expected = sorted((entry.at, entry.pk) for entry in (an_entry(at=at) for at in moments))
    if ordering == "-at":
        expected.reverse()
    client, seen, cursor = client_of(root), [], ""
    while cursor is not None:
        query: dict[str, Any] = {"page_size": 2, "ordering": ordering} | (
            {"cursor": cursor} if cursor else {}
        )
        body = client.get(LOG, query).json()
        seen += [item["id"] for item in body["items"]]
        cursor = body["next"]
    assert seen == [pk for _, pk in expected]


def test_a_page_takes_one_query_however_many_entries_there_are(root: User) -> None:
    client = client_of(root)
    an_entry(organization=OrganizationFactory.create())
    for _ in range(2):
        with CaptureQueriesContext(
            connection,
        ) as queries:
            client.get(LOG)
        assert len(queries) == 1
        AuditEntry.objects.bulk_create(AuditEntry(action="x", via="api") for _ in range(200))
