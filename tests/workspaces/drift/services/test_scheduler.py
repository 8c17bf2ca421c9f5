"""The scheduler: which checks it starts, how many, and never at people's cost."""

from concurrent.futures import ThreadPoolExecutor
from datetime import time, timedelta
from typing import Any

import pytest
from django.db import connection
from django.db.models.functions import Now
from django.utils import timezone

from iacplatform.common.locks import try_exclusive
from tests.domain import a_task, a_workspace, finish_plan, open_stage
from tests.factories import StateVersionFactory
from tests.workspaces.drift.checks import a_deployed_workspace, drifted, status_of
from workspaces.drift.models import DriftCheck, DriftSettings, DriftStatus
from workspaces.drift.services.scheduler import schedule_checks
from workspaces.models import StateVersion, TaskStage, Workspace, WorkspaceTask
from workspaces.services.queue import start_next
from workspaces.task_status import Stage, TaskStatus, TaskType

LONG_AGO = timedelta(days=20)


def a_due_workspace(name: str = "shop", **settings: Any) -> Workspace:
    """A workspace whose state is old, and that may be checked at any time of the day."""
    workspace = a_deployed_workspace(name)
    StateVersion.objects.filter(workspace=workspace).update(created_at=Now() - LONG_AGO)
    chosen = {**all_day(), "drift_check_interval": 10, "continue_on_success": True, **settings}
    DriftSettings.objects.create(workspace=workspace, **chosen)
    DriftStatus.objects.create(workspace=workspace, looked_at=timezone.now() - LONG_AGO)
    return workspace


def all_day() -> dict[str, time]:
    """A window that is always open and opened so long ago that everybody's turn has come."""
    opened = (timezone.now() - timedelta(hours=12)).time()
    return {"drift_check_start_time": opened, "drift_check_end_time": opened}


def started() -> list[WorkspaceTask]:
    return list(WorkspaceTask.objects.filter(pk__in=schedule_checks()).order_by("pk"))


@pytest.mark.django_db
def test_a_check_that_is_due_is_a_background_task_of_nobody_with_a_snapshot() -> None:
    """F6, F14."""
    workspace = a_due_workspace()

    (task,) = started()

    assert (task.task_type, task.created_by, task.is_background) == ("drift_check", None, True)
    assert task.workspace == workspace
    assert task.snapshot.variables == []
    check = DriftCheck.objects.get(task=task)
    assert (check.is_scheduled, check.status) == (True, "pending")


@pytest.mark.django_db
def test_a_check_of_nobody_goes_all_its_way() -> None:
    """F6."""
    workspace = a_due_workspace()
    (task,) = started()
    start_next(workspace.pk)
    task.refresh_from_db()

    finish_plan(task, drifted=(drifted(),))

    assert task.status == TaskStatus.SUCCESS
    assert status_of(workspace).has_drift


@pytest.mark.django_db
def test_a_workspace_that_has_a_state_by_now_is_watched_from_then_on() -> None:
    """Nothing can have drifted at that moment: the first check comes after the interval."""
    workspace = a_deployed_workspace()
    StateVersion.objects.filter(workspace=workspace).update(created_at=Now() - LONG_AGO)
    newest = StateVersionFactory.create(workspace=workspace)
    DriftSettings.objects.create(workspace=workspace, **all_day())
    a_workspace("without a state")

    assert started() == []

    assert [status.workspace for status in DriftStatus.objects.all()] == [workspace]
    assert status_of(workspace).looked_at == newest.created_at


@pytest.mark.django_db
@pytest.mark.parametrize("live", ["pending", "running", "apply_pending"])
def test_nothing_is_checked_while_a_task_lives(live: str) -> None:
    """F43."""
    workspace = a_due_workspace()
    task = a_task(workspace)
    WorkspaceTask.objects.filter(pk=task.pk).update(status=live)

    assert started() == []


@pytest.mark.django_db
def test_a_locked_workspace_is_not_checked() -> None:
    workspace = a_due_workspace()
    Workspace.objects.filter(pk=workspace.pk).update(is_locked=True, lock_reason="freeze")

    assert started() == []
    assert status_of(workspace).check_status == ""


@pytest.mark.django_db
@pytest.mark.parametrize(
    "settings",
    [{"drift_check_enabled": False}, {"drift_check_interval": 43_200}],
    ids=["disabled", "not due"],
)
def test_the_rules_of_the_workspace_count(settings: Any) -> None:
    a_due_workspace(**settings)

    assert started() == []


