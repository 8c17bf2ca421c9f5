"""The platform as a stage sees it: reads from the snapshot, writes fenced by the claim."""

import os
from datetime import UTC, datetime

import psycopg
import pytest
from django.db import connection

from executor.claims import Claim
from executor.core.accessor import AttemptLost, LogLine, ResourceProgress, StateSaveError
from executor.exceptions import Fenced
from executor.local_accessor import LocalAccessor
from iacplatform.common.redis_client import redis_client
from tests.domain import a_task, a_workspace, claimed
from tests.interruptions import an_interrupted_task
from workspaces import log_stream
from workspaces.models import (
    ResourceChange,
    StateCheckpoint,
    StateVersion,
    TaskLog,
    TaskStage,
    WorkspaceTask,
)
from workspaces.services.queue import start_next

STATE = b'{"version": 4, "serial": 3, "lineage": "abc", "resources": [], "outputs": {}}'
pytestmark = pytest.mark.django_db


@pytest.fixture
def claim() -> Claim:
    """A claimed first stage."""
    task = a_task(a_workspace())
    start_next(task.workspace_id)
    return claimed(WorkspaceTask.objects.get(pk=task.pk))


def take_away(claim: Claim) -> None:
    TaskStage.objects.filter(pk=claim.stage_id).update(token=claim.token + 1)


def a_line(number: int, text: str = "hello", kind: str = "output") -> LogLine:
    return LogLine(number, text, kind, "fetching", datetime.now(UTC))  # type: ignore[arg-type]


def test_lines_are_stored_together_with_their_numbers(claim: Claim) -> None:
    accessor = LocalAccessor(claim)

    accessor.store_lines([a_line(1), a_line(2, "bad", "error"), a_line(3)])

    row = TaskLog.objects.get(task_id=claim.task_id)
    assert (row.first_line, row.line_count, row.content) == (1, 3, "hello\nbad\nhello\n")
    assert row.kinds == {"2": "error"}


def test_lines_that_are_given_again_are_stored_once(claim: Claim) -> None:
    """The reply to the first COMMIT may have been lost."""
    accessor = LocalAccessor(claim)
    for _ in range(2):
        accessor.store_lines([a_line(1)])

    assert TaskLog.objects.filter(task_id=claim.task_id).count() == 1


def test_lines_that_come_again_with_newer_ones_behind_them_are_all_stored(claim: Claim) -> None:
    accessor = LocalAccessor(claim)
    accessor.store_lines([a_line(1), a_line(2)])

    accessor.store_lines([a_line(1), a_line(2), a_line(3, "newer")])

    row = TaskLog.objects.get(task_id=claim.task_id)
    assert (row.line_count, row.content) == (3, "hello\nhello\nnewer\n")


@pytest.mark.django_db(transaction=True)
def test_a_connection_that_postgresql_has_ended_is_replaced(claim: Claim) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        (pid,) = cursor.fetchone()
    with psycopg.connect(os.environ["DATABASE_URL"]) as other:
        other.execute("SELECT pg_terminate_backend(%s)", [pid])

    assert LocalAccessor(claim).task().task_id == claim.task_id


def test_a_fenced_attempt_writes_nothing(claim: Claim) -> None:
    accessor = LocalAccessor(claim)
    take_away(claim)

    with pytest.raises(Fenced):
        accessor.store_lines([a_line(1)])
    with pytest.raises(Fenced):
        accessor.save_state(STATE)
    with pytest.raises(AttemptLost):
        accessor.report_progress([])

    assert not TaskLog.objects.exists()
    assert not StateVersion.objects.exists()


def test_an_attempt_is_told_whether_its_stage_is_still_its_own(claim: Claim) -> None:
    accessor = LocalAccessor(claim)
    accessor.check_claim()
    take_away(claim)

    with pytest.raises(AttemptLost):
        accessor.check_claim()


def test_a_state_is_saved_once_however_often_it_is_given(claim: Claim) -> None:
    """F25: the second call knows the version that the first one made."""
    accessor = LocalAccessor(claim)

    assert [accessor.save_state(STATE), accessor.save_state(STATE)] == [1, 1]

    version = StateVersion.objects.get()
    assert (version.serial, version.lineage, version.task_id) == (3, "abc", claim.task_id)
    assert accessor.current_state() == STATE


@pytest.mark.django_db(transaction=True)
def test_a_state_that_the_database_refuses_is_an_error_that_may_pass(claim: Claim) -> None:
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE workspaces_stateversion ADD CONSTRAINT no CHECK (version < 1)")
    try:
        with pytest.raises(StateSaveError):
            LocalAccessor(claim).save_state(STATE)
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE workspaces_stateversion DROP CONSTRAINT no")


def a_state(serial: int) -> bytes:
    return STATE.replace(b'"serial": 3', f'"serial": {serial}'.encode())


def test_a_checkpoint_replaces_an_older_one_and_never_a_newer_one(claim: Claim) -> None:
    accessor = LocalAccessor(claim)
    assert accessor.checkpoint() is None

    for serial in (3, 5, 4):
        accessor.checkpoint_state(a_state(serial))

    assert accessor.checkpoint() == a_state(5)
    row = StateCheckpoint.objects.get()
    assert (row.serial, row.token, row.task_id) == (5, claim.token, claim.task_id)


def test_a_checkpoint_is_encrypted_in_the_database(claim: Claim) -> None:
    """Design §7: a state holds secrets."""
    LocalAccessor(claim).checkpoint_state(STATE)

    with connection.cursor() as cursor:
        cursor.execute("SELECT content FROM workspaces_statecheckpoint")
        (content,) = cursor.fetchone()
    assert b"lineage" not in bytes(content)


def test_a_fenced_attempt_checkpoints_nothing(claim: Claim) -> None:
    take_away(claim)

    with pytest.raises(Fenced):
        LocalAccessor(claim).checkpoint_state(STATE)

    assert not StateCheckpoint.objects.exists()


def test_a_rescued_state_says_where_it_was_found() -> None:
    task = an_interrupted_task("checkpoint", after=STATE)

    version = StateVersion.objects.get(task=task)
    assert version.recovered_from == "checkpoint"
    assert version.description == f"Rescued after task #{task.pk} was interrupted"


def test_progress_is_written_to_the_resource_it_names(claim: Claim) -> None:
    row = ResourceChange.objects.create(
        task_id=claim.task_id,
        resource_address='a.b["k"]',
        resource_type="a",
        resource_name="b",
        action="create",
    )
    begin, end = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC)

    LocalAccessor(claim).report_progress(
        [
            ResourceProgress('a.b["k"]', "applying", begin),
            ResourceProgress('a.b["k"]', "completed", end, resource_id="i-1"),
            ResourceProgress("data.x.y", "completed", end),
        ]
    )

    row.refresh_from_db()
    assert (row.apply_status, row.resource_id) == ("completed", "i-1")
    assert (row.apply_started_at, row.apply_completed_at) == (begin, end)


def test_lines_are_published_for_those_who_watch(claim: Claim) -> None:
    LocalAccessor(claim).publish_lines([a_line(1, "seen live")])

    entries = redis_client().xrange(log_stream.stream_key(claim.task_id))
    assert "seen live" in str(entries)
