"""The audit log: written before the work, never changed afterwards."""

from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction
from django.db.models.functions import Now
from django.test import RequestFactory
from django.utils import timezone
from pytest_django import Settings

from iacplatform.accounts.audit.models import AuditEntry
from iacplatform.accounts.audit.recording import audited, begin_audit, end_audit
from iacplatform.accounts.audit.retention import prune_audit_log
from iacplatform.accounts.models import User
from iacplatform.common.errors import Conflict
from tests.factories import UserFactory

pytestmark = pytest.mark.django_db


def a_request(**headers: Any) -> Any:
    request = RequestFactory().get("/api/v1/workspaces/ws-1/states/3/download?token=x", **headers)
    request.user = UserFactory.create(username="ada")
    return request


def refused(statement: str) -> bool:
    """Whether PostgreSQL refuses a statement."""
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)
    except DatabaseError as error:
        return "append-only" in str(error)
    return False


def test_an_entry_says_who_what_where_and_when() -> None:
    request = a_request(HTTP_USER_AGENT="curl/8", REMOTE_ADDR="192.0.2.7")
    entry = begin_audit(
        request,
        action="state_content.download",
        object_type="state",
        object_id=3,
        object_name="shop 3",
        workspace_id="ws-1",
        details={"format": "json"},
    )
    entry.refresh_from_db()
    assert (entry.actor, entry.actor_name, entry.via) == (request.user, "ada", "api")
    assert (entry.method, entry.path) == ("GET", "/api/v1/workspaces/ws-1/states/3/download")
    assert (entry.object_type, entry.object_id, entry.workspace_id) == ("state", "3", "ws-1")
    assert (entry.ip, entry.user_agent) == ("192.0.2.7", "curl/8")
    assert abs((timezone.now() - entry.at).total_seconds()) < 60


def test_the_outcome_is_unknown_until_it_is_written_and_is_written_once() -> None:
    entry = begin_audit(a_request(), action="state_content.download")
    assert entry.status is None
    end_audit(entry, 200)
    end_audit(entry, 500)
    entry.refresh_from_db()
    assert entry.status == 200


def test_f47_an_access_has_the_time_of_the_access_and_not_of_its_end() -> None:
    """F47: access is audited with the access time."""
    entry = begin_audit(a_request(), action="state_content.download")
    entry.refresh_from_db()
    begun = entry.at
    end_audit(entry, 200)
    entry.refresh_from_db()
    assert entry.at == begun


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE accounts_auditentry SET action = 'x'",
        "UPDATE accounts_auditentry SET status = 200, action = 'x'",
        "UPDATE accounts_auditentry SET actor_id = NULL",
        "UPDATE accounts_auditentry SET object_id = 'x'",
        "UPDATE accounts_auditentry SET status = 200, workspace_id = ''",
        "DELETE FROM accounts_auditentry",
    ],
)
def test_postgresql_refuses_to_change_or_delete_an_entry(statement: str) -> None:
    begin_audit(a_request(), action="state_content.download", workspace_id="ws-1")
    assert refused(statement)
    assert AuditEntry.objects.count() == 1


def test_what_was_made_is_named_with_the_outcome_and_what_was_known_stays() -> None:
    request = a_request()
    made = begin_audit(request, action="team.create")
    known = begin_audit(request, action="team.update", object_id="team-1")
    for entry in (made, known):
        end_audit(entry, 201, object_id="team-2")
        entry.refresh_from_db()

    assert (made.object_id, known.object_id) == ("team-2", "team-1")


def test_an_outcome_is_not_written_twice_nor_taken_back() -> None:
    end_audit(begin_audit(a_request(), action="state_content.download"), 403)
    assert refused("UPDATE accounts_auditentry SET status = 200")
    assert refused("UPDATE accounts_auditentry SET status = NULL")


def test_nobody_truncates_the_log() -> None:
    begin_audit(a_request(), action="state_content.download")
    assert refused("TRUNCATE accounts_auditentry")


def test_an_entry_outlives_its_actor() -> None:
    request = a_request()
    entry = begin_audit(request, action="state_content.download")
    User.objects.get(pk=request.user.pk).delete()
    entry.refresh_from_db()
    assert (entry.actor_id, entry.actor_name) == (request.user.pk, "ada")


def test_what_is_too_long_is_cut_and_a_nul_does_no_harm() -> None:
    request = a_request(HTTP_USER_AGENT="x" * 1000, REMOTE_ADDR="not an address")
    entry = begin_audit(request, action="auth.login", actor=None, actor_name="a\0" + "b" * 500)
    entry.refresh_from_db()
    assert (len(entry.user_agent), len(entry.actor_name), entry.ip) == (200, 150, None)


@pytest.mark.parametrize(
    ("proxies", "expected"), [(0, "192.0.2.7"), (1, "198.51.100.2"), (2, "198.51.100.1")]
)
def test_a_forwarding_header_is_believed_as_far_as_the_proxies_reach(
    settings: Settings, proxies: int, expected: str
) -> None:
    settings.REST_FRAMEWORK = {**settings.REST_FRAMEWORK, "NUM_PROXIES": proxies}
    headers = {"REMOTE_ADDR": "192.0.2.7", "HTTP_X_FORWARDED_FOR": "198.51.100.1, 198.51.100.2"}
    assert begin_audit(a_request(**headers), action="x.y").ip == expected


def test_a_block_ends_its_entry_whatever_happens() -> None:
    with audited(None, action="states.prune"):
        pass
    with pytest.raises(Conflict), audited(None, action="states.prune"):
        raise Conflict("no")
    with pytest.raises(KeyError), audited(None, action="states.prune"):
        raise KeyError
    assert list(AuditEntry.objects.order_by("id").values_list("status", flat=True)) == [
        200,
        409,
        500,
    ]


def test_old_entries_are_forgotten_only_where_a_time_is_set(settings: Settings) -> None:
    AuditEntry.objects.create(action="old", via="api", at=timezone.now().replace(year=2020))
    AuditEntry.objects.create(action="new", via="api", at=Now())
    assert prune_audit_log() == 0
    settings.AUDIT_KEEP_DAYS = 30
    assert prune_audit_log() == 1
    assert AuditEntry.objects.get().action == "new"
    assert refused("DELETE FROM accounts_auditentry")
