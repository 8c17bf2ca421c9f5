"""Pulling external sources from real servers."""

import json
import socket
import time
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from django.db.models.functions import Now
from pytest_django import Settings

from iacplatform.common.models import OutboxEntry, OutboxStatus
from iacplatform.common.outbox.delivery import deliver_due
from tests.factories import UserFactory, WorkspaceFactory
from tests.iacplatform.common.outbound.servers import nobody, running_server
from tests.workspaces.cmdb.inventories import a_source, http, item, items, keys
from tests.workspaces.cmdb.states import addresses, resource, synced
from workspaces.cmdb.models import ExternalSource, ResourceIndex, SyncLog
from workspaces.cmdb.services import fetching, pulling
from workspaces.cmdb.services.fetching import try_out
from workspaces.cmdb.services.pulling import fail_stale, request_due, request_pull

pytestmark = pytest.mark.django_db(transaction=True)


def pull(source: ExternalSource) -> SyncLog:
    """Asks for a pull as an administrator does, delivers it, and returns its log."""
    request_pull(source, user=UserFactory.create(staff=True))
    deliver_due()
    source.refresh_from_db()
    return source.sync_logs.all()[0]


def test_what_a_source_answers_becomes_its_rows() -> None:
    headers = {"Authorization": "Bearer hunter2-hunter2"}
    with running_server(items(item("a"), item("b"))) as server:
        source = a_source(server.url, auth_headers=headers)
        log = pull(source)

    assert keys(source) == ["a", "b"]
    assert (log.status, log.resources_synced, log.resources_added) == ("success", 2, 2)
    assert (source.last_sync_status, source.last_sync_count) == ("success", 2)
    assert source.last_sync_at is not None
    assert "Authorization: Bearer hunter2-hunter2" in server.head
    assert server.head.startswith("GET / ")


def test_a_post_has_its_body() -> None:
    with running_server(items(item("a"))) as server:
        pull(a_source(server.url, http_method="POST", request_body='{"q": "é"}'))

    assert server.requests[0].startswith(b"POST / ")
    assert server.requests[0].endswith('{"q": "é"}'.encode())
    assert b"Content-Type: application/json" in server.requests[0]


def test_rows_that_vanished_are_deleted_and_others_keep_their_ids() -> None:
    source = a_source()
    serve(source, item("a"), item("b"), item("c"))
    before = dict(ResourceIndex.objects.values_list("primary_key_value", "pk"))

    log = serve(source, item("b"), item("c", kind="lb"), item("d"))

    assert keys(source) == ["b", "c", "d"]
    after = dict(ResourceIndex.objects.values_list("primary_key_value", "pk"))
    assert {key: after[key] for key in "bc"} == {key: before[key] for key in "bc"}
    assert (log.resources_added, log.resources_updated, log.resources_deleted) == (1, 1, 1)


def test_pulling_twice_changes_nothing() -> None:
    source = a_source()
    serve(source, item("a"))
    before = list(ResourceIndex.objects.values())

    serve(source, item("a"))

    assert list(ResourceIndex.objects.values()) == before


def test_a_pull_never_touches_rows_of_terraform_or_of_another_source() -> None:
    workspace = WorkspaceFactory.create()
    synced(workspace, resource("aws_x.a"))
    other, source = a_source(), a_source()
    serve(other, item("aws_x.a"), item("a"))

    serve(source, item("aws_x.a"))
    serve(source)
    synced(workspace, resource("aws_x.a"), resource("aws_x.b"))

    assert addresses(workspace) == ["aws_x.a", "aws_x.b"]
    assert keys(other) == ["a", "aws_x.a"]
    assert keys(source) == []


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (http(b"no", 404), "The source answered 404"),
        (http(b"", 302, Location="http://127.0.0.1:1/"), "The source answered 302"),
        (http(b"<html>"), "The answer is not JSON"),
        (http(b'{"data": 1}'), "leads to nothing"),
    ],
)
def test_an_answer_that_cannot_be_used_leaves_the_rows_and_is_logged(
    answer: bytes, reason: str
) -> None:
    source = a_source()
    serve(source, item("a"))
    with running_server(answer) as server:
        move(source, server.url)
        log = pull(source)

    assert keys(source) == ["a"]
    assert log.status == source.last_sync_status == "failed"
    assert reason in log.error_message
    assert log.error_message == source.last_sync_message
    assert source.last_sync_count == 1
    assert OutboxEntry.objects.latest("pk").status == OutboxStatus.DELIVERED


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_source_that_may_answer_later_is_asked_again(status: int) -> None:
    with running_server(http(b"", status, Retry_After="7")) as server:
        source = a_source(server.url)
        log = pull(source)

    entry = OutboxEntry.objects.get()
    assert entry.status == OutboxStatus.PENDING
    assert (log.status, log.error_message) == ("failed", f"The source answered {status}")


