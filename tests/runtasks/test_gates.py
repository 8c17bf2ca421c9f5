"""A task at the gates of its RunTasks: who is asked, and what the answers do to it."""

from itertools import pairwise

import pytest
from django.db import transaction
from pytest_django import DjangoAssertNumQueries

from executor.pipeline import refuse_gate
from iacplatform.common.models import OutboxEntry
from runtasks.gates import RunTaskGate
from runtasks.models import ResultStatus, RunTask, RunTaskResult, WorkspaceRunTask
from tests.domain import a_running_task, nothing_open, open_stage, statuses
from tests.factories import EngineVersionFactory
from tests.runtasks.answers import answer, end
from tests.runtasks.factories import (
    AttachmentFactory,
    RunTaskFactory,
    attach,
    reach,
    result_of,
    waiting_task,
)
from workspaces.gates import Refused
from workspaces.models import TaskStage, Workspace, WorkspaceTask
from workspaces.task_status import TaskStatus

pytestmark = pytest.mark.django_db
BLOCKING = ["pre_plan", "post_plan", "pre_apply"]
UNSUCCESSFUL = [ResultStatus.FAILED, ResultStatus.ERROR, ResultStatus.TIMEOUT]
NEXT_STAGE = {
    "pre_plan": ("running", "planning"),
    "post_plan": ("apply_pending", "post_plan_run_tasks"),
    "pre_apply": ("running", "applying"),
    "post_apply": ("applied", "post_apply_run_tasks"),
}


def results_of(task: WorkspaceTask) -> dict[str, RunTaskResult]:
    return {each.run_task_name: each for each in RunTaskResult.objects.filter(task=task)}


def states(task: WorkspaceTask) -> dict[str, str]:
    return {name: result.status for name, result in results_of(task).items()}


def test_without_run_tasks_nothing_is_written() -> None:
    task = reach(a_running_task(), "post_apply")

    assert task.status == TaskStatus.APPLIED
    assert not task.stages.filter(name__endswith="_run_tasks").exists()


@pytest.mark.parametrize("stage", list(NEXT_STAGE))
def test_a_task_waits_at_each_stage_and_a_pass_lets_it_go_on(stage: str) -> None:
    """C6: after init, after saving_plan, after the plan is restored, after the state is saved."""
    task = waiting_task(stage=stage)
    gate = open_stage(task)
    assert (gate.name, gate.status, gate.token) == (f"{stage}_run_tasks", "waiting", None)

    answer(result_of(task))

    task.refresh_from_db()
    status, last = NEXT_STAGE[stage]
    assert (task.status, statuses(task)[-1][0]) == (status, last)
    gate.refresh_from_db()
    assert gate.status == "done"
    assert gate.duration is not None


@pytest.mark.parametrize("ending", UNSUCCESSFUL)
@pytest.mark.parametrize("stage", BLOCKING)
def test_a_mandatory_result_that_did_not_pass_fails_the_task(
    stage: str, ending: ResultStatus
) -> None:
    """C6, H3, L2: nothing behind the gate is begun, the lock is given back, the error names the run task."""
    task = waiting_task(stage=stage, run_task__name="policy-check")

    end(result_of(task), ending)

    task.refresh_from_db()
    assert (task.status, task.stage) == ("failed", f"{stage}_run_tasks")
    assert task.error_message.startswith("Mandatory run task policy-check")
    assert "as it was made to" in task.error_message
    assert statuses(task)[-1] == (f"{stage}_run_tasks", "failed")
    assert not Workspace.objects.get(pk=task.workspace_id).is_locked
    assert task.transitions.filter(to_status="failed").count() == 1


@pytest.mark.parametrize("mode", ["local", "agent", "k8s"])
def test_all_four_stages_are_asked_wherever_the_engine_runs(mode: str) -> None:
    """F36: gates are the platform's own, whatever the execution mode."""
    task = a_running_task(execution_mode=mode)
    run_task = RunTaskFactory.create()
    for stage in NEXT_STAGE:
        AttachmentFactory.create(workspace=task.workspace, run_task=run_task, stage=stage)

    for before, stage in pairwise(["", *NEXT_STAGE]):
        reach(task, stage, after=before)
        answer(RunTaskResult.objects.get(task=task, stage=stage))
        task.refresh_from_db()

    assert task.status == TaskStatus.APPLIED
    assert list(task.run_task_results.values_list("stage", "status")) == [
        (stage, "passed") for stage in NEXT_STAGE
    ]


@pytest.mark.parametrize("mode", ["local", "agent", "k8s"])
def test_no_mandatory_failure_follows_the_wait_for_approval(mode: str) -> None:
    """F36: a task whose post_plan failed was never approvable, in any execution mode."""
    task = a_running_task(execution_mode=mode)
    attach(task)
    reach(task)

    answer(result_of(task), "failed")

    moves = task.transitions.values_list("to_status", flat=True)
    assert list(moves) == ["pending", "running", "failed"]


