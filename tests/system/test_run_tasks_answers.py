"""Answers that come earlier or later than one would think."""

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.system.platform import TaskUnderTest, wait_until
from tests.system.run_task_service import Exchange, Hook, RunTaskService, accepts
from tests.system.run_tasks import RunTaskPlatform, only_result, results

OUTCOME = {
    "type": "task-result-outcomes",
    "attributes": {
        "outcome-id": "POL-1",
        "description": "Buckets are private",
        "body": "**All** of them.",
        "tags": {"Status": [{"label": "Passed", "level": "info"}]},
    },
}


@pytest.mark.parametrize("status", [200, 500])
def test_a_callback_may_come_before_the_webhook_is_answered(
    run_task_platform: RunTaskPlatform, service: RunTaskService, status: int
) -> None:
    """F33: the plan is served while the webhook is open; an answer that counts is asked for no more."""
    seen: list[Any] = []

    def looks_and_passes(exchange: Exchange) -> None:
        plan = exchange.hook.fetch("plan_json_api_url").json()
        seen.extend(change["address"] for change in plan["resource_changes"])
        changes = exchange.hook.fetch("resource_changes_url").json()["resource_changes"]
        seen.extend(change["resource_address"] for change in changes)
        answer = exchange.hook.call_back("passed", "quick", outcomes={"data": [OUTCOME]})
        seen.append(answer.status_code)
        time.sleep(0.5)
        exchange.answer(status)

    url = service.address("quick", looks_and_passes)
    task = run_task_platform.checked(run_task_platform.run_task(url)).start()

    assert task.wait() == "applied"
    assert seen == ["terraform_data.one", "terraform_data.one", 200]
    result = only_result(task)
    assert (result["status"], result["message"]) == ("passed", "quick")
    assert [each["outcome_id"] for each in result["outcomes"]] == ["POL-1"]
    time.sleep(0.5)
    assert len(service.received("quick")) == 1


def a_waiting_task(
    platform: RunTaskPlatform, service: RunTaskService, stage: str, level: str = "mandatory"
) -> tuple[TaskUnderTest, Hook]:
    """A task at a gate, and the webhook that its service has accepted."""
    name = f"accepts-{stage}-{level}"
    url = service.address(name, accepts)
    workspace = platform.checked(
        platform.run_task(url), stage=stage, enforcement_level=level, engine=platform.quick_engine
    )
    task = workspace.start_and_wait_at_gate()
    wait_until(lambda: is_running(task), "the service has accepted")
    return task, service.received(name)[0]


def assert_too_late(platform: RunTaskPlatform, task: TaskUnderTest, hook: Hook) -> None:
    """Nothing that the service says or asks is taken, and nothing of what is there changes."""
    before = only_result(task)
    for status in ("running", "passed", "failed"):
        assert hook.call_back(status, "sorry, late").status_code == 410
    if "plan_json_api_url" in hook.payload:
        assert hook.fetch("plan_json_api_url").status_code == 410
        assert hook.fetch("resource_changes_url").status_code == 410
    assert only_result(task) == before
    assert platform.tokens() == 0


@pytest.mark.parametrize("stage", ["pre_plan", "post_plan", "pre_apply"])
def test_a_callback_after_the_cancellation_is_too_late(
    run_task_platform: RunTaskPlatform, service: RunTaskService, stage: str
) -> None:
    """RTCANCEL, C5b: waiting ends at once, the task is cancelled and not failed."""
    task, hook = a_waiting_task(run_task_platform, service, stage)

    task.workspace.post(f"/tasks/{task.task_id}/cancel", {"reason": "wrong branch"})

    assert task.wait(seconds=3) == "cancelled"
    result = only_result(task)
    assert (result["status"], result["message"]) == (
        "error",
        "The task was cancelled: wrong branch",
    )
    assert_too_late(run_task_platform, task, hook)
    assert task.status == "cancelled"
    assert not task.workspace.get()["is_locked"]


def test_a_callback_after_the_time_out_is_too_late(
    run_task_platform: RunTaskPlatform, service: RunTaskService
) -> None:
    """C5b, M10."""
    task, hook = a_waiting_task(run_task_platform, service, "post_plan")

    let_time_run_out(run_task_platform, task, hook)

    assert task.wait(seconds=10) == "failed"
    assert only_result(task)["status"] == "timeout"
    assert_too_late(run_task_platform, task, hook)


def test_a_callback_after_the_override_is_too_late(
    run_task_platform: RunTaskPlatform, service: RunTaskService
) -> None:
    """F33."""
    task, hook = a_waiting_task(run_task_platform, service, "post_plan", "advisory")

    override(run_task_platform, task, hook)

    assert task.wait() == "applied"
    result = only_result(task)
    assert (result["status"], result["override_by"]) == ("overridden", "admin")
    assert "seen by hand" in result["message"]
    assert_too_late(run_task_platform, task, hook)


