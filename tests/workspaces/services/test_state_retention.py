"""Retention: what goes, and what stays whatever the limits say."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils import timezone
from pytest_django import Settings

from tests.domain import a_task, a_user, a_workspace
from tests.factories import StateVersionFactory, state_content
from workspaces.models import StateVersion, Workspace, WorkspaceTask
from workspaces.services import state_retention
from workspaces.services.locks import lock_workspace
from workspaces.services.state import roll_back, save_state_version
from workspaces.services.state_retention import prune_states
from workspaces.task_status import TaskStatus
from workspaces.tasks import prune_states as celery_task


def with_states(count: int, name: str = "shop", **limits: Any) -> Workspace:
    """A workspace with this many versions: the newest of today, each a day older than the next."""
    workspace = a_workspace(name, **limits)
    for _ in range(count):
        StateVersionFactory.create(workspace=workspace)
    for row in StateVersion.objects.filter(workspace=workspace):
        age(row, count - row.version)
    return workspace


def age(row: StateVersion | WorkspaceTask, days: float) -> None:
    """Makes a row this old, and a minute more."""
    then = timezone.now() - timedelta(days=days, minutes=1)
    type(row)._base_manager.filter(pk=row.pk).update(created_at=then)


def numbers(workspace: Workspace) -> list[int]:
    return sorted(workspace.state_versions.values_list("version", flat=True))


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("limits", "kept"),
    [
        ({}, [1, 2, 3, 4, 5, 6]),
        ({"state_keep_versions": 0, "state_keep_days": 0}, [1, 2, 3, 4, 5, 6]),
        ({"state_keep_versions": 2}, [5, 6]),
        ({"state_keep_versions": 1}, [6]),
        ({"state_keep_versions": 6}, [1, 2, 3, 4, 5, 6]),
        ({"state_keep_days": 3}, [4, 5, 6]),
        ({"state_keep_days": 36_500}, [1, 2, 3, 4, 5, 6]),
        ({"state_keep_versions": 2, "state_keep_days": 3}, [4, 5, 6]),
        ({"state_keep_versions": 4, "state_keep_days": 1}, [3, 4, 5, 6]),
    ],
)
def test_what_is_beyond_every_limit_goes(limits: dict[str, Any], kept: list[int]) -> None:
    """By default everything stays; running again changes nothing."""
    workspace = with_states(6, **limits)

    assert prune_states() == 6 - len(kept)
    assert numbers(workspace) == kept
    assert prune_states() == 0


@pytest.mark.django_db
def test_a_workspace_without_limits_of_its_own_has_those_of_the_platform(
    settings: Settings,
) -> None:
    settings.STATE_KEEP_VERSIONS = 2
    follows = with_states(4, "follows")
    own = with_states(4, "own", state_keep_versions=3)
    keeps_all = with_states(4, "all", state_keep_versions=0)

    celery_task()

    assert numbers(follows) == [3, 4]
    assert numbers(own) == [2, 3, 4]
    assert numbers(keeps_all) == [1, 2, 3, 4]


@pytest.mark.django_db
def test_the_days_of_the_platform_count_too(settings: Settings) -> None:
    settings.STATE_KEEP_DAYS = 2
    workspace = with_states(4)

    prune_states()

    assert numbers(workspace) == [3, 4]


@pytest.mark.django_db
def test_the_newest_stays_however_old() -> None:
    workspace = with_states(3, state_keep_days=1)
    for row in workspace.state_versions.all():
        age(row, 1000)

    prune_states()

    assert numbers(workspace) == [3]


@pytest.mark.django_db
def test_what_a_rollback_came_from_stays_as_long_as_the_rollback() -> None:
    workspace, user = with_states(4), a_user()
    roll_back(workspace, version=2, user=user)
    Workspace.objects.update(state_keep_versions=1)

    prune_states()
    assert numbers(workspace) == [2, 5]

    StateVersionFactory.create(workspace=workspace, version=6)
    assert prune_states() == 2
    assert numbers(workspace) == [6]


@pytest.mark.django_db
def test_what_a_task_that_has_not_ended_may_need_stays() -> None:
    """It was planned from the newest of its time: that, and all since, is what it is judged by."""
    workspace = with_states(6, state_keep_versions=1)
    task = a_task(workspace)
    age(task, 2.5)

    prune_states()
    assert numbers(workspace) == [3, 4, 5, 6]

    WorkspaceTask.objects.update(status=TaskStatus.CANCELLED)
    prune_states()
    assert numbers(workspace) == [6]


@pytest.mark.django_db
def test_a_locked_workspace_is_left_alone() -> None:
    workspace = with_states(3, state_keep_versions=1)
    lock_workspace(workspace, user=a_user(), reason="looking at an old state")

    assert prune_states() == 0
    assert numbers(workspace) == [1, 2, 3]


@pytest.mark.django_db
def test_many_go_in_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(state_retention, "BATCH", 3)
    workspace = with_states(11, state_keep_versions=1)

    assert prune_states() == 10
    assert numbers(workspace) == [11]


@pytest.mark.django_db(transaction=True)
def test_one_workspace_that_cannot_be_cleared_does_not_stop_the_others() -> None:
    """The schema refuses the deletion of one workspace's states."""
    first, second = (with_states(3, name, state_keep_versions=1) for name in ("a", "b"))
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS"
            " $$ BEGIN RAISE EXCEPTION 'no'; END $$"
        )
        cursor.execute(
            "CREATE TRIGGER refuse BEFORE DELETE ON workspaces_stateversion FOR EACH ROW"
            f" WHEN (OLD.workspace_id = {first.pk}) EXECUTE FUNCTION refuse()"
        )
    try:
        assert prune_states() == 2
    finally:
        with connection.cursor() as cursor:
            cursor.execute("DROP FUNCTION refuse CASCADE")
    assert (numbers(first), numbers(second)) == ([1, 2, 3], [3])


@pytest.mark.django_db(transaction=True)
def test_sweeps_at_once_and_states_that_are_saved_meanwhile_do_not_harm_each_other() -> None:
    workspaces = [with_states(20, f"shop-{n}", state_keep_versions=2) for n in range(4)]
    begin = threading.Barrier(4)

    def sweep() -> int:
        begin.wait(10)
        try:
            return sum(prune_states() for _ in range(3))
        finally:
            connection.close()

    def save() -> int:
        begin.wait(10)
        try:
            for serial in range(30, 35):
                for workspace in workspaces:
                    save_state_version(workspace.pk, state_content(serial))
            return 0
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        futures = [pool.submit(act) for act in (sweep, sweep, sweep, save)]
        removed = sum(future.result() for future in futures)

    removed += prune_states()
    assert [numbers(workspace) for workspace in workspaces] == [[24, 25]] * 4
    assert removed == 4 * 23


@pytest.mark.django_db(transaction=True)
def test_a_workspace_in_whose_row_somebody_works_is_passed_over() -> None:
    """A rollback that has found its version keeps it; the next sweep comes in an hour."""
    workspace = with_states(3, state_keep_versions=1)
    held, swept = threading.Event(), threading.Event()

    def hold() -> None:
        try:
            with transaction.atomic():
                Workspace.objects.select_for_update(no_key=True).get(pk=workspace.pk)
                held.set()
                swept.wait(10)
        finally:
            connection.close()

    thread = threading.Thread(target=hold)
    thread.start()
    try:
        assert held.wait(10)
        assert prune_states() == 0
    finally:
        swept.set()
        thread.join()
    assert prune_states() == 2
