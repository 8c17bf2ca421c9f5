"""Many at one workspace at once: nobody gets a deadlock for an answer, and nothing is done by halves."""

import random
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest
from django.db import connection

from executor.claims import claim_stage, new_token
from executor.core.outcome import (
    ApplyOutput,
    PlanFileOutput,
    PlanOutput,
    SavedStateOutput,
    StageOutcome,
    StageOutput,
)
from executor.pipeline import close_stage
from iacplatform.accounts.models import User
from iacplatform.common.errors import DomainError
from iacplatform.terraform.plan import PlanSummary
from tests.domain import a_task, a_user, a_workspace
from workspaces.models import TaskStage, Workspace, WorkspaceTask
from workspaces.services.approvals import expire_approvals
from workspaces.services.cancellation import cancel_previous, cancel_task, settle_cancellations
from workspaces.services.queue import start_next
from workspaces.services.tasks import confirm_apply
from workspaces.task_status import LIVE, TaskStatus, TaskType

SECONDS = 5.0
OUTPUTS: dict[str, StageOutput] = {
    "planning": PlanFileOutput(b"plan", "a" * 64),
    "saving_plan": PlanOutput(b"{}", PlanSummary(add=1, has_changes=True)),
    "applying": ApplyOutput(b'{"serial": 1}'),
    "saving_state": SavedStateOutput(version=1),
}


def work() -> None:
    """Runs a stage as a worker does."""
    for stage in TaskStage.objects.filter(status="ready"):
        claim = claim_stage(stage.pk, "host-a", new_token())
        if claim is not None:
            close_stage(claim, StageOutcome("done", output=OUTPUTS.get(claim.name)))


def with_tasks(act: Callable[[WorkspaceTask], object], *statuses: str) -> Callable[[], None]:
    def call() -> None:
        for task in WorkspaceTask.objects.filter(status__in=statuses):
            act(task)

    return call


def sweep(workspace: Workspace) -> None:
    expire_approvals()
    settle_cancellations()
    start_next(workspace.pk)


def deeds(workspace: Workspace, user: User) -> list[Callable[[], object]]:
    confirm = with_tasks(lambda task: confirm_apply(task, user=user), TaskStatus.APPLY_PENDING)
    return [
        lambda: a_task(workspace, TaskType.PLAN_AND_APPLY, user),
        lambda: a_task(workspace, TaskType.PLAN_ONLY, user),
        with_tasks(lambda task: cancel_task(task, user=user, force=True), *LIVE),
        with_tasks(lambda task: cancel_previous(task, user=user), TaskStatus.PENDING),
        *[confirm, work] * 3,
        lambda: sweep(workspace),
    ]


@pytest.mark.django_db(transaction=True)
def test_people_workers_and_sweeps_at_one_workspace_do_not_block_each_other() -> None:
    """F1, M7: a deadlock would raise OperationalError; afterwards every row fits the others."""
    workspace, user = a_workspace(approval_timeout_seconds=1), a_user()
    end = time.monotonic() + SECONDS

    def act(seed: int) -> None:
        chosen = random.Random(seed)
        try:
            while time.monotonic() < end:
                with suppress(DomainError):  # somebody else was faster
                    chosen.choice(deeds(workspace, user))()
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        for done in [pool.submit(act, seed) for seed in range(8)]:
            done.result()

    assert not TaskStage.objects.hot().exclude(task__status=TaskStatus.RUNNING).exists()
    for task in WorkspaceTask.objects.exclude(status__in=LIVE):
        assert task.transitions.exclude(to_status__in=LIVE).count() == 1
    workspace.refresh_from_db()
    assert workspace.lock_task is None or not workspace.lock_task.is_final
