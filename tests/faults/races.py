"""Two who want to end the same thing at the same moment, at the services, against the real database."""

import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from typing import TypeVar

from django.db import connection
from django.utils import timezone

from executor.claims import Claim, new_token
from executor.core.outcome import StageOutcome
from executor.pipeline import close_stage
from iacplatform.accounts.models import Organization, User
from iacplatform.common.errors import Conflict
from tests.faults.cluster import Cluster
from tests.faults.registry import Stopwatch, fault
from tests.faults.waiting import demand, until
from workspaces.models import TaskStage, TaskTransition, Workspace, WorkspaceTask
from workspaces.services.cancellation import cancel_task, settle_cancellations
from workspaces.services.queue import start_next
from workspaces.services.tasks import create_task
from workspaces.task_status import (
    FINAL,
    HOLDS_WORKSPACE,
    Phase,
    Stage,
    StageStatus,
    TaskStatus,
    TaskType,
)
from workspaces.transitions import transition

Result = TypeVar("Result")
TRIES = 1000
PAIRS = 4
QUEUED, PROMOTERS = 50, 20
NOBODY = "agent"
"""An execution mode that no worker of the cluster consumes: what is in it is done here."""


def _workspace(name: str) -> Workspace:
    return Workspace.objects.create(
        organization=Organization.objects.earliest("pk"),
        name=f"{name}-{timezone.now().timestamp()}",
        execution_mode=NOBODY,
        tf_code={},
    )


@fault(
    "16b",
    "1,000 cancellations race with the end of a stage",
    "one of both wins, none is lost",
    harmless=True,
)
def cancel_races_with_close(cluster: Cluster, watch: Stopwatch) -> None:
    """Half of the stages are the last of their task, half have a next one."""
    user = User.objects.filter(is_superuser=True).earliest("pk")
    pairs = [_running(name) for name in (Stage.SAVING_PLAN, Stage.FETCHING)]
    tries = [each for running in pairs for each in running]
    watch.hit()
    with ThreadPoolExecutor(PAIRS) as threads:
        answers = list(threads.map(partial(_race, user), tries))
    settle_cancellations()
    watch.over()
    statuses = dict(
        WorkspaceTask.objects.filter(pk__in=[each.task_id for each in tries]).values_list(
            "pk", "status"
        )
    )
    ended = Counter(
        TaskTransition.objects.filter(task__in=statuses, to_status__in=FINAL).values_list(
            "task_id", flat=True
        )
    )
    outcomes = Counter(
        (refused, statuses[each.task_id]) for each, refused in zip(tries, answers, strict=True)
    )
    demand(
        set(outcomes) <= {(False, TaskStatus.CANCELLED), (True, TaskStatus.SUCCESS)},
        f"answers and ends do not fit: {dict(outcomes)}",
    )
    demand(len(outcomes) == 2, f"one of both always won: {dict(outcomes)}")
    demand(
        set(ended.values()) == {1} and len(ended) == TRIES, "a task has ended twice or not at all"
    )


def _running(stage: Stage) -> list[Claim]:
    """Half of the tries: tasks that are in this stage now, by the claims on them."""
    workspace = _workspace("race")
    tasks = WorkspaceTask.objects.bulk_create(
        WorkspaceTask(
            workspace=workspace,
            task_type=TaskType.PLAN_ONLY,
            execution_mode=NOBODY,
            status=TaskStatus.RUNNING,
            stage=stage,
        )
        for _ in range(TRIES // 2)
    )
    stages = TaskStage.objects.bulk_create(
        TaskStage(
            task=task,
            position=0,
            phase=Phase.PLAN,
            name=stage,
            mode=NOBODY,
            status=StageStatus.RUNNING,
            token=new_token(),
            owner=NOBODY,
            lease_until=timezone.now() + timedelta(hours=1),
            attempts=1,
        )
        for task in tasks
    )
    return [_claim(each, workspace) for each in stages]


def _claim(stage: TaskStage, workspace: Workspace) -> Claim:
    return Claim(
        stage_id=stage.pk,
        task_id=stage.task_id,
        workspace_id=workspace.pk,
        name=stage.name,
        phase=stage.phase,
        position=stage.position,
        token=stage.token or 0,
        attempts=1,
        first_line=1,
        host=NOBODY,
    )


def _race(user: User, claim: Claim) -> bool:
    """Whether the cancellation was refused because the task had ended."""
    task = WorkspaceTask.objects.get(pk=claim.task_id)
    connection.close()
    _, refusal = _together(
        partial(close_stage, claim, StageOutcome("done")),
        partial(cancel_task, task, user=user, reason="race"),
    )
    return isinstance(refusal, Conflict)


@fault(
    "24",
    "50 tasks of one workspace, 20 promoters",
    "one is live at a time, the oldest first",
    harmless=True,
)
def promoters(cluster: Cluster, watch: Stopwatch) -> None:
    """Twenty threads ask the queue again and again while each task that was started is ended."""
    workspace = _workspace("queue")
    user = User.objects.filter(is_superuser=True).earliest("pk")
    made = [
        create_task(workspace, user=user, task_type=TaskType.PLAN_AND_APPLY).pk
        for _ in range(QUEUED)
    ]
    watch.hit()
    over = threading.Event()
    with ThreadPoolExecutor(PROMOTERS) as threads:
        asking = [
            threads.submit(_in_thread(partial(_promote, workspace, over))) for _ in range(PROMOTERS)
        ]
        started = [_end_live(workspace) for _ in range(QUEUED)]
        over.set()
        for each in asking:
            each.result()
    watch.over()
    demand(started == made, f"they were started in the order {started}, not {made}")


def _promote(workspace: Workspace, over: threading.Event) -> None:
    while not over.is_set():
        start_next(workspace.pk)


def _end_live(workspace: Workspace) -> int:
    """Ends the one task that is live as if its plan had found nothing to do; returns its id."""
    held = workspace.tasks.filter(status__in=HOLDS_WORKSPACE)
    until(held.exists, "a task is started")
    (task,) = held
    TaskStage.objects.filter(task=task).update(status=StageStatus.DONE)
    transition(task, TaskStatus.PLANNED_AND_FINISHED)
    return task.pk


def _in_thread(act: Callable[[], Result]) -> Callable[[], Result]:
    """The same with the thread's own database connection closed at the end."""

    def call() -> Result:
        try:
            return act()
        finally:
            connection.close()

    return call


def _together(*acts: Callable[[], object]) -> list[object]:
    """Calls all at once, each in a thread; returns what they returned or refused."""
    barrier = threading.Barrier(len(acts))

    def at_once(act: Callable[[], object]) -> object:
        barrier.wait()
        try:
            return _in_thread(act)()
        except Conflict as refusal:
            return refusal

    with ThreadPoolExecutor(len(acts)) as threads:
        return list(threads.map(at_once, acts))
