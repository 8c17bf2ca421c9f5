"""Many run tasks of one task, many tasks at their gates, and a worker that is killed among them."""

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from executor.management.commands.worker import SLOTS
from tests.system.configurations import resources
from tests.system.platform import wait_until
from tests.system.run_task_service import Exchange, Hook, RunTaskService, accepts, passes
from tests.system.run_tasks import STAGE_SLOTS, RunTaskPlatform, results

pytestmark = pytest.mark.timeout(240)
DELIVERY_SLOTS = SLOTS["delivery"]
UNTOUCHED = 4
AT_ONCE = 10
MANY = 50
GO_ON = 20


def test_fifty_run_tasks_of_one_stage_are_asked_side_by_side(
    run_task_platform: RunTaskPlatform, service: RunTaskService
) -> None:
    """None of them answers before ten are there."""
    together = threading.Barrier(AT_ONCE)

    def passes_in_company(exchange: Exchange) -> None:
        together.wait(timeout=60)
        passes(exchange)

    url = service.address("company", passes_in_company)
    platform = run_task_platform
    workspace = platform.checked(engine=platform.quick_engine)
    for _ in range(MANY):
        workspace.attach(platform.run_task(url))

    task = workspace.start()

    assert task.wait() == "applied"
    found = results(task)
    assert [row["status"] for row in found.values()] == ["passed"] * MANY
    asked = [hook.result_id for hook in service.received("company")]
    assert sorted(asked) == sorted(row["result_id"] for row in found.values())


@pytest.mark.parametrize("waiting", [40, pytest.param(200, marks=pytest.mark.large)])
def test_many_tasks_wait_at_gates_and_hold_no_slot(
    run_task_platform: RunTaskPlatform, service: RunTaskService, waiting: int
) -> None:
    """C6: with two slots, other tasks still run; then each goes on as it is told."""
    platform = run_task_platform
    url = service.address("patience", accepts)
    workspace = platform.checked(
        platform.run_task(url), stage="pre_plan", engine=platform.quick_engine
    )
    with ThreadPoolExecutor(4) as pool:
        tasks = list(pool.map(lambda _: workspace.start("plan_only"), range(waiting)))
    assert waiting > STAGE_SLOTS
    wait_until(lambda: platform.waiting(*tasks) == waiting, "all wait at their gates", 150)
    wait_until(lambda: len(service.received("patience")) == waiting, "the service has them all")

    assert platform.workspace(resources(one="1"), auto_apply=True).run().wait() == "applied"

    assert platform.waiting(*tasks) == waiting
    hooks = {hook.task_id: hook for hook in service.received("patience")}
    verdicts = {
        task.task_id: "passed" if number < GO_ON else "failed" for number, task in enumerate(tasks)
    }

    def answer(task_id: int) -> int:
        return hooks[task_id].call_back(verdicts[task_id]).status_code

    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(answer, verdicts)) == {200}
    assert platform.open_results(*tasks) == 0
    wait_until(lambda: "running" not in platform.statuses(tasks), "all have ended")
    assert platform.statuses(tasks) == {"success": GO_ON, "failed": waiting - GO_ON}
    assert platform.tokens() == 0


def test_a_worker_that_is_killed_amid_webhooks_loses_and_doubles_nothing(
    run_task_platform: RunTaskPlatform, service: RunTaskService
) -> None:
    """H2: each service is called, those in the middle again and about the same result."""
    platform = run_task_platform
    restarted = threading.Event()

    def passes_after_the_restart(exchange: Exchange) -> None:
        if restarted.is_set():
            return passes(exchange)
        restarted.wait(30)  # and forgets it, as the connection is gone
        return None

    urls = [
        service.address(f"nr-{number}", passes_after_the_restart)
        for number in range(DELIVERY_SLOTS + UNTOUCHED)
    ]
    run_tasks = [platform.run_task(url) for url in urls]
    task = platform.checked(*run_tasks, engine=platform.quick_engine).start()
    wait_until(lambda: len(called(service)) >= DELIVERY_SLOTS // 2, "some services are asked")

    platform.kill_delivery()
    in_the_middle = {hook.result_id for hook in called(service)}
    assert platform.waiting(task) == 1
    # What the dead worker held is free when its lease ends: that is now.
    platform.sql(
        "UPDATE common_outboxentry SET next_attempt_at = now() WHERE status = 'delivering'"
    )
    restarted.set()
    platform.start_delivery()

    assert task.wait() == "applied"
    found = results(task)
    assert [row["status"] for row in found.values()] == ["passed"] * len(urls)
    times = Counter(hook.result_id for hook in called(service))
    assert set(times) == {row["result_id"] for row in found.values()}
    assert {times[result_id] for result_id in in_the_middle} == {2}
    assert list(times.values()).count(1) >= UNTOUCHED
    [(moves,)] = platform.sql(
        "SELECT count(*) FROM workspaces_tasktransition WHERE task_id = %s AND to_status = 'apply_pending'",
        task.task_id,
    )
    assert moves == 1
    assert [row["name"] for row in task.get()["stages"]].count("post_plan_run_tasks") == 1


def called(service: RunTaskService) -> list[Hook]:
    """Everything that came in, at whatever address."""
    return [hook for hooks in service.hooks.values() for hook in hooks]