def test_heartbeats_keep_a_result_alive_for_longer_than_its_time_without_progress(
    run_task_platform: RunTaskPlatform, service: RunTaskService
) -> None:
    """F32: with a second where a minute is the least that may be configured, and four for all."""
    platform = run_task_platform
    over = threading.Event()

    def shorten(hook: Hook) -> None:
        platform.sql(
            "UPDATE runtasks_runtaskresult SET timeout_seconds = 1 WHERE result_id = %s",
            hook.result_id,
        )

    def works_for_long(exchange: Exchange) -> None:
        shorten(exchange.hook)
        exchange.answer()
        for percent in range(0, 100, 10):
            assert exchange.hook.call_back("running", f"{percent} %").status_code == 200
            time.sleep(0.4)
        assert exchange.hook.call_back("passed", "done").status_code == 200

    def falls_silent(exchange: Exchange) -> None:
        shorten(exchange.hook)
        exchange.answer()
        exchange.hook.call_back("running", "just begun")

    def never_ends(exchange: Exchange) -> None:
        shorten(exchange.hook)
        platform.sql(
            "UPDATE runtasks_runtaskresult SET max_run_timeout_at = now() + interval '4 seconds'"
            " WHERE result_id = %s",
            exchange.hook.result_id,
        )
        exchange.answer()
        while exchange.hook.call_back("running", "nearly there").status_code == 200:
            time.sleep(0.4)
        over.set()

    behaviours = {"long": works_for_long, "silent": falls_silent, "endless": never_ends}
    run_tasks = {
        name: platform.run_task(service.address(name, behaviour))
        for name, behaviour in behaviours.items()
    }
    task = platform.checked(
        *run_tasks.values(), enforcement_level="advisory", engine=platform.quick_engine
    ).start()

    assert task.wait() == "applied"
    assert over.wait(10)
    found = results(task)
    said = {
        name: (found[run_task["name"]]["status"], found[run_task["name"]]["message"])
        for name, run_task in run_tasks.items()
    }
    assert said == {
        "long": ("passed", "done"),
        "silent": ("timeout", "No progress update received within timeout period"),
        "endless": ("timeout", "Maximum run time exceeded"),
    }


def let_time_run_out(platform: RunTaskPlatform, task: TaskUnderTest, _: Hook) -> None:
    platform.sql(
        "UPDATE runtasks_runtaskresult SET timeout_at = now() WHERE task_id = %s", task.task_id
    )


def override(_: RunTaskPlatform, task: TaskUnderTest, __: Hook) -> None:
    task.workspace.post(f"/tasks/{task.task_id}/override-run-tasks", {"comment": "seen by hand"})


def call_back(_: RunTaskPlatform, __: TaskUnderTest, hook: Hook) -> None:
    assert hook.call_back("passed").status_code == 200


@pytest.mark.parametrize("end", [call_back, override, let_time_run_out])
def test_a_task_goes_on_within_200_ms_of_its_last_result(
    run_task_platform: RunTaskPlatform,
    service: RunTaskService,
    end: Callable[[RunTaskPlatform, TaskUnderTest, Hook], None],
) -> None:
    """The quickest of three counts: others may have the machine's processors."""
    platform = run_task_platform
    url = service.address("accepts", accepts)
    run_task = platform.run_task(url)
    workspace = platform.checked(
        run_task, enforcement_level="advisory", engine=platform.quick_engine
    )
    tasks = {task.task_id: task for task in [workspace.start("plan_only") for _ in range(3)]}
    wait_until(lambda: len(service.received("accepts")) == len(tasks), "all are asked")
    wait_until(lambda: all(is_running(task) for task in tasks.values()), "it has accepted all")

    for hook in service.received("accepts"):
        end(platform, tasks[hook.task_id], hook)

    assert [task.wait() for task in tasks.values()] == ["success"] * len(tasks)
    [(seconds,)] = platform.sql(
        "SELECT min(extract(epoch FROM gate.finished_at - result.completed_at))"
        " FROM workspaces_taskstage AS gate"
        " JOIN runtasks_runtaskresult AS result ON result.gate_id = gate.id"
        " WHERE gate.task_id = ANY(%s)",
        list(tasks),
    )
    assert seconds < 0.2


def is_running(task: TaskUnderTest) -> bool:
    return bool(only_result(task)["status"] == "running")


def test_the_last_of_several_answers_moves_the_task_on(
    run_task_platform: RunTaskPlatform, service: RunTaskService
) -> None:
    """Six services answer at the same moment: one of them is the last."""
    together = threading.Barrier(6)

    def passes_with_the_others(exchange: Exchange) -> None:
        exchange.answer()
        together.wait(timeout=60)
        exchange.hook.call_back("passed")

    platform = run_task_platform
    url = service.address("together", passes_with_the_others)
    run_tasks = [platform.run_task(url) for _ in range(6)]
    workspace = platform.checked(*run_tasks, engine=platform.quick_engine)

    tasks = [workspace.start("plan_only") for _ in range(4)]

    assert [task.wait() for task in tasks] == ["success"] * len(tasks)
    assert platform.tokens() == 0
