"""Background tasks and the slots of a worker."""

import pytest

from executor import worker
from executor.background import must_leave_room
from executor.running import RunningStages, running_stages
from tests.domain import a_running_task, claimed, open_stage
from workspaces.models import WorkspaceTask
from workspaces.task_status import TaskType

pytestmark = pytest.mark.django_db


def a_check(name: str = "checked") -> WorkspaceTask:
    """A background task whose first stage is ready."""
    return a_running_task(TaskType.DRIFT_CHECK, name=name)


@pytest.mark.parametrize(("slots", "waits"), [(0, False), (1, False), (2, True), (3, False)])
def test_a_background_stage_leaves_the_last_slot_to_people(slots: int, waits: bool) -> None:
    """With one stage running; a worker with a single slot runs whatever comes."""
    running = RunningStages()
    running.slots = slots
    check = a_check()

    with running.register(claimed(a_running_task(name="busy"))):
        assert must_leave_room(open_stage(check).pk, running) is waits


def test_a_persons_stage_takes_the_last_slot() -> None:
    running = RunningStages()
    running.slots = 2
    task = a_running_task(TaskType.PLAN_ONLY, name="wanted")

    with running.register(claimed(a_running_task(name="busy"))):
        assert not must_leave_room(open_stage(task).pk, running)


def test_a_background_stage_that_has_to_wait_stays_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    """The sweep sends its hint again."""
    monkeypatch.setattr(running_stages, "slots", 2)
    check = a_check()

    with running_stages.register(claimed(a_running_task(name="busy"))):
        worker.run_stage(open_stage(check).pk)

    assert (open_stage(check).status, open_stage(check).attempts) == ("ready", 0)
