"""Exactly one task for each execution, although processes die at any statement and many fire at once."""

import pytest

from executor.core.outcome import ApplyOutput
from tests.domain import a_task, a_workspace, finish_plan, finish_stage
from tests.triggers import forks
from tests.triggers.factories import STATE, applied_task, chain, link, triggered_tasks
from triggers.models import TaskTriggerExecution
from workspaces.models import Workspace, WorkspaceTask
from workspaces.services.queue import start_next

pytestmark = pytest.mark.django_db(transaction=True)


def task_that_saves_its_state(workspace: Workspace) -> WorkspaceTask:
    """A task whose last stage before `applied` is ready."""
    task = a_task(workspace)
    start_next(workspace.pk)
    task.refresh_from_db()
    finish_plan(task, add=1, has_changes=True)
    for _ in range(3):
        finish_stage(task)
    finish_stage(task, output=ApplyOutput(STATE))
    return task


def test_a_worker_and_a_control_worker_that_die_at_any_statement_lose_and_double_nothing() -> None:
    """S4-5, H2: the end of the apply first, then the firing: killed at each statement and each commit."""
    network, shop, _ = chain("network", "shop", "report", auto_apply=True)
    task = task_that_saves_its_state(network)

    assert forks.run("die", "apply", task.pk) > 10
    task.refresh_from_db()
    assert task.status == "applied"
    assert task.trigger_executions.get().waits

    assert forks.run("die", "fire") > 10
    (made,) = triggered_tasks(shop)
    assert shop.tasks.count() == 1
    assert task.trigger_executions.get().target_task == made
    assert made.trigger_executions.get().target_name == "report"


def test_many_targets_and_sources_are_fired_once_each_by_processes_that_die() -> None:
    targets = [a_workspace(f"target-{number}") for number in range(4)]
    for name in ("network", "dns"):
        source = a_workspace(name)
        for target in targets:
            link(source, target)
        applied_task(source)

    forks.run("die", "fire")

    assert [len(triggered_tasks(target)) for target in targets] == [1] * 4
    assert [target.tasks.count() for target in targets] == [1] * 4


@pytest.mark.parametrize("round_number", range(3))
def test_several_processes_that_fire_at_once_make_one_task(round_number: int) -> None:
    """F13: as two replicas do."""
    shop, sources = a_workspace("shop"), [a_workspace(f"source-{number}") for number in range(3)]
    for source in sources:
        link(source, shop)
        applied_task(source)
    processes = 8

    assert forks.run("together", processes) == processes

    assert shop.tasks.count() == 1
    assert set(TaskTriggerExecution.objects.values_list("status", flat=True)) == {"triggered"}