@pytest.mark.parametrize("ending", UNSUCCESSFUL)
@pytest.mark.parametrize("stage", BLOCKING)
def test_an_advisory_result_that_did_not_pass_only_warns(stage: str, ending: ResultStatus) -> None:
    task = waiting_task(stage=stage, enforcement_level="advisory", run_task__name="lint")
    gate = open_stage(task)

    end(result_of(task), ending)

    task.refresh_from_db()
    assert (task.status, statuses(task)[-1][0]) == NEXT_STAGE[stage]
    gate.refresh_from_db()
    assert gate.message.startswith("Warning: lint (advisory)")


def test_what_was_applied_stays_applied() -> None:
    """C6: a mandatory failure at post_apply is a warning."""
    task = waiting_task(stage="post_apply", run_task__name="smoke-test")
    attach(task, stage="post_apply", priority=1)
    gate = open_stage(task)

    answer(result_of(task), "failed", message="503 everywhere")

    task.refresh_from_db()
    gate.refresh_from_db()
    assert task.status == TaskStatus.APPLIED
    assert gate.status == "done"
    assert "smoke-test (mandatory) ended as failed: 503 everywhere" in gate.message
    assert nothing_open(task)


def test_the_last_of_several_answers_moves_the_task_on() -> None:
    task = a_running_task()
    for name in ("one", "two", "three"):
        attach(task, run_task__name=name)
    reach(task)
    results = results_of(task)

    answer(results["two"])
    answer(results["one"])
    task.refresh_from_db()
    assert task.status == TaskStatus.RUNNING
    answer(results["three"])

    task.refresh_from_db()
    assert task.status == TaskStatus.APPLY_PENDING


def test_an_advisory_failure_does_not_abandon_the_other_results() -> None:
    """F37: the others are awaited, and none stays pending."""
    task = a_running_task()
    attach(task, run_task__name="lint", enforcement_level="advisory")
    attach(task, run_task__name="policy")
    reach(task)
    results = results_of(task)

    end(results["lint"], ResultStatus.ERROR)
    assert states(task) == {"lint": "error", "policy": "pending"}
    answer(results["policy"])

    task.refresh_from_db()
    assert task.status == TaskStatus.APPLY_PENDING
    assert states(task) == {"lint": "error", "policy": "passed"}


def test_a_mandatory_failure_ends_what_is_still_open_and_its_tokens() -> None:
    """F37: nothing stays pending behind a decision."""
    task = a_running_task()
    attach(task, run_task__name="policy")
    attach(task, run_task__name="slow")
    reach(task)
    results = results_of(task)

    answer(results["policy"], "failed")

    slow = results_of(task)["slow"]
    assert (slow.status, slow.access_token) == ("skipped", None)
    assert "the mandatory run task policy did not pass" in slow.message


def test_batches_are_asked_in_the_order_of_their_priorities() -> None:
    task = a_running_task()
    for name, priority in (("second", 5), ("first", -1), ("also-first", -1)):
        attach(task, run_task__name=name, priority=priority)
    reach(task)
    results = results_of(task)

    asked = {name for name, result in results.items() if result.requested_at}
    assert asked == {"first", "also-first"}
    assert results["second"].access_token is None
    answer(results["first"])
    assert results_of(task)["second"].requested_at is None
    answer(results["also-first"], message="fine")

    second = results_of(task)["second"]
    assert second.requested_at is not None
    told = [each["run_task_name"] for each in second.request_payload["prior_results"]]
    assert told == ["first", "also-first"]
    answer(second)
    task.refresh_from_db()
    assert task.status == TaskStatus.APPLY_PENDING


def test_a_mandatory_failure_stops_later_batches() -> None:
    task = a_running_task()
    attach(task, run_task__name="first")
    attach(task, run_task__name="second", priority=1)
    reach(task)

    answer(results_of(task)["first"], "failed")

    second = results_of(task)["second"]
    assert (second.status, second.requested_at) == ("skipped", None)
    assert not OutboxEntry.objects.filter(key__endswith=second.result_id).exists()


def test_an_advisory_failure_lets_later_batches_come() -> None:
    task = a_running_task()
    attach(task, run_task__name="first", enforcement_level="advisory")
    attach(task, run_task__name="second", priority=1)
    reach(task)

    answer(results_of(task)["first"], "failed")

    assert results_of(task)["second"].requested_at is not None


def test_results_and_webhooks_are_written_with_the_gate_or_not_at_all() -> None:
    """H2: a process that dies after the commit loses no webhook, one that dies before owes none."""
    task = waiting_task()
    result = result_of(task)

    entry = OutboxEntry.objects.get()
    assert (entry.kind, entry.key) == ("runtasks.webhook", f"run-task-result:{result.result_id}")
    assert entry.payload == {"result_id": result.result_id}
    assert entry.destination == RunTask.objects.get().run_task_id

    with transaction.atomic():
        answer(result)
        transaction.set_rollback(True)
    task.refresh_from_db()
    assert task.status == TaskStatus.RUNNING


