"""Each stage, enforcement level and way in which a service can behave, with real workers and sockets."""

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

import pytest

from iacplatform.embedded.client import JSON
from tests.system.platform import TaskUnderTest, wait_until
from tests.system.run_task_service import (
    Exchange,
    RunTaskService,
    accepts,
    fails,
    passes,
)
from tests.system.run_tasks import RunTaskPlatform, results

pytestmark = pytest.mark.timeout(240)
BLOCKING = ("pre_plan", "post_plan", "pre_apply")
STAGES = (*BLOCKING, "post_apply")
# The last stage that a task has when it fails at a gate: nothing behind the gate was begun (C6).
LAST = {stage: f"{stage}_run_tasks" for stage in STAGES}
NOBODY_LISTENS = "http://127.0.0.1:9/hook"
UNDELIVERED = "The webhook could not be delivered: "
LATE = f"{UNDELIVERED}127.0.0.1 did not answer within 30 s"
HUGE = b"x" * 30 * 1024**2


def refuses(exchange: Exchange) -> None:
    exchange.answer(500, b"no")


def hangs(exchange: Exchange) -> None:
    exchange.service.over.wait()


def refuses_once(exchange: Exchange) -> None:
    earlier = exchange.service.received("refuses-once")
    asked = [hook for hook in earlier if hook.result_id == exchange.hook.result_id]
    (refuses if len(asked) == 1 else passes)(exchange)


def drips(exchange: Exchange) -> None:
    exchange.begin(200, {"Content-Length": "1000"})
    with suppress(ConnectionError):
        while not exchange.service.over.wait(0.5):
            exchange.handler.wfile.write(b".")


def redirects(exchange: Exchange) -> None:
    exchange.answer(307, headers={"Location": f"{exchange.service.url}/behind-the-redirect"})


def says_much(exchange: Exchange) -> None:
    exchange.answer(200, HUGE)
    exchange.hook.call_back("passed")


@dataclass(frozen=True)
class Case:
    """How a service behaves, how its result ends, and what the result says then."""

    behaviour: Callable[[Exchange], None] | None
    ends: str
    message: str = ""


CASES = {
    "passes": Case(passes, "passed", "fine"),
    "fails": Case(fails, "failed", "not allowed here"),
    "refuses": Case(refuses, "error", f"{UNDELIVERED}The service answered 500"),
    "is-silent": Case(accepts, "timeout", "No progress update received within timeout period"),
    "hangs": Case(hangs, "error", LATE),
    "is-not-there": Case(
        None, "error", f"{UNDELIVERED}127.0.0.1:9 cannot be connected: Connection refused"
    ),
    "refuses-once": Case(refuses_once, "passed", "fine"),
    "drips": Case(drips, "error", LATE),
    "redirects": Case(redirects, "error", f"{UNDELIVERED}The service answered 307"),
    "says-much": Case(says_much, "passed"),
}
PASSING = [name for name, case in CASES.items() if case.ends == "passed"]
UNSUCCESSFUL = [name for name, case in CASES.items() if case.ends != "passed"]


@dataclass(frozen=True)
class Asked:
    """A task that asks some of the cases at a stage."""

    stage: str
    level: str
    names: list[str]
    task: TaskUnderTest

    @property
    def fails(self) -> bool:
        """Whether the task may not go on."""
        unsuccessful = any(CASES[name].ends != "passed" for name in self.names)
        return self.level == "mandatory" and self.stage in BLOCKING and unsuccessful


@pytest.fixture
def run_tasks(run_task_platform: RunTaskPlatform, service: RunTaskService) -> dict[str, JSON]:
    """A RunTask for each case, named for it."""
    stamp = time.time_ns()
    service.address("behind-the-redirect", passes)
    return {
        name: run_task_platform.run_task(
            service.address(name, case.behaviour) if case.behaviour else NOBODY_LISTENS,
            name=f"{name}-{stamp}",
        )
        for name, case in CASES.items()
    }


def ask_all(platform: RunTaskPlatform, run_tasks: dict[str, JSON]) -> list[Asked]:
    """Starts a task for whatever must not be in one with others, because it ends it."""
    groups = [(stage, "advisory", list(CASES)) for stage in STAGES]
    groups += [(stage, "mandatory", PASSING) for stage in BLOCKING]
    groups += [(stage, "mandatory", [name]) for stage in BLOCKING for name in UNSUCCESSFUL]
    groups.append(("post_apply", "mandatory", list(CASES)))
    return [
        Asked(
            stage,
            level,
            names,
            platform.checked(
                *[run_tasks[name] for name in names], stage=stage, enforcement_level=level
            ).start(),
        )
        for stage, level, names in groups
    ]


def lapse(platform: RunTaskPlatform, run_task: JSON) -> None:
    """Ends the time without progress of those that have accepted."""
    platform.sql(
        "UPDATE runtasks_runtaskresult SET timeout_at = now()"
        " WHERE status = 'running' AND run_task_name = %s",
        run_task["name"],
    )


def test_every_stage_level_and_behaviour(
    run_task_platform: RunTaskPlatform, service: RunTaskService, run_tasks: dict[str, JSON]
) -> None:
    """C3a, C3b, C3c, C6, H3, F37, M10, O4: eighty results, all at once."""
    platform = run_task_platform
    platform.stop_delivery()
    asked = ask_all(platform, run_tasks)
    tasks = [each.task for each in asked]
    assert sum(len(each.names) for each in asked) == len(STAGES) * 2 * len(CASES)
    wait_until(lambda: platform.waiting(*tasks) == len(tasks), "all wait at their gates", 150)
    # Half a minute is enough for who never answers: once.
    platform.sql(
        "UPDATE common_outboxentry SET max_attempts = 1 WHERE destination = ANY(%s)",
        [run_tasks[name]["run_task_id"] for name in ("hangs", "drips")],
    )

    platform.start_delivery()

    def nothing_is_open() -> bool:
        lapse(platform, run_tasks["is-silent"])
        return platform.open_results(*tasks) == 0

    wait_until(nothing_is_open, "all results have ended")
    wait_until(lambda: platform.waiting(*tasks) == 0, "no task waits any more")
    for each in asked:
        check_results(each)
        check_task(each)
    assert service.received("behind-the-redirect") == []
    assert platform.tokens() == 0


def check_results(asked: Asked) -> None:
    found = {name.rpartition("-")[0]: row for name, row in results(asked.task).items()}

    assert set(found) == set(asked.names), asked
    for name, row in found.items():
        case = CASES[name]
        assert (row["status"], row["message"]) == (case.ends, case.message), (asked, name)
        assert (row["stage"], row["enforcement_level"]) == (asked.stage, asked.level)


def check_task(asked: Asked) -> None:
    task = asked.task
    status = task.wait()
    detail = task.get()
    gate = next(row for row in detail["stages"] if row["name"] == LAST[asked.stage])
    if asked.fails:
        assert (status, detail["stages"][-1]) == ("failed", gate), asked
        assert detail["error_message"].startswith(f"Mandatory run task {asked.names[0]}"), asked
        assert not task.workspace.get()["is_locked"]
        return
    assert (status, gate["status"]) == ("applied", "done"), asked
    warned = [name for name in UNSUCCESSFUL if name in asked.names]
    assert all(f"{name}-" in gate["message"] for name in warned), asked
    assert bool(gate["message"]) is bool(warned)