def test_after_the_last_attempt_the_log_says_why_and_no_entry_is_left_dead() -> None:
    with nobody() as url:
        source = a_source(url)
        pull(source)
        for _ in range(pulling.MAX_ATTEMPTS - 1):
            OutboxEntry.objects.update(next_attempt_at=Now())
            deliver_due()

    assert OutboxEntry.objects.get().status == OutboxStatus.DELIVERED
    statuses = list(source.sync_logs.values_list("status", flat=True))
    assert statuses == ["failed"] * pulling.MAX_ATTEMPTS


def test_an_answer_that_is_too_large_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "MAX_ANSWER_BYTES", 1000)
    source = a_source()

    log = serve(source, *(item(f"vm-{number}") for number in range(100)))

    assert log.error_message == "The answer has more than 1,000 bytes"
    assert keys(source) == []


def test_a_source_that_says_nothing_is_given_up_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pulling, "TIMEOUT_SECONDS", 0.3)
    with running_server(lambda _: time.sleep(1)) as server:
        log = pull(a_source(server.url))

    assert "did not answer within" in log.error_message


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "0x7f.1"])
def test_an_address_that_may_not_be_called_is_not_called(settings: Settings, host: str) -> None:
    """F50: external sources pass the same policy as everything else that users type."""
    settings.OUTBOUND_ALLOWED_NETWORKS = []
    with running_server(items(item("a"))) as server:
        source = a_source(f"http://{host}:{server.port}/")
        log = pull(source)

    assert server.requests == []
    assert log.status == "failed"
    assert keys(source) == []


def test_a_header_value_that_the_source_repeats_is_masked() -> None:
    secret = "hunter2-hunter2"

    def repeat(client: socket.socket) -> None:
        client.sendall(items(item("a", name=f"called with {secret}")))

    with running_server(repeat) as server:
        source = a_source(server.url, auth_headers={"X-Key": secret, "X-Version": "2"})
        pull(source)

    assert ResourceIndex.objects.get().resource_name == "called with ***"


# --- One at a time, at its interval


def test_a_source_is_pulled_when_its_interval_is_over() -> None:
    due, waits, manual, disabled = (
        a_source(),
        a_source(last_sync_at=Now()),
        a_source(sync_interval_minutes=0),
        a_source(is_enabled=False),
    )

    assert [request_due(), request_due()] == [1, 1]
    assert OutboxEntry.objects.get().ordering == due.source_id

    ExternalSource.objects.update(last_sync_at=Now() - timedelta(minutes=61))
    request_due()
    asked = set(OutboxEntry.objects.values_list("ordering", flat=True))
    assert asked == {due.source_id, waits.source_id}
    assert not {manual.source_id, disabled.source_id} & asked


def test_while_a_pull_is_under_way_another_waits() -> None:
    with running_server(items(item("a"))) as server:
        source = a_source(server.url)
        SyncLog.objects.create(source=source)
        request_pull(source, user=UserFactory.create(staff=True))
        deliver_due()

    assert server.requests == []
    assert OutboxEntry.objects.get().last_error == pulling.BUSY


def test_a_pull_whose_worker_died_is_closed_and_another_begins() -> None:
    with running_server(items(item("a"))) as server:
        source = a_source(server.url)
        dead = SyncLog.objects.create(source=source)
        SyncLog.objects.update(started_at=Now() - timedelta(hours=1))
        pull(source)

    dead.refresh_from_db()
    assert (dead.status, dead.error_message) == ("failed", "The worker died")
    assert keys(source) == ["a"]
    assert fail_stale() == 0


def test_who_was_taken_for_dead_changes_nothing_when_it_comes_back() -> None:
    source = a_source()
    log = SyncLog.objects.create(source=source)
    SyncLog.objects.update(started_at=Now() - timedelta(hours=1))
    fail_stale()
    with running_server(items(item("late"))) as server:
        move(source, server.url)
        inventory = fetching.fetch(source)

    with transaction.atomic():
        pulling._store(log, source, inventory)

    assert keys(source) == []
    source.refresh_from_db()
    assert source.last_sync_status == "failed"


def test_a_source_that_was_deleted_meanwhile_is_no_error() -> None:
    source = a_source()
    request_pull(source, user=UserFactory.create(staff=True))
    source.delete()

    deliver_due()

    assert OutboxEntry.objects.get().status == OutboxStatus.DELIVERED


# --- Trying a source


def test_a_trial_shows_the_first_resources_and_keeps_nothing() -> None:
    with running_server(items(*(item(f"vm-{number}") for number in range(7)))) as server:
        trial = try_out(a_source(server.url))

    assert trial.problem == ""
    assert len(trial.inventory.rows) == 7
    assert len(trial.samples) == 5
    assert trial.samples[0]["primary_key_value"] == "vm-0"
    json.dumps(trial.samples)
    assert not ResourceIndex.objects.exists()
    assert not SyncLog.objects.exists()


def serve(source: ExternalSource, *found: dict[str, Any]) -> SyncLog:
    """Pulls a source that answers with these items."""
    with running_server(items(*found)) as server:
        move(source, server.url)
        return pull(source)


def move(source: ExternalSource, url: str) -> None:
    """Gives a source another address."""
    ExternalSource.objects.filter(pk=source.pk).update(api_endpoint=url)
    source.refresh_from_db()
