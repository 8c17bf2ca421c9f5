"""What is due gets its task: once, one for all, and as soon as its target can have one."""

from functools import partial
from typing import Any

import pytest
from django.db import connection
from pytest_django import DjangoAssertNumQueries

from tests.domain import a_task, a_user, a_workspace, an_engine, finish_plan
from tests.triggers.factories import (
    applied_task,
    be_applied,
    chain,
    link,
    only_execution,
    run_through,
    triggered_tasks,
)
from triggers.models import TaskTriggerExecution
from triggers.services import firing
from triggers.services.configuration import delete_run_trigger, switch_run_trigger
from triggers.services.firing import fire_due
from workspaces.models import EngineVersion, Workspace
from workspaces.services.cancellation import cancel_task
from workspaces.services.locks import lock_workspace, unlock_workspace
from workspaces.services.queue import start_next
from workspaces.services.workspaces import delete_workspace
from workspaces.task_status import TaskStatus, TaskType
from workspaces.transitions import transition

pytestmark = pytest.mark.django_db


def test_an_apply_starts_a_task_of_the_target() -> None:
    """F14: with a snapshot and executions of its own."""
    network, shop, _ = chain("network", "shop", "report")
    user = a_user()
    task = applied_task(network, user)
    fire_due()

    (made,) = triggered_tasks(shop)
    assert (made.task_type, made.status, made.created_by) == ("plan_and_apply", "pending", user)
    assert made.description == f"Triggered by workspace network (task #{task.pk})"
    assert made.snapshot.resource_versions is not None
    assert made.trigger_executions.get().target_name == "report"
    execution = task.trigger_executions.get()
    assert (execution.status, execution.target_task) == ("triggered", made)
    assert execution.completed_at is not None


def test_nothing_is_fired_twice() -> None:
    network, shop = chain("network", "shop")
    applied_task(network)
    for _ in range(3):
        fire_due()

    assert shop.tasks.count() == 1


def test_a_task_that_nobody_created_goes_all_the_way() -> None:
    """F6: created_by null passes all code paths, the lock and the saving of the state included."""
    network, shop = chain("network", "shop")
    task = applied_task(network, user=None)
    assert task.created_by is None
    fire_due()

    (made,) = triggered_tasks(shop)
    run_through(made)
    assert (made.status, made.created_by) == ("applied", None)
    assert made.transitions.get(to_status="pending").actor == "system"


def test_a_triggered_task_is_applied_by_itself_where_the_target_says_so() -> None:
    """F7: without a human, and the confirmation is the system's."""
    network, shop = chain("network", "shop", auto_apply=True)
    applied_task(network, a_user())
    fire_due()
    (made,) = triggered_tasks(shop)
    start_next(shop.pk)
    made.refresh_from_db()
    finish_plan(made, add=1, has_changes=True)

    assert (made.status, made.apply_confirmed_by) == ("running", "system")
    assert made.apply_confirmed_at is not None
    assert made.apply_description == "Applied automatically"


def test_a_triggered_task_waits_for_approval_where_nothing_else_is_said() -> None:
    """F7: false → never."""
    network, shop = chain("network", "shop")
    applied_task(network, a_user())
    fire_due()
    (made,) = triggered_tasks(shop)
    start_next(shop.pk)
    made.refresh_from_db()
    finish_plan(made, add=1, has_changes=True)

    assert (made.status, made.apply_confirmed_by) == ("apply_pending", "")


def test_a_chain_goes_on_from_apply_to_apply() -> None:
    workspaces = chain("a", "b", "c", "d", auto_apply=True)
    applied_task(workspaces[0])
    for workspace in workspaces[1:]:
        fire_due()
        (made,) = triggered_tasks(workspace)
        be_applied(made)

    assert [each.tasks.count() for each in workspaces] == [1, 1, 1, 1]
    assert set(TaskTriggerExecution.objects.values_list("status", flat=True)) == {"triggered"}


# --- Several sources


