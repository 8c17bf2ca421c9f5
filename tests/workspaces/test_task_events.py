"""Task events: which change of a status is which event, and when subscribers are told."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.domain import a_task, a_workspace
from tests.workspaces import heard
from workspaces.models import TaskTransition, WorkspaceTask
from workspaces.task_status import TaskStatus
from workspaces.transitions import repair, transition

pytestmark = pytest.mark.django_db

RUNNING, WAITING = TaskStatus.RUNNING, TaskStatus.APPLY_PENDING


@pytest.fixture(autouse=True)
def _subscribed(settings: Any) -> Iterator[None]:
    settings.TASK_EVENT_SUBSCRIBERS = ["tests.workspaces.heard.hear"]
    heard.HEARD.clear()
    yield
    heard.HEARD.clear()


def names() -> list[str]:
    return [event.name.value for event in heard.HEARD]


@pytest.mark.parametrize(
    ("moves", "events"),
    [
        ([RUNNING, TaskStatus.SUCCESS], ["task_planning", "task_planned"]),
        ([RUNNING, TaskStatus.PLANNED_AND_FINISHED], ["task_planning", "task_planned"]),
        (
            [RUNNING, WAITING, RUNNING, TaskStatus.APPLIED],
            ["task_planning", "approval_required", "task_applying", "task_completed"],
        ),
        ([RUNNING, TaskStatus.FAILED], ["task_planning", "task_failed"]),
        ([TaskStatus.CANCELLED], ["task_cancelled"]),
        (
            [RUNNING, WAITING, TaskStatus.CANCELLED],
            ["task_planning", "approval_required", "task_cancelled"],
        ),
    ],
)
def test_each_move_is_one_event(moves: list[TaskStatus], events: list[str]) -> None:
    task = a_task(a_workspace())
    for to in moves:
        transition(task, to)

    assert names() == ["task_created", *events]


def test_a_plan_that_is_applied_automatically_asks_nobody() -> None:
    task = a_task(a_workspace(auto_apply=True))
    transition(task, RUNNING)
    transition(task, WAITING)

    assert names() == ["task_created", "task_planning", "task_planned"]


def test_a_repaired_task_is_completed_after_all() -> None:
    task = a_task(a_workspace())
    transition(task, RUNNING)
    transition(task, TaskStatus.FAILED)
    repair(task, TaskStatus.APPLIED, actor="ada", reason="saved again")

    assert names()[-2:] == ["task_failed", "task_completed"]


def test_an_event_says_who_and_why_and_has_a_key_of_its_own() -> None:
    task = a_task(a_workspace())
    transition(task, RUNNING, actor="queue")
    transition(task, TaskStatus.CANCELLED, actor="ada", reason="wrong branch")

    last = heard.HEARD[-1]
    assert (last.task.pk, last.actor, last.reason) == (task.pk, "ada", "wrong branch")
    assert len({event.key for event in heard.HEARD}) == 3


def test_what_a_subscriber_cannot_write_does_not_happen(settings: Any) -> None:
    """H5: the effect is written with the change or the change is not made."""
    task = a_task(a_workspace())
    settings.TASK_EVENT_SUBSCRIBERS = ["tests.workspaces.heard.refuse"]

    with pytest.raises(RuntimeError):
        transition(task, RUNNING)

    assert WorkspaceTask.objects.get(pk=task.pk).status == TaskStatus.PENDING
    assert not TaskTransition.objects.filter(task=task, to_status=RUNNING).exists()