def test_what_is_edited_or_removed_later_changes_nothing() -> None:
    """F34: name, address and enforcement are those of the moment the gate was reached."""
    task = waiting_task(
        "http://127.0.0.1:9/old", run_task__name="old", run_task__timeout_seconds=60
    )
    RunTask.objects.update(name="new", endpoint_url="http://127.0.0.1:9/new", timeout_seconds=600)
    WorkspaceRunTask.objects.update(enforcement_level="advisory", enabled=False)
    WorkspaceRunTask.objects.all().delete()

    result = result_of(task)
    assert (result.run_task_name, result.endpoint_url) == ("old", "http://127.0.0.1:9/old")
    assert (result.enforcement_level, result.timeout_seconds) == ("mandatory", 60)
    gate = open_stage(task)
    assert RunTaskGate().applies(task, gate.name)
    assert RunTaskGate().review(gate) == "wait"
    answer(result, "failed")

    task.refresh_from_db()
    assert task.status == TaskStatus.FAILED


def test_the_sweep_finds_what_the_last_answer_could_not_do() -> None:
    """Whoever wrote the last answer may have died before it moved the task on."""
    passed, refused = waiting_task(), reach_another()
    RunTaskResult.objects.filter(task=passed).close(ResultStatus.PASSED, "")
    RunTaskResult.objects.filter(task=refused).close(ResultStatus.FAILED, "no")

    assert RunTaskGate().review(open_stage(passed)) == "open"
    answered = RunTaskGate().review(open_stage(refused))
    assert isinstance(answered, Refused)
    assert "ended as failed: no" in answered.reason


def test_the_sweep_asks_the_batch_that_was_forgotten() -> None:
    task = a_running_task()
    attach(task, run_task__name="first")
    attach(task, run_task__name="second", priority=1)
    reach(task)
    RunTaskResult.objects.filter(run_task_name="first").close(ResultStatus.PASSED, "")

    assert RunTaskGate().review(open_stage(task)) == "wait"

    assert results_of(task)["second"].requested_at is not None


def test_the_sweep_asks_little_about_a_gate_whose_answer_is_awaited(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    """Hundreds of tasks may wait for an hour, and the sweep comes to each every two seconds."""
    gate = open_stage(waiting_task())

    with django_assert_num_queries(1):
        assert RunTaskGate().review(gate) == "wait"


def reach_another() -> WorkspaceTask:
    task = a_running_task(name="other")
    attach(task)
    return reach(task)


def test_a_gate_that_is_closed_is_left_alone() -> None:
    task = waiting_task()
    gate = open_stage(task)
    refuse_gate(gate, "somebody else's no")

    assert RunTaskGate().review(gate) == "wait"
    answer(result_of(task))

    task.refresh_from_db()
    assert (task.status, task.error_message) == ("failed", "somebody else's no")


@pytest.mark.parametrize("stage", BLOCKING)
def test_a_cancelled_gate_leaves_nothing_open(stage: str) -> None:
    """RTCANCEL, C5b: what is open ends as error, and its token with it."""
    task = waiting_task(stage=stage)
    attach(task, stage=stage)
    gate = open_stage(task)

    RunTaskGate().abandon(gate, "wrong branch")

    result = result_of(task)
    assert (result.status, result.access_token) == ("error", None)
    assert result.message == "The task was cancelled: wrong branch"
    assert result.completed_at is not None
    TaskStage.objects.filter(pk=gate.pk).update(status="cancelled")
    assert RunTaskGate().review(gate) == "wait"


def test_a_gate_of_another_name_is_nobodys() -> None:
    assert not RunTaskGate().applies(waiting_task(), "fetching")


def test_many_run_tasks_take_few_queries_each(
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    task = a_running_task()
    for number in range(50):
        attach(task, run_task__name=f"check-{number}")
    with django_assert_max_num_queries(50 * 7 + 80):
        reach(task)

    assert RunTaskResult.objects.filter(task=task, requested_at__isnull=False).count() == 50


def test_global_and_attached_run_tasks_are_asked_together() -> None:
    EngineVersionFactory.create(default=True, version="1.9.5")
    task = a_running_task()
    RunTaskFactory.create(
        name="everywhere", is_global=True, global_enforcement_level="mandatory", global_priority=2
    )
    AttachmentFactory.create(workspace=task.workspace, run_task__name="here", priority=3)
    reach(task)

    result = results_of(task)["everywhere"]
    assert (result.enforcement_level, result.priority) == ("mandatory", 2)
    assert result.workspace_run_task is None
    assert results_of(task)["here"].requested_at is None
