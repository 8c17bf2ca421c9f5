"""Each stage, enforcement level and way in which a service can behave, with real workers and sockets."""

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass

import pytest

from iacplatform.embedded.client import JSON
from tests.system.platform import FINAL, TaskUnderTest, wait_until
from tests.system.run_task_service import (
    Behaviour,
    Exchange,
    RunTaskService,
    accepts,
    fails,
    passes,
)
from tests.system.run_tasks import WEBHOOK_SECONDS, RunTaskPlatform, results

pytestmark = pytest.mark.timeout(240)
BLOCKING = ("pre_plan", "post_plan", "pre_apply")
STAGES = (*BLOCKING, "post_apply")
# Whether the engine was started for a plan, and for an apply, when a stage is reached (C6).
ENGINE = {
    "pre_plan": (False, False),
    "post_plan": (True, False),
    "pre_apply": (True, False),
    "post_apply": (True, True),
}
Seen = dict[tuple[int, str], tuple[bool, bool]]
NOBODY_LISTENS = "http://127.0.0.1:9/hook"
UNDELIVERED = "The webhook could not be delivered: "
LATE = f"{UNDELIVERED}127.0.0.1 did not answer within {WEBHOOK_SECONDS} s"
HUGE = b"x" * 30 * 1024**2


def refuses(exchange: Exchange) -> None:
    exchange.answer(500, exchange.hook.body)


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

    behaviour: Behaviour | None
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
def seen() -> Seen:
    """What the engine had been started for when a task's first webhook of a stage came."""
    return {}


@pytest.fixture
def run_tasks(
    run_task_platform: RunTaskPlatform, service: RunTaskService, seen: Seen
) -> dict[str, JSON]:
    """A RunTask for each case, named for it."""
    stamp = time.time_ns()
    service.address("behind-the-redirect", passes)

    def noting(behaviour: Behaviour) -> Behaviour:
        def note(exchange: Exchange) -> None:
            hook = exchange.hook
            engine = started(run_task_platform, hook.task_id)
            seen.setdefault((hook.task_id, hook.payload["stage"]), engine)
            behaviour(exchange)

        return note

    return {
        name: run_task_platform.run_task(
            service.address(name, noting(case.behaviour)) if case.behaviour else NOBODY_LISTENS,
            name=f"{name}-{stamp}",
        )
        for name, case in CASES.items()
    }


def started(platform: RunTaskPlatform, task_id: int) -> tuple[bool, bool]:
    """Whether the engine was started for the task's plan, and for its apply."""
    calls = platform.engine_calls(task_id)
    return "plan" in calls, "apply" in calls


def ask_all(platform: RunTaskPlatform, run_tasks: dict[str, JSON]) -> list[Asked]:
    """Starts a task for whatever must not be in one with others, because it ends it."""
    groups = [(stage, "mandatory", [name]) for stage in BLOCKING for name in UNSUCCESSFUL]
    groups += [(stage, "mandatory", PASSING) for stage in BLOCKING]
    groups += [(stage, "advisory", list(CASES)) for stage in STAGES]
    groups.append(("post_apply", "mandatory", list(CASES)))
    engine = platform.quick_engine

    def ask(group: tuple[str, str, list[str]]) -> Asked:
        stage, level, names = group
        found = [run_tasks[name] for name in names]
        workspace = platform.checked(*found, stage=stage, enforcement_level=level, engine=engine)
        return Asked(stage, level, names, workspace.start())

    with ThreadPoolExecutor(4) as pool:
        return list(pool.map(ask, groups))


def lapse(platform: RunTaskPlatform, run_task: JSON) -> None:
    """Ends the time without progress of those that have accepted."""
    platform.sql(
        "UPDATE runtasks_runtaskresult SET timeout_at = now()"
        " WHERE status = 'running' AND run_task_name = %s",
        run_task["name"],
    )


def test_every_stage_level_and_behaviour(
    run_task_platform: RunTaskPlatform,
    service: RunTaskService,
    run_tasks: dict[str, JSON],
    seen: Seen,
) -> None:
    """C3a, C3b, C3c, C5a, C6, H3, F37, M10, O4: eighty results, all at once."""
    platform = run_task_platform
    asked = ask_all(platform, run_tasks)
    tasks = [each.task for each in asked]
    assert sum(len(each.names) for each in asked) == len(STAGES) * 2 * len(CASES)

    def all_is_over() -> bool:
        lapse(platform, run_tasks["is-silent"])
        return not set(platform.statuses(tasks)) - FINAL and platform.open_results(*tasks) == 0

    wait_until(all_is_over, "all tasks and results have ended", 150)
    for each in asked:
        check_results(each)
        check_task(platform, each)
    assert {stage: engine for (_, stage), engine in seen.items()} == ENGINE
    assert all(ENGINE[stage] == engine for (_, stage), engine in seen.items())
    assert service.received("behind-the-redirect") == []
    assert platform.tokens() == 0
    assert_no_token_was_logged(platform, service)


def assert_no_token_was_logged(platform: RunTaskPlatform, service: RunTaskService) -> None:
    """C5a: not even where a service answers with what it was sent."""
    logs = b"".join(path.read_bytes() for path in platform.directory.glob("*.log"))
    assert b"outbound_answered" in logs
    tokens = {hook.payload["access_token"] for hooks in service.hooks.values() for hook in hooks}
    assert not any(token.encode() in logs for token in tokens)


def check_results(asked: Asked) -> None:
    found = {name.rpartition("-")[0]: row for name, row in results(asked.task).items()}

    assert set(found) == set(asked.names), asked
    for name, row in found.items():
        case = CASES[name]
        assert (row["status"], row["message"]) == (case.ends, case.message), (asked, name)
        assert (row["stage"], row["enforcement_level"]) == (asked.stage, asked.level)


def check_task(platform: RunTaskPlatform, asked: Asked) -> None:
    task = asked.task
    detail = task.get()
    [gate] = [row for row in detail["stages"] if row["name"] == f"{asked.stage}_run_tasks"]
    if asked.fails:
        assert (detail["status"], detail["stages"][-1]) == ("failed", gate), asked
        check_failure(platform, asked, detail["error_message"])
        return
    assert (detail["status"], gate["status"]) == ("applied", "done"), asked
    warned = [name for name in UNSUCCESSFUL if name in asked.names]
    assert all(f"{name}-" in gate["message"] for name in warned), asked
    assert bool(gate["message"]) is bool(warned)


def check_failure(platform: RunTaskPlatform, asked: Asked, error: str) -> None:
    """H3: by the whole failure path, and the engine is not started for what comes behind the gate."""
    task, workspace = asked.task, asked.task.workspace
    assert error.startswith(f"Mandatory run task {asked.names[0]}"), asked
    assert started(platform, task.task_id) == ENGINE[asked.stage], asked
    assert not workspace.get()["is_locked"], asked
    log = task.log("plan")
    assert "INIT END" in log, asked
    assert ("Plan: 1 to add" in log) is (asked.stage != "pre_plan"), asked
    directory = platform.work_directory(workspace.workspace_id, task.task_id)
    wait_until(lambda: not directory.exists(), f"{directory} is removed")
    moves = (
        "SELECT count(*) FROM workspaces_tasktransition WHERE task_id = %s AND to_status = 'failed'"
    )
    assert platform.sql(moves, task.task_id) == [(1,)], asked
