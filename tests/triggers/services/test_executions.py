"""What is prepared with a task, and what its end makes of it."""

import pytest

from iacplatform.common.errors import Conflict
from tests.domain import a_task, a_workspace
from tests.triggers.factories import (
    applied_task,
    be_applied,
    chain,
    link,
    only_execution,
    triggered_tasks,
)
from triggers.models import TaskTriggerExecution
from triggers.services.executions import switch_execution, try_again
from triggers.services.firing import fire_due
from workspaces.services.applied_states import repair_apply
from workspaces.task_status import TaskStatus, TaskType
from workspaces.transitions import transition

pytestmark = pytest.mark.django_db
RUNNING = TaskStatus.RUNNING


def test_an_execution_is_prepared_for_each_enabled_trigger() -> None:
    """F41: PrepareTaskTriggerExecutions runs at creation."""
    network, shop, office = a_workspace("network"), a_workspace("shop"), a_workspace("office")
    link(network, shop)
    link(network, office, enabled=False)
    task = a_task(network)

    execution = only_execution()

    assert (execution.source_task, execution.target_workspace) == (task, shop)
    assert (execution.target_name, execution.status, execution.due_at) == ("shop", "pending", None)


@pytest.mark.parametrize("task_type", [TaskType.PLAN_ONLY, TaskType.DRIFT_CHECK])
def test_what_applies_nothing_triggers_nothing(task_type: TaskType) -> None:
    network, _ = chain("network", "shop")
    task = a_task(network, task_type)
    transition(task, RUNNING)
    transition(task, TaskStatus.SUCCESS)

    assert not TaskTriggerExecution.objects.exists()


def test_an_apply_makes_its_executions_due() -> None:
    network, _ = chain("network", "shop")
    task = applied_task(network)

    execution = only_execution()
    assert execution.waits
    assert execution.due_at is not None
    assert task.completed_at is not None
    assert abs((execution.due_at - task.completed_at).total_seconds()) < 1


@pytest.mark.parametrize(
    ("end", "why"),
    [
        (TaskStatus.FAILED, "has failed"),
        (TaskStatus.CANCELLED, "was cancelled"),
        (TaskStatus.PLANNED_AND_FINISHED, "has planned no changes"),
    ],
)
def test_a_task_that_is_not_applied_skips_its_executions(end: TaskStatus, why: str) -> None:
    """Reference §6.3: fires only on `applied`."""
    network, shop = chain("network", "shop")
    task = a_task(network)
    transition(task, RUNNING)
    transition(task, end)
    fire_due()

    execution = only_execution()
    assert (execution.status, execution.due_at) == ("skipped", None)
    assert execution.message == f"Task #{task.pk} {why}"
    assert execution.completed_at is not None
    assert not shop.tasks.exists()


def test_a_plan_that_will_be_applied_by_itself_keeps_its_executions() -> None:
    network, _ = chain("network", "shop", auto_apply=True)
    task = a_task(network)
    transition(task, RUNNING)
    transition(task, TaskStatus.APPLY_PENDING)

    assert only_execution().status == "pending"


def test_a_failed_task_that_is_repaired_fires_after_all() -> None:
    """F9, O5: the state was saved again, so the task is applied, and what follows from it happens once."""
    network, shop = chain("network", "shop")
    task = a_task(network)
    transition(task, RUNNING)
    transition(task, TaskStatus.FAILED)
    assert only_execution().status == "skipped"

    repair_apply(task, actor="ada", reason="saved again")
    fire_due()
    fire_due()

    assert [each.description for each in triggered_tasks(shop)] == [
        f"Triggered by workspace network (task #{task.pk})"
    ]
    assert (only_execution().status, only_execution().message) == ("triggered", "")


def test_what_was_disabled_for_a_failed_task_stays_so_when_it_is_repaired() -> None:
    network, shop = chain("network", "shop")
    task = a_task(network)
    switch_execution(only_execution(), disabled=True, by="ada")
    transition(task, RUNNING)
    transition(task, TaskStatus.FAILED)

    repair_apply(task, actor="ada", reason="saved again")
    fire_due()

    assert only_execution().message == "Disabled for this task by ada"
    assert not shop.tasks.exists()


def test_the_triggers_of_the_moment_count_where_none_was_prepared() -> None:
    """Reference §6.3: a trigger that is younger than the task."""
    network, shop = a_workspace("network"), a_workspace("shop")
    task = a_task(network)
    link(network, shop)
    be_applied(task)
    fire_due()

    assert len(triggered_tasks(shop)) == 1


def test_a_trigger_that_is_younger_than_the_prepared_ones_waits_for_the_next_task() -> None:
    network, _ = chain("network", "shop")
    task = a_task(network)
    office = a_workspace("office")
    link(network, office)
    be_applied(task)
    fire_due()

    assert not office.tasks.exists()


def test_an_execution_that_was_disabled_for_its_task_is_skipped() -> None:
    """F41: per-task disable before apply → skipped."""
    network, shop = chain("network", "shop")
    task = a_task(network)
    switch_execution(only_execution(), disabled=True, by="ada")
    assert only_execution().disabled_at is not None
    be_applied(task)
    fire_due()

    execution = only_execution()
    assert (execution.status, execution.message) == ("skipped", "Disabled for this task by ada")
    assert not shop.tasks.exists()


def test_an_execution_that_was_enabled_again_fires() -> None:
    network, shop = chain("network", "shop")
    task = a_task(network)
    switch_execution(only_execution(), disabled=True, by="ada")
    switch_execution(only_execution(), disabled=False, by="ada")
    assert (only_execution().disabled_by, only_execution().disabled_at) == ("", None)
    be_applied(task)
    fire_due()

    assert len(triggered_tasks(shop)) == 1


def test_what_waits_for_its_target_can_be_skipped_by_a_person() -> None:
    """A target that is never ready holds nobody up for ever."""
    network, shop = chain("network", "shop")
    applied_task(network)
    switch_execution(only_execution(), disabled=True, by="ada")
    fire_due()

    assert (only_execution().status, only_execution().message) == ("skipped", "Skipped by ada")
    assert not shop.tasks.exists()


def test_what_has_been_triggered_cannot_be_switched() -> None:
    """F41: toggle after execution → 409."""
    network, _ = chain("network", "shop")
    applied_task(network)
    fire_due()

    for disabled in (True, False):
        with pytest.raises(Conflict, match="is triggered and cannot be switched"):
            switch_execution(only_execution(), disabled=disabled, by="ada")


def test_what_was_skipped_after_an_apply_can_be_tried_again() -> None:
    network, shop = chain("network", "shop")
    task = a_task(network)
    switch_execution(only_execution(), disabled=True, by="ada")
    be_applied(task)
    try_again(only_execution())
    fire_due()

    assert len(triggered_tasks(shop)) == 1
    with pytest.raises(Conflict):
        try_again(only_execution())


def test_what_was_never_due_cannot_be_tried_again() -> None:
    network, _ = chain("network", "shop")
    task = a_task(network)
    transition(task, RUNNING)
    transition(task, TaskStatus.FAILED)

    with pytest.raises(Conflict):
        try_again(only_execution())