def test_several_sources_that_are_due_share_one_task_that_names_them_all() -> None:
    network, dns, shop = a_workspace("network"), a_workspace("dns"), a_workspace("shop")
    link(network, shop)
    link(dns, shop)
    first, second = applied_task(network), applied_task(dns)
    fire_due()

    (made,) = triggered_tasks(shop)
    assert shop.tasks.count() == 1
    assert made.description == (
        f"Triggered by workspace network (task #{first.pk}), dns (task #{second.pk})"
    )
    assert made.triggered_by.count() == 2


def test_a_source_that_comes_later_joins_the_task_that_has_not_begun() -> None:
    network, dns, shop = a_workspace("network"), a_workspace("dns"), a_workspace("shop")
    link(network, shop)
    link(dns, shop)
    first = applied_task(network)
    fire_due()
    second = applied_task(dns)
    fire_due()

    (made,) = triggered_tasks(shop)
    assert shop.tasks.count() == 1
    assert made.description == (
        f"Triggered by workspace network (task #{first.pk}), dns (task #{second.pk})"
    )


def test_a_source_joins_under_a_lock_that_the_task_waits_for_too() -> None:
    network, shop = chain("network", "shop")
    applied_task(network)
    fire_due()
    lock_workspace(shop, user=a_user(), reason="Moving house")
    applied_task(network)
    fire_due()

    assert [each.status for each in TaskTriggerExecution.objects.all()] == ["triggered"] * 2
    assert shop.tasks.count() == 1


def test_a_source_does_not_join_a_task_that_has_begun() -> None:
    network, shop = chain("network", "shop")
    applied_task(network)
    fire_due()
    start_next(shop.pk)
    applied_task(network)
    fire_due()

    assert [each.status for each in triggered_tasks(shop)] == ["running", "pending"]


def test_a_source_does_not_join_a_task_that_was_cancelled() -> None:
    network, shop = chain("network", "shop")
    applied_task(network)
    fire_due()
    cancel_task(shop.tasks.get(), user=a_user())
    applied_task(network)
    fire_due()

    assert [each.status for each in triggered_tasks(shop)] == ["cancelled", "pending"]


def test_a_source_does_not_join_the_task_of_a_person() -> None:
    network, shop = chain("network", "shop")
    theirs = a_task(shop)
    a_task(shop, TaskType.PLAN_ONLY)
    applied_task(network)
    fire_due()

    theirs.refresh_from_db()
    assert theirs.description == ""
    assert len(triggered_tasks(shop)) == 1


# --- Targets that cannot have a task now


def test_a_locked_target_is_waited_for_and_fired_after_its_unlock() -> None:
    """F5: kept, visible with the reason, run after the unlock."""
    network, shop = chain("network", "shop")
    user = a_user()
    lock_workspace(shop, user=user, reason="Moving house")
    task = applied_task(network)
    fire_due()

    execution = only_execution()
    assert execution.waits
    assert execution.message == "Waits: The workspace is locked by ada: Moving house"
    assert not shop.tasks.exists()

    unlock_workspace(shop, user=user)
    fire_due()

    assert only_execution().message == ""
    assert [each.description for each in triggered_tasks(shop)] == [
        f"Triggered by workspace network (task #{task.pk})"
    ]


