"""Overriding advisory results."""

import pytest

from iacplatform.accounts.models import User
from iacplatform.common.errors import InvalidInput
from runtasks.models import ResultStatus, RunTaskResult
from runtasks.services.overrides import MandatoryStays, NothingToOverride, override_run_tasks
from runtasks.services.tokens import ResultEnded
from tests.domain import a_running_task, a_user, statuses
from tests.runtasks.answers import answer, end
from tests.runtasks.factories import attach, reach, result_of, waiting_task

pytestmark = pytest.mark.django_db


@pytest.fixture
def ada() -> User:
    return a_user("ada")


@pytest.mark.parametrize("ending", [ResultStatus.FAILED, ResultStatus.ERROR, ResultStatus.TIMEOUT])
def test_an_advisory_result_is_overridden_with_who_and_why(ada: User, ending: ResultStatus) -> None:
    """Reference §6.1.7: while the task waits for approval, with a comment in its history."""
    task = waiting_task(enforcement_level="advisory")
    end(result_of(task), ending)

    assert override_run_tasks(task, user=ada, comment="known, accepted") == 1

    result = result_of(task)
    assert (result.status, result.override_by) == ("overridden", "ada")
    assert result.override_at is not None
    assert result.message == (
        f"Overridden by ada: known, accepted (was {ending}: as it was made to)"
    )
    comment = task.comments.get()
    assert (comment.action_type, comment.username) == ("override", "ada")
    assert comment.comment == "Run tasks overridden: known, accepted"
    task.refresh_from_db()
    assert task.status == "apply_pending"


def test_at_a_gate_an_override_lets_the_task_go_on_at_once(ada: User) -> None:
    task = waiting_task(enforcement_level="advisory")
    result = result_of(task)

    override_run_tasks(task, user=ada, comment="no time for this")

    task.refresh_from_db()
    assert (task.status, statuses(task)[-1]) == (
        "apply_pending",
        ("post_plan_run_tasks", "done"),
    )
    result.refresh_from_db()
    assert (result.status, result.access_token) == ("overridden", None)


def test_a_callback_after_the_override_comes_too_late(ada: User) -> None:
    """F33: 410."""
    task = waiting_task(enforcement_level="advisory")
    result = result_of(task)
    override_run_tasks(task, user=ada, comment="no time for this")

    with pytest.raises(ResultEnded):
        answer(result, "failed")

    assert result_of(task).status == "overridden"


def test_a_mandatory_result_is_awaited_all_the_same(ada: User) -> None:
    task = a_running_task()
    attach(task, run_task__name="policy")
    attach(task, run_task__name="lint", enforcement_level="advisory")
    reach(task)

    assert override_run_tasks(task, user=ada, comment="lint is down") == 1

    task.refresh_from_db()
    assert task.status == "running"
    answer(RunTaskResult.objects.get(run_task_name="policy"))
    task.refresh_from_db()
    assert task.status == "apply_pending"


def test_only_a_mandatory_result_that_is_awaited_is_nothing_to_override(ada: User) -> None:
    task = waiting_task()

    with pytest.raises(NothingToOverride):
        override_run_tasks(task, user=ada, comment="please")

    assert result_of(task).status == "pending"
    assert not task.comments.exists()


def test_a_mandatory_result_that_did_not_pass_stays(ada: User) -> None:
    """Reference §6.1.7: 403."""
    task = waiting_task(enforcement_level="advisory")
    end(result_of(task), ResultStatus.FAILED)
    RunTaskResult.objects.update(enforcement_level="mandatory")

    with pytest.raises(MandatoryStays):
        override_run_tasks(task, user=ada, comment="please")

    assert result_of(task).status == "failed"


def test_a_task_that_waits_for_nobody_has_nothing_to_override(ada: User) -> None:
    task = a_running_task()

    with pytest.raises(NothingToOverride, match="is running"):
        override_run_tasks(task, user=ada, comment="please")


def test_an_override_needs_a_comment(ada: User) -> None:
    task = waiting_task(enforcement_level="advisory")

    with pytest.raises(InvalidInput, match="comment"):
        override_run_tasks(task, user=ada, comment="  ")
