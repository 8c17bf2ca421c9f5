"""Many at a chain of workspaces at once: no deadlock, and each execution has one task or a reason."""

import random
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest
from django.db import connection, transaction

from iacplatform.accounts.models import User
from iacplatform.common.errors import DomainError
from tests.domain import a_task, a_user
from tests.triggers.factories import be_applied, chain, triggered_tasks
from triggers.models import RunTrigger, TaskTriggerExecution
from triggers.services.configuration import (
    create_run_trigger,
    delete_run_trigger,
    switch_run_trigger,
)
from triggers.services.executions import switch_execution
from triggers.services.firing import fire_due
from workspaces.models import Workspace, WorkspaceTask
from workspaces.services.cancellation import cancel_task
from workspaces.services.locks import lock_workspace, unlock_workspace
from workspaces.task_status import TaskStatus

SECONDS = 5.0


def apply_one(workspace: Workspace) -> None:
    """Creates a task that nobody else gets hold of, and applies it."""
    with transaction.atomic():
        be_applied(a_task(workspace))


def cancel_pending(workspace: Workspace, user: User) -> None:
    for task in workspace.tasks.filter(status__in=[TaskStatus.PENDING, TaskStatus.RUNNING]):
        cancel_task(task, user=user, force=True)


def lock_and_unlock(workspace: Workspace, user: User) -> None:
    lock_workspace(workspace, user=user, reason="Moving house")
    fire_due()
    unlock_workspace(workspace, user=user)


def relink(source: Workspace, target: Workspace, user: User) -> None:
    for trigger in RunTrigger.objects.filter(source=source, target=target):
        switch_run_trigger(trigger, user=user, enabled=False)
        delete_run_trigger(trigger, user=user)
    create_run_trigger(source, target, user=user, other_end="target")


def switch_some(user: User) -> None:
    for execution in TaskTriggerExecution.objects.pending()[:3]:
        switch_execution(execution, disabled=True, by=user.get_username())


def deeds(workspaces: list[Workspace], user: User) -> list[Callable[[], object]]:
    first, second, third = workspaces
    return [
        *[lambda: apply_one(first), lambda: apply_one(second), fire_due] * 3,
        lambda: cancel_pending(second, user),
        lambda: cancel_pending(third, user),
        lambda: lock_and_unlock(second, user),
        lambda: lock_and_unlock(third, user),
        lambda: relink(first, second, user),
        lambda: switch_some(user),
    ]


@pytest.mark.django_db(transaction=True)
def test_people_workers_and_sweeps_at_a_chain_do_not_block_each_other() -> None:
    """A deadlock would raise OperationalError; afterwards every row fits the others."""
    workspaces, user = chain("a", "b", "c"), a_user()
    end = time.monotonic() + SECONDS

    def act(seed: int) -> None:
        chosen = random.Random(seed)
        try:
            while time.monotonic() < end:
                with suppress(DomainError):  # somebody else was faster
                    chosen.choice(deeds(workspaces, user))()
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        for done in [pool.submit(act, seed) for seed in range(8)]:
            done.result()
    for workspace in workspaces:
        with suppress(DomainError):
            unlock_workspace(workspace, user=user, force=True)
    fire_due()

    executions = TaskTriggerExecution.objects.select_related("source_task")
    assert not executions.waiting().exists()
    assert all(each.target_task_id for each in executions if each.status == "triggered")
    assert all(each.message for each in executions if each.status == "skipped")
    applied = executions.filter(due_at__isnull=False)
    assert {each.source_task.status for each in applied} == {"applied"}
    made = WorkspaceTask.objects.filter(description__startswith="Triggered by")
    assert made.count() == sum(len(triggered_tasks(workspace)) for workspace in workspaces)