def test_a_locked_target_that_everybody_knows_of_is_not_asked_again(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    """What waits for days costs two queries every two seconds."""
    network, shop = chain("network", "shop")
    lock_workspace(shop, user=a_user(), reason="Moving 100% of the house_")
    applied_task(network)
    fire_due()

    with django_assert_num_queries(2):
        fire_due()


def test_the_reason_of_a_new_lock_is_told() -> None:
    network, shop = chain("network", "shop")
    user = a_user()
    lock_workspace(shop, user=user, reason="Moving house")
    applied_task(network)
    fire_due()
    unlock_workspace(shop, user=user)
    lock_workspace(shop, user=user, reason="Moving back")
    fire_due()

    assert only_execution().message.endswith("Moving back")


def test_a_trigger_that_is_disabled_while_its_target_is_locked_does_not_fire() -> None:
    network, shop = chain("network", "shop")
    user = a_user()
    lock_workspace(shop, user=user, reason="Moving house")
    applied_task(network)
    fire_due()
    trigger = only_execution().run_trigger
    assert trigger is not None
    switch_run_trigger(trigger, user=user, enabled=False)
    fire_due()

    assert (only_execution().status, only_execution().message) == (
        "skipped",
        "The run trigger is disabled",
    )


def test_a_target_without_an_engine_is_waited_for() -> None:
    network, shop = chain("network", "shop")
    applied_task(network)
    EngineVersion.objects.update(is_default=False)
    fire_due()

    assert only_execution().waits
    assert "no engine is registered" in only_execution().message
    an_engine()
    EngineVersion.objects.update(is_default=True)
    fire_due()

    assert len(triggered_tasks(shop)) == 1


def test_a_target_without_its_archive_is_waited_for_and_holds_nobody_up() -> None:
    network, shop = chain("network", "shop")
    Workspace.objects.filter(pk=shop.pk).update(configuration_source="archive")
    office = a_workspace("office")
    link(network, office)
    applied_task(network)
    fire_due()

    waiting = TaskTriggerExecution.objects.waiting().get()
    assert waiting.target_workspace == shop
    assert "no archive was uploaded yet" in waiting.message
    assert len(triggered_tasks(office)) == 1


def test_a_target_that_was_deleted_fails_what_is_due_and_tells_its_name() -> None:
    network, shop = chain("network", "shop")
    applied_task(network)
    delete_workspace(shop)
    fire_due()

    execution = only_execution()
    assert (execution.status, execution.target_name) == ("failed", "shop")
    assert execution.message == "The target workspace was deleted"


def test_a_trigger_that_was_deleted_is_skipped() -> None:
    network, shop = chain("network", "shop")
    task = a_task(network)
    trigger = only_execution().run_trigger
    assert trigger is not None
    delete_run_trigger(trigger, user=a_user())
    be_applied(task)
    fire_due()

    assert (only_execution().status, only_execution().message) == (
        "skipped",
        "The run trigger was deleted",
    )
    assert not shop.tasks.exists()


def test_a_source_that_is_deleted_takes_what_was_due_with_it() -> None:
    network, shop = chain("network", "shop")
    applied_task(network)
    delete_workspace(network)
    fire_due()

    assert not shop.tasks.exists()


def test_a_fault_of_ours_at_one_target_does_not_reach_the_others() -> None:
    """And it is seen: the execution says so, and is tried again."""
    network, shop = chain("network", "shop")
    office = a_workspace("office")
    link(network, office)
    applied_task(network)
    with connection.execute_wrapper(partial(_refuse_tasks_of, shop.pk)):
        fire_due()

    waiting = TaskTriggerExecution.objects.waiting().get()
    assert (waiting.target_workspace, waiting.message) == (shop, firing.OUR_FAULT)
    assert len(triggered_tasks(office)) == 1
    fire_due()
    assert len(triggered_tasks(shop)) == 1


def _refuse_tasks_of(workspace_id: int, execute: Any, sql: str, params: Any, *rest: Any) -> Any:
    if sql.startswith('INSERT INTO "workspaces_workspacetask"') and workspace_id in params:
        raise RuntimeError("a fault")
    return execute(sql, params, *rest)


# --- Hints


def test_the_end_of_a_task_that_held_the_lock_wakes_what_waited_for_it(
    django_capture_on_commit_callbacks: Any,
) -> None:
    network, shop = chain("network", "shop")
    holder = a_task(shop)
    transition(holder, TaskStatus.RUNNING)
    applied_task(network)
    connection.run_on_commit.clear()  # as after a commit

    with django_capture_on_commit_callbacks() as callbacks:
        transition(holder, TaskStatus.FAILED)

    assert "_hint" in [getattr(callback, "__name__", "") for callback in callbacks]


def test_one_transaction_sends_one_hint(django_capture_on_commit_callbacks: Any) -> None:
    network, _ = chain("network", "shop")
    tasks = [a_task(network), a_task(network)]
    with django_capture_on_commit_callbacks() as callbacks:
        for task in tasks:
            be_applied(task)

    names = [getattr(callback, "__name__", "") for callback in callbacks]
    assert names.count("_hint") == 1
