"""Cancelling a task that waits for its RunTasks."""

import pytest

from runtasks.models import RunTaskResult
from runtasks.services.tokens import ResultEnded
from tests.domain import a_user, nothing_open
from tests.runtasks.answers import answer
from tests.runtasks.factories import result_of, waiting_task
from workspaces.models import Workspace
from workspaces.services.cancellation import cancel_task

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("stage", ["pre_plan", "post_plan", "pre_apply"])
def test_a_task_that_waits_for_answers_is_cancelled_at_once(stage: str) -> None:
    """RTCANCEL, C5b: results end as error, tokens are cleared, the task is cancelled and not failed."""
    task = waiting_task(stage=stage)
    result = result_of(task)

    cancel_task(task, user=a_user("ada"), reason="wrong branch")

    task.refresh_from_db()
    assert (task.status, task.stage) == ("cancelled", f"{stage}_run_tasks")
    assert nothing_open(task)
    assert not Workspace.objects.get(pk=task.workspace_id).is_locked
    assert list(RunTaskResult.objects.values_list("status", "access_token", "message")) == [
        ("error", None, "The task was cancelled: wrong branch")
    ]
    with pytest.raises(ResultEnded):
        answer(result, "passed")
    task.refresh_from_db()
    assert task.status == "cancelled"
