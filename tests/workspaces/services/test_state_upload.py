"""States that people upload: what is taken, what is refused, and who wins a race."""

import json
import threading
from contextlib import suppress
from typing import Any

import pytest
from django.db import connection, transaction
from pytest_django import Settings

from iacplatform.accounts.models import User
from iacplatform.common.errors import Conflict, DomainError, InvalidInput, Locked
from tests.domain import a_running_task, a_task, a_user, a_workspace
from tests.factories import StateVersionFactory, state_content
from tests.racing import at_once
from workspaces.exceptions import WorkspaceLocked
from workspaces.models import Workspace
from workspaces.services.locks import lock_workspace
from workspaces.services.queue import start_next
from workspaces.services.state import save_state_version
from workspaces.services.state_upload import Upload, upload_state
from workspaces.task_status import LIVE, TaskStatus, TaskType

LINEAGE = "8f5c1e2e-5c0f-4b8e-9a55-0d3f0a1b2c3d"


def upload(workspace: Workspace, content: bytes, user: User | None = None, **how: Any) -> Upload:
    user = user or User.objects.filter(username="ada").first() or a_user()
    return upload_state(workspace, content, field="file", user=user, **how)


def of_lineage(lineage: str, serial: int) -> bytes:
    return json.dumps({"version": 4, "serial": serial, "lineage": lineage}).encode()


@pytest.mark.django_db
def test_the_first_state_of_a_workspace_may_be_any() -> None:
    workspace = a_workspace()

    found = upload(workspace, state_content(7, url="a"), description="From the old tool")

    version = found.version
    assert (version.version, version.serial, version.lineage) == (1, 7, LINEAGE)
    assert (version.resource_count, version.output_count) == (0, 1)
    assert (version.is_imported, version.import_source) == (True, "user_upload")
    assert (version.is_rollback, version.rollback_from_version) == (False, None)
    assert version.description == "From the old tool"
    assert version.created_by is not None
    assert version.content == state_content(7, url="a")
    assert found.warnings == []
    assert not Workspace.objects.get(pk=workspace.pk).is_locked


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("content", "field"),
    [
        (state_content(4), "file.serial"),
        (state_content(3), "file.serial"),
        (of_lineage("another", 9), "file.lineage"),
    ],
)
def test_a_state_that_does_not_follow_the_newest_needs_force(content: bytes, field: str) -> None:
    """Reference §5.9: the same lineage and a strictly higher serial."""
    workspace = a_workspace()
    upload(workspace, state_content(4))

    with pytest.raises(InvalidInput) as raised:
        upload(workspace, content)

    assert list(raised.value.fields) == [field]
    assert raised.value.details == {"suggestion": "Use force=true to bypass validation"}
    assert workspace.state_versions.count() == 1


@pytest.mark.django_db
def test_a_forced_state_is_taken_and_the_workspace_stays_locked() -> None:
    """Reference §5.9: until somebody has verified it."""
    workspace = a_workspace()
    upload(workspace, state_content(4))

    found = upload(workspace, of_lineage("another", 1), force=True)

    assert (found.version.version, found.version.lineage) == (2, "another")
    assert [each.partition(":")[0] for each in found.warnings] == ["lineage", "serial"]
    workspace.refresh_from_db()
    assert workspace.is_locked
    assert workspace.locked_by == "ada"
    reason = "Locked after force upload. Please verify state before unlocking."
    assert workspace.lock_reason == reason


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("content", "field", "sentence"),
    [
        (b"", "file", "not JSON"),
        (b"{", "file", "not JSON"),
        (b"\xff\xfe{\x00}\x00", "file", "not JSON"),
        (b"[1]", "file", "not a JSON object"),
        (b'{"version": 4, "serial": NaN, "lineage": "a"}', "file", "not JSON"),
        (b'{"hello": 1}', "file.version", "format version None"),
        (b'{"version": 3, "serial": 1, "lineage": "a"}', "file.version", "format version 3"),
        (b'{"version": 4, "serial": 1}', "file.lineage", "no lineage"),
        (b'{"version": 4, "serial": 1, "lineage": 7}', "file.lineage", "no lineage"),
        (b'{"version": 4, "serial": 1, "lineage": "a\\u0000"}', "file.lineage", "no lineage"),
        (b'{"version": 4, "lineage": "a"}', "file.serial", "whole number"),
        (b'{"version": 4, "serial": "1", "lineage": "a"}', "file.serial", "whole number"),
        (b'{"version": 4, "serial": true, "lineage": "a"}', "file.serial", "whole number"),
        (b'{"version": 4, "serial": 1, "lineage": "a", "resources": 1}', "file.resources", "list"),
        (b'{"version": 4, "serial": 1, "lineage": "a", "x": "\\ud800"}', "file", "is none"),
        (b'{"version": 4, "serial": 1, "lineage": "a", "x": 1e999}', "file", "is none"),
        (b'{"version": 4, "encrypted_data": "x"}', "file.encrypted_data", "OpenTofu"),
    ],
)
def test_what_is_no_state_is_refused_by_its_member_even_with_force(
    content: bytes, field: str, sentence: str
) -> None:
    workspace = a_workspace()

    with pytest.raises(InvalidInput) as raised:
        upload(workspace, content, force=True)

    assert list(raised.value.fields) == [field]
    assert sentence in str(raised.value)
    assert "suggestion" not in raised.value.details
    assert not Workspace.objects.get(pk=workspace.pk).is_locked