@pytest.mark.django_db
def test_a_workspace_with_drift_is_not_checked_again() -> None:
    workspace = a_due_workspace()
    DriftStatus.objects.filter(workspace=workspace).update(has_drift=True)

    assert started() == []


@pytest.mark.django_db
def test_no_more_than_the_limit_are_under_way_and_the_longest_unseen_come_first(
    settings: Any,
) -> None:
    settings.DRIFT_MAX_CONCURRENT = 2
    workspaces = [a_due_workspace(f"shop-{number}") for number in range(4)]
    for age, workspace in enumerate(workspaces):
        looked = timezone.now() - timedelta(days=age + 1)
        DriftStatus.objects.filter(workspace=workspace).update(looked_at=looked)

    first = started()
    assert [task.workspace for task in first] == [workspaces[3], workspaces[2]]
    assert started() == []

    start_next(first[0].workspace_id)
    first[0].refresh_from_db()
    finish_plan(first[0])
    assert [task.workspace for task in started()] == [workspaces[1]]


@pytest.mark.django_db
def test_a_limit_of_none_switches_background_checks_off(settings: Any) -> None:
    settings.DRIFT_MAX_CONCURRENT = 0
    a_due_workspace()

    assert started() == []


@pytest.mark.django_db
def test_a_check_that_waits_for_the_end_of_a_lock_holds_no_other_up(settings: Any) -> None:
    settings.DRIFT_MAX_CONCURRENT = 1
    waiting = a_due_workspace("waiting")
    assert len(started()) == 1
    Workspace.objects.filter(pk=waiting.pk).update(is_locked=True, lock_reason="apply")
    other = a_due_workspace("other")

    assert [task.workspace for task in started()] == [other]


@pytest.mark.django_db
def test_nothing_is_checked_while_a_person_waits_for_a_worker() -> None:
    a_due_workspace()
    busy = a_workspace("busy")
    task = a_task(busy, TaskType.PLAN_ONLY)
    start_next(busy.pk)
    TaskStage.objects.filter(task=task).update(created_at=Now() - timedelta(seconds=2))

    assert started() == []

    TaskStage.objects.filter(pk=open_stage(task).pk).update(status="done", name=Stage.FETCHING)
    assert len(started()) == 1


@pytest.mark.django_db
def test_a_stage_that_is_on_its_way_to_a_worker_does_not_wait() -> None:
    a_due_workspace()
    busy = a_workspace("busy")
    a_task(busy, TaskType.PLAN_ONLY)
    start_next(busy.pk)

    assert len(started()) == 1


@pytest.mark.django_db
def test_a_check_that_cannot_be_started_has_failed_and_says_why() -> None:
    broken = a_due_workspace("broken")
    Workspace.objects.filter(pk=broken.pk).update(configuration_source="archive")
    DriftStatus.objects.filter(workspace=broken).update(looked_at=None)
    a_due_workspace("whole")

    assert [task.workspace.name for task in started()] == ["whole"]

    status = status_of(broken)
    assert (status.check_status, status.has_drift) == ("failed", False)
    assert "no archive was uploaded yet" in status.message
    assert status.last_check_at is not None


@pytest.mark.django_db(transaction=True)
def test_two_schedulers_at_once_start_one_check() -> None:
    """F13: correct when it runs twice at once."""
    a_due_workspace()

    def tick(_: int) -> list[int]:
        try:
            return schedule_checks()
        finally:
            connection.close()

    with ThreadPoolExecutor(max_workers=8) as pool:
        results = [task for each in pool.map(tick, range(24)) for task in each]

    assert len(results) == 1
    assert WorkspaceTask.objects.filter(task_type=TaskType.DRIFT_CHECK).count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_scheduler_that_finds_another_at_work_leaves_it_alone() -> None:
    """F13."""
    a_due_workspace()

    def tick() -> list[int]:
        try:
            return schedule_checks()
        finally:
            connection.close()

    with try_exclusive("drift.schedule"), ThreadPoolExecutor(max_workers=1) as pool:
        assert pool.submit(tick).result(timeout=10) == []


@pytest.mark.django_db
def test_the_number_of_queries_does_not_grow_with_the_workspaces_that_are_not_due(
    django_assert_max_num_queries: Any,
) -> None:
    for number in range(30):
        a_due_workspace(f"shop-{number}", drift_check_interval=43_200)
    DriftStatus.objects.update(looked_at=Now())

    with django_assert_max_num_queries(12):
        assert schedule_checks() == []
