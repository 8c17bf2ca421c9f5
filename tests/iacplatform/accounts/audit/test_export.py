"""The audit log as a file, from a real server."""

import csv
import io
import json

import pytest
import requests

from iacplatform.accounts.access_tokens import issue_access_token
from iacplatform.accounts.audit.export import PAGE_ROWS, defused
from iacplatform.accounts.audit.models import AuditEntry
from iacplatform.accounts.models import Membership, Organization
from tests.factories import UserFactory

EXPORT = "/api/v1/audit-log/export"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("=1+1", "'=1+1"),
        ("+1", "'+1"),
        ("-1", "'-1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'\t=1"),
        ("a=1", "a=1"),
        ("", ""),
        (-1, -1),
        (None, None),
    ],
)
def test_a_cell_that_would_be_a_formula_is_defused(value: object, expected: object) -> None:
    assert defused(value) == expected


def export(server: str, **query: str) -> requests.Response:
    user = UserFactory.create(username="root", superuser=True)
    headers = {"Authorization": f"Bearer {issue_access_token(user)}"}
    return requests.get(f"http://{server}{EXPORT}", query, headers=headers, timeout=60)


@pytest.mark.django_db(transaction=True)
def test_an_export_has_every_entry_that_the_filters_let_through(web_server: str) -> None:
    count = 2 * PAGE_ROWS + 1
    AuditEntry.objects.bulk_create(
        AuditEntry(action="a.b", via="api", object_name=str(number)) for number in range(count)
    )
    AuditEntry.objects.create(action="c.d", via="api")
    answer = export(web_server, action="a.b", ordering="at")
    assert answer.headers["Content-Type"].startswith("application/jsonl")
    rows = [json.loads(line) for line in answer.text.splitlines()]
    assert [row["object_name"] for row in rows] == [str(number) for number in range(count)]
    entry = AuditEntry.objects.get(action="audit_log.export")
    assert (entry.actor_name, entry.status) == ("root", 200)
    assert entry.details == {"format": "jsonl", "filters": ["action", "ordering"]}


@pytest.mark.django_db(transaction=True)
def test_an_export_as_csv_is_safe_to_open(web_server: str) -> None:
    names = ["=HYPERLINK()", 'a "quoted", ünlucky\nname']
    for name in names:
        AuditEntry.objects.create(action="a.b", via="api", object_name=name)
    answer = export(web_server, format="csv", ordering="at")
    answer.encoding = "utf-8"
    rows = list(csv.DictReader(io.StringIO(answer.text, newline="")))
    assert [row["object_name"] for row in rows] == [f"'{names[0]}", names[1]]
    assert "attachment" in answer.headers["Content-Disposition"]


@pytest.mark.django_db(transaction=True)
def test_an_export_shows_an_owner_nothing_of_others(web_server: str) -> None:
    ours = Organization.objects.create(name="ours")
    ada = UserFactory.create(username="ada")
    ada.organizations.clear()
    Membership.objects.create(user=ada, organization=ours, is_owner=True)
    AuditEntry.objects.create(action="a.b", via="api", organization=ours)
    AuditEntry.objects.create(action="a.c", via="api")
    headers = {"Authorization": f"Bearer {issue_access_token(ada)}"}
    answer = requests.get(f"http://{web_server}{EXPORT}", headers=headers, timeout=60)
    assert [json.loads(line)["action"] for line in answer.text.splitlines()] == ["a.b"]


@pytest.mark.django_db(transaction=True)
def test_an_export_in_an_unknown_form_is_refused(web_server: str) -> None:
    assert export(web_server, format="xml").status_code == 400
