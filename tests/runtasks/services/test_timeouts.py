"""Results that nobody answers in time."""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from runtasks.models import RunTaskResult
from runtasks.services.timeouts import expire_results
from runtasks.tasks import expire_results as expire_results_task
from tests.domain import a_running_task
from tests.runtasks.answers import answer
from tests.runtasks.factories import attach, reach, result_of, waiting_task


def ago(**delta: float) -> datetime:
    return timezone.now() - timedelta(**delta)


def ahead(**delta: float) -> datetime:
    return timezone.now() + timedelta(**delta)


def set_clock(**fields: Any) -> None:
    RunTaskResult.objects.update(**fields)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("clock", "message"),
    [
        (
            {
                "status": "running",
                "timeout_at": ago(seconds=1),
                "max_run_timeout_at": ahead(hours=1),
            },
            "No progress update received within timeout period",
        ),
        (
            {
                "status": "running",
                "timeout_at": ahead(hours=1),
                "max_run_timeout_at": ago(seconds=1),
            },
            "Maximum run time exceeded",
        ),
        (
            {"status": "running", "timeout_at": ago(hours=1), "max_run_timeout_at": ago(seconds=1)},
            "Maximum run time exceeded",
        ),
        (
            {"status": "pending", "max_run_timeout_at": ago(seconds=1)},
            "Maximum run time exceeded",
        ),
    ],
)
@pytest.mark.parametrize(
    ("level", "status"), [("mandatory", "failed"), ("advisory", "apply_pending")]
)
def test_a_result_whose_time_is_over_times_out(
    clock: dict[str, Any], message: str, level: str, status: str
) -> None:
    """M10, F32, C5b: `timeout`, never left running; the token ends; the task moves on at once."""
    task = waiting_task(enforcement_level=level)
    set_clock(**clock)

    expire_results_task()

    result = result_of(task)
    assert (result.status, result.message, result.access_token) == ("timeout", message, None)
    assert result.completed_at is not None
    task.refresh_from_db()
    assert task.status == status


@pytest.mark.django_db
def test_every_unfinished_result_times_out() -> None:
    """M10: none stays running."""
    task = a_running_task()
    for number in range(3):
        attach(task, run_task__name=f"check-{number}", enforcement_level="advisory")
    reach(task)
    set_clock(status="running", max_run_timeout_at=ago(seconds=1))

    assert expire_results() == 3

    assert set(RunTaskResult.objects.values_list("status", flat=True)) == {"timeout"}
    task.refresh_from_db()
    assert task.status == "apply_pending"


@pytest.mark.django_db
def test_a_result_in_its_time_is_left_alone() -> None:
    """F32: a run of half an hour with heartbeats."""
    task = waiting_task(run_task__timeout_seconds=600, run_task__max_run_seconds=3600)
    result = result_of(task)
    for _ in range(6):
        answer(result, "running")
        set_clock(started_at=ago(minutes=30), max_run_timeout_at=ahead(minutes=30))
        assert expire_results() == 0
    answer(result, "passed")

    task.refresh_from_db()
    assert (result.status, task.status) == ("passed", "apply_pending")


@pytest.mark.django_db
def test_a_heartbeat_that_comes_in_time_saves_the_result() -> None:
    result = result_of(waiting_task())
    set_clock(status="running", timeout_at=ago(seconds=1))
    answer(result, "running")

    assert expire_results() == 0


@pytest.mark.django_db
def test_a_batch_that_is_not_asked_yet_has_no_time() -> None:
    task = a_running_task()
    attach(task, run_task__name="first")
    attach(task, run_task__name="second", priority=1)
    reach(task)

    later = RunTaskResult.objects.get(run_task_name="second")

    assert (later.timeout_at, later.max_run_timeout_at) == (None, None)
    assert expire_results() == 0


@pytest.mark.django_db(transaction=True)
def test_the_check_may_run_several_times_at_once() -> None:
    task = waiting_task()
    set_clock(status="running", timeout_at=ago(seconds=1))

    def check(_: int) -> int:
        try:
            return expire_results()
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(check, range(4))) == 1

    task.refresh_from_db()
    assert task.status == "failed"
    assert task.transitions.filter(to_status="failed").count() == 1


@pytest.mark.django_db(transaction=True)
def test_an_answer_and_the_end_of_the_time_do_not_both_count() -> None:
    task = waiting_task(enforcement_level="advisory")
    result = result_of(task)
    set_clock(status="running", timeout_at=ago(seconds=1))

    def expire(_: int) -> str:
        ended = expire_results()
        connection.close()
        return "timeout" if ended else ""

    def call(_: int) -> str:
        try:
            answer(result, "passed")
        except Exception:  # noqa: BLE001  # too late
            return ""
        finally:
            connection.close()
        return "passed"

    with ThreadPoolExecutor(2) as pool:
        said = [pool.submit(expire, 0), pool.submit(call, 0)]
        winners = [each.result() for each in said if each.result()]

    assert winners == [result_of(task).status]
    assert task.transitions.filter(to_status="apply_pending").count() == 1
