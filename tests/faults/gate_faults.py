"""Gates that never answer, answer twice, late or without a database; and approvals in great number."""

import time
from concurrent.futures import ThreadPoolExecutor

from django.db import OperationalError, connection
from django.db.models import QuerySet
from django.utils import timezone

from executor.pipeline import open_gate
from iacplatform.accounts.models import Organization
from tests.faults.cluster import HOSTS, Cluster
from tests.faults.invariants import Expected, verify
from tests.faults.places import ALL, PLACES, met_in
from tests.faults.registry import Stopwatch, fault
from tests.faults.subjects import Subject, new_workspace, start_task
from tests.faults.waiting import demand
from workspaces.models import TaskStage, Workspace, WorkspaceTask
from workspaces.services.locks import lock_for_apply
from workspaces.task_status import TaskStatus, TaskType

GATE = next(place for place in PLACES if place.stage == "pre_apply_run_tasks")
ONCE = Expected("applied", resources=ALL, applies=1)
DEADLINE_SECONDS = 3
LATE_SECONDS = 6.0
CALLERS = 20
APPROVALS = 200
AT_ONCE_SECONDS = 2.0
REFUSED = "the gate got no answer in time"


def _row(subject: Subject) -> TaskStage:
    return TaskStage.objects.get(task_id=subject.task_id, name=GATE.stage)


def _demand_no_slot(subject: Subject) -> None:
    row = _row(subject)
    demand(row.status == "waiting" and row.token is None, "a worker has the task that waits")
    connection.close()


@fault("18", "gate never answers", "refused at its deadline; no slot was held", harmless=True)
def no_answer(cluster: Cluster, watch: Stopwatch) -> None:
    """The other side is gone for good."""
    tags = [f"hold:{GATE.stage}", f"deadline:{DEADLINE_SECONDS}"]
    subject = _at_gate(cluster, tags)
    _demand_no_slot(subject)
    watch.hit()
    subject.wait_end(DEADLINE_SECONDS + LATE_SECONDS)
    watch.over()
    demand(subject.value("error_message") == REFUSED, "the task does not say why it has ended")
    verify(subject, Expected("failed", applies=0))


@fault("18", "gate answers after its deadline", "the late answer changes nothing", harmless=True)
def late_answer(cluster: Cluster, watch: Stopwatch) -> None:
    """The refusal stands."""
    tags = [f"hold:{GATE.stage}", f"deadline:{DEADLINE_SECONDS}"]
    subject = _at_gate(cluster, tags)
    subject.wait_end()
    watch.hit()
    demand(not open_gate(_row(subject)), "a gate was opened behind its end")
    watch.over()
    connection.close()
    verify(subject, Expected("failed", applies=0))


@fault("18", "gate answers twenty times at once", "one of them opens it", harmless=True)
def many_answers(cluster: Cluster, watch: Stopwatch) -> None:
    """As a webhook does that is sent again and again."""
    subject = met_in(cluster, GATE)
    _demand_no_slot(subject)
    watch.hit()
    with ThreadPoolExecutor(CALLERS) as threads:
        opened = list(threads.map(_answer, [subject] * CALLERS))
    demand(opened.count(True) == 1, f"the gate was opened {opened.count(True)} times")
    subject.wait_end()
    watch.over()
    verify(subject, ONCE)


@fault("18", "gate answers while PostgreSQL is down", "the answer, given again, opens it once")
def answer_without_database(cluster: Cluster, watch: Stopwatch) -> None:
    """Whoever answers gets an error and tries again."""
    subject = met_in(cluster, GATE)
    cluster.postgres.crash()
    try:
        _answer(subject)
    except OperationalError:
        pass
    else:
        demand(False, "an answer was taken without a database")
    time.sleep(1)
    cluster.postgres.start()
    watch.hit()
    demand(_answer(subject), "the gate did not open")
    subject.wait_end()
    watch.over()
    verify(subject, ONCE)


@fault("19", "200 plans wait for approval, one slot in all", "a new task begins at once")
def approvals(cluster: Cluster, watch: Stopwatch) -> None:
    """Waiting costs no slot."""
    first, second = (cluster.processes[host] for host in HOSTS)
    several = first.command
    second.stop()
    first.command = [*several[:-1], "1"]
    first.restart()
    first.wait()
    waiting = _wait_for_approval()
    try:
        watch.hit()
        subject = start_task(cluster, new_workspace(cluster))
        subject.wait_for(
            lambda: any(row.attempts for row in subject.stages()), "is begun", AT_ONCE_SECONDS
        )
        watch.over()
        subject.wait_end()
        verify(subject, ONCE)
        demand(waiting.filter(status=TaskStatus.APPLY_PENDING).count() == APPROVALS, "some left")
    finally:
        Workspace.objects.filter(name__startswith="approval-").delete()
        connection.close()
        first.command = several
        first.restart()


def _wait_for_approval() -> QuerySet[WorkspaceTask]:
    organization = Organization.objects.earliest("pk")
    workspaces = Workspace.objects.bulk_create(
        Workspace(organization=organization, name=f"approval-{number}-{timezone.now().timestamp()}")
        for number in range(APPROVALS)
    )
    tasks = WorkspaceTask.objects.bulk_create(
        WorkspaceTask(
            workspace=workspace,
            task_type=TaskType.PLAN_AND_APPLY,
            execution_mode="local",
            status=TaskStatus.APPLY_PENDING,
        )
        for workspace in workspaces
    )
    for task in tasks:
        lock_for_apply(task)
    return WorkspaceTask.objects.filter(workspace__in=workspaces)


def _at_gate(cluster: Cluster, tags: list[str]) -> Subject:
    workspace_id = new_workspace(cluster, tags=tags)
    cluster.points.set("hold", GATE.point, workspace_id)
    subject = start_task(cluster, workspace_id)
    subject.wait_stage(GATE.phase, GATE.stage, "waiting")
    return subject


def _answer(subject: Subject) -> bool:
    try:
        return open_gate(_row(subject))
    finally:
        connection.close()
