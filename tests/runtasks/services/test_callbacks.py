"""What becomes of callbacks: progress, ends, outcomes, and several at once."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from runtasks.models import RunTaskResult
from runtasks.services.callbacks import Callback, Outcome, TooManyOutcomes, receive
from runtasks.services.tokens import ResultEnded
from tests.domain import a_running_task
from tests.runtasks.answers import answer
from tests.runtasks.factories import attach, reach, result_of, waiting_task


@pytest.mark.django_db
def test_progress_extends_the_time_without_progress_but_not_all_of_it() -> None:
    """F32: `running` is a heartbeat."""
    result = result_of(waiting_task(run_task__timeout_seconds=60))
    end = result.max_run_timeout_at
    past = timezone.now() - timedelta(seconds=1)
    RunTaskResult.objects.update(status="running", timeout_at=past, started_at=past)

    answer(result, "running", message="2 of 5")

    assert (result.status, result.message) == ("running", "2 of 5")
    assert result.timeout_at is not None
    assert result.last_heartbeat_at is not None
    assert result.timeout_at - result.last_heartbeat_at == timedelta(seconds=60)
    assert (result.started_at, result.max_run_timeout_at) == (past, end)
    assert result.access_token is not None


@pytest.mark.django_db
def test_progress_without_a_message_keeps_the_last_one() -> None:
    result = result_of(waiting_task())
    answer(result, "running", message="2 of 5", url="https://x.example.com")
    answer(result, "running")
    answer(result, "passed")

    assert (result.message, result.url) == ("2 of 5", "https://x.example.com")


@pytest.mark.django_db
def test_repeated_outcomes_are_updated_not_doubled() -> None:
    """F33: by their id, in one callback and over several; they may come with progress."""
    result = result_of(waiting_task())
    answer(result, "running", outcomes=(Outcome("a", "first"), Outcome("b", "only")))
    answer(result, "passed", outcomes=(Outcome("a", "second"), Outcome("a", "third", body="x")))

    kept = result.outcomes.values_list("outcome_id", "description", "body")
    assert list(kept) == [("a", "third", "x"), ("b", "only", "")]


@pytest.mark.django_db
def test_a_result_has_no_more_outcomes_than_one_callback_may_bring() -> None:
    result = result_of(waiting_task())
    answer(result, "running", outcomes=tuple(Outcome(f"a{number}") for number in range(250)))

    with pytest.raises(TooManyOutcomes):
        answer(result, "passed", outcomes=(Outcome("one more"),))

    result.refresh_from_db()
    assert (result.status, result.outcomes.count()) == ("running", 250)
    answer(result, "passed", outcomes=(Outcome("a0", "again"),))


@pytest.mark.django_db(transaction=True)
def test_of_many_final_callbacks_at_once_one_counts() -> None:
    """Two callbacks at once: one final result, with its own outcomes, and one transition."""
    task = waiting_task(enforcement_level="advisory")
    result = result_of(task)

    def call(number: int) -> bool:
        status = "passed" if number % 2 else "failed"
        said = Callback(status, f"by {number}", outcomes=(Outcome(f"of-{number}"),))
        try:
            receive(result, said)
        except ResultEnded:
            return False
        finally:
            connection.close()
        return True

    with ThreadPoolExecutor(8) as pool:
        counted = list(pool.map(call, range(8)))

    assert counted.count(True) == 1
    winner = counted.index(True)
    result.refresh_from_db()
    assert result.message == f"by {winner}"
    assert [each.outcome_id for each in result.outcomes.all()] == [f"of-{winner}"]
    assert task.transitions.filter(to_status="apply_pending").count() == 1


@pytest.mark.django_db(transaction=True)
def test_of_many_results_that_end_at_once_the_last_moves_the_task_on() -> None:
    task = a_running_task()
    for number in range(8):
        attach(task, run_task__name=f"check-{number}")
    reach(task)

    def call(result: RunTaskResult) -> None:
        receive(result, Callback("passed"))
        connection.close()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(call, list(RunTaskResult.objects.filter(task=task))))

    task.refresh_from_db()
    assert task.status == "apply_pending"
    assert task.transitions.filter(to_status="apply_pending").count() == 1