@pytest.mark.django_db
def test_a_state_that_is_too_large_is_refused(settings: Settings) -> None:
    settings.STATE_MAX_BYTES = 10

    with pytest.raises(InvalidInput, match="larger than 10 bytes"):
        upload(a_workspace(), state_content(1))


@pytest.mark.django_db
def test_a_locked_workspace_takes_no_state_even_by_force() -> None:
    workspace, user = a_workspace(), a_user()
    lock_workspace(workspace, user=user, reason="freeze")

    with pytest.raises(WorkspaceLocked):
        upload(workspace, state_content(1), user, force=True)


@pytest.mark.django_db
def test_no_state_is_taken_while_a_change_is_live() -> None:
    task = a_running_task()

    with pytest.raises(Conflict, match="live"):
        upload(task.workspace, state_content(1), force=True)


@pytest.mark.django_db
def test_a_plan_or_a_change_that_only_waits_does_not_keep_a_state_out() -> None:
    workspace = a_running_task(TaskType.PLAN_ONLY).workspace
    a_task(workspace)

    assert upload(workspace, state_content(1)).version.version == 1


# --- Races


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("force", [False, True])
def test_of_two_uploads_at_once_one_wins_and_the_other_is_told(force: bool) -> None:
    """Both have seen the same newest version, whichever serials they have."""
    workspace, user = a_workspace(), a_user()
    upload(workspace, state_content(1), user)
    held, arrived = threading.Event(), threading.Event()

    def hold() -> None:
        """Keeps both waiting for the workspace, so that both have looked before one has written."""
        with transaction.atomic():
            Workspace.objects.select_for_update(no_key=True).get(pk=workspace.pk)
            held.set()
            arrived.wait(10)
            wait_for_waiters(2)

    def try_upload(serial: int) -> object:
        held.wait(10)
        arrived.set()
        return upload(workspace, state_content(serial), user, force=force)

    _, *results = at_once(hold, lambda: try_upload(2), lambda: try_upload(3))

    won = [each for each in results if isinstance(each, Upload)]
    lost = [each for each in results if isinstance(each, Conflict | Locked)]
    assert (len(won), len(lost)) == (1, 1), results
    assert lost[0].status == (423 if force else 409)
    assert workspace.state_versions.count() == 2


def wait_for_waiters(count: int) -> None:
    """Waits until as many connections wait for a lock of this database."""
    waiting = (
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE wait_event_type = 'Lock' AND datname = current_database()"
    )
    with connection.cursor() as cursor:
        for _ in range(1000):
            cursor.execute("SELECT pg_stat_clear_snapshot()")
            cursor.execute(waiting)
            row = cursor.fetchone()
            if row and row[0] >= count:
                return
            cursor.execute("SELECT pg_sleep(0.01)")
    raise AssertionError("nobody waits")


@pytest.mark.django_db(transaction=True)
def test_an_upload_and_the_start_of_a_change_exclude_each_other() -> None:
    """Whoever is first: a change that has started keeps the state out, or has been planned after it."""
    for number in range(10):
        workspace = a_workspace(f"shop-{number}")
        task = a_task(workspace)

        result, _ = at_once(
            lambda workspace=workspace: upload(workspace, state_content(1)),  # type: ignore[misc]
            lambda workspace=workspace: start_next(workspace.pk),  # type: ignore[misc]
        )

        task.refresh_from_db()
        assert task.status in LIVE
        version = workspace.state_versions.first()
        if isinstance(result, Conflict):
            assert version is None
        else:
            assert version is not None
            assert task.started_at is None or version.created_at <= task.started_at


@pytest.mark.django_db(transaction=True)
def test_after_a_forced_upload_a_task_that_is_created_at_once_is_refused_or_waits() -> None:
    for number in range(10):
        workspace = a_workspace(f"shop-{number}")
        StateVersionFactory.create(workspace=workspace, content=state_content(5), serial=5)

        def create(workspace: Workspace = workspace) -> None:
            a_task(workspace)
            start_next(workspace.pk)

        result, _ = at_once(
            lambda workspace=workspace: upload(workspace, state_content(1), force=True),  # type: ignore[misc]
            create,
        )

        running = workspace.tasks.filter(status=TaskStatus.RUNNING).exists()
        assert running == isinstance(result, Conflict), result
        assert Workspace.objects.get(pk=workspace.pk).is_locked != running


@pytest.mark.django_db(transaction=True)
def test_a_worker_that_saves_and_a_person_who_uploads_never_share_a_number() -> None:
    """F26: an upload that meets a saved state it has not seen gives way."""
    workspace, user = a_workspace(), a_user()

    def uploads() -> None:
        for serial in range(100, 110):
            with suppress(DomainError):
                upload(workspace, state_content(serial), user)

    def saves() -> None:
        for serial in range(1, 11):
            save_state_version(workspace.pk, state_content(serial))

    at_once(uploads, saves)

    numbers = sorted(workspace.state_versions.values_list("version", flat=True))
    assert numbers == list(range(1, len(numbers) + 1))
