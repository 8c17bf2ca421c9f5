"""``python -m tests.triggers.forks``: processes that die at every statement, or do the same at once.

They are forked from one that has loaded everything and holds no connection. ``die fire`` and ``die apply
TASK`` kill a process at its first statement, the next one at its second, and so on, until one lives; before
and after each COMMIT counts, too. ``together COUNT`` lets so many fire at the same moment.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from itertools import count
from typing import Any
from urllib.parse import urlsplit

import django
from django.db import connection

from iacplatform.embedded.stack import PROJECT

SETTINGS = "iacplatform.settings.test"  # without a pool, which no fork may share
HEAD_START_SECONDS = 0.3


def run(*arguments: object) -> int:
    """Runs this module against the tests' database; returns how many processes died, or fired."""
    result = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "tests.triggers.forks", *map(str, arguments)],
        env={**os.environ, **environment()},
        capture_output=True,
        text=True,
        check=False,
        cwd=PROJECT,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return int(result.stdout.splitlines()[-1])


def environment() -> dict[str, str]:
    """What makes a process work on the tests' database."""
    url = urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{connection.settings_dict['NAME']}")
    return {
        "DATABASE_URL": url.geturl(),
        "DJANGO_SETTINGS_MODULE": SETTINGS,
        "PYTHONPATH": str(PROJECT),
        "LOG_LEVEL": "ERROR",
    }


def _fork(act: Callable[[], object]) -> int:
    """Does something in a process of its own; returns its id."""
    connection.close()
    pid = os.fork()
    if pid:
        return pid
    try:
        act()
        os._exit(0)
    finally:
        os._exit(1)


def _die_at(place: int, act: Callable[[], object]) -> None:
    """Kills this process at the ``place``-th statement, or end of a transaction, of ``act``."""
    passed = count(1)

    def pass_by() -> None:
        if next(passed) == place:
            os.kill(os.getpid(), signal.SIGKILL)

    def passing(execute: Any, *arguments: Any) -> Any:
        pass_by()
        return execute(*arguments)

    connection.ensure_connection()
    commit = connection._commit  # type: ignore[attr-defined]

    def committing() -> None:
        pass_by()
        commit()
        pass_by()

    connection._commit = committing  # type: ignore[attr-defined]
    with connection.execute_wrapper(passing):
        act()


def die(act: Callable[[], object], check: Callable[[], None] | None = None) -> int:
    """Kills one process after the other, each a little later; returns how many died."""
    for deaths in count():
        _, status = os.waitpid(_fork(partial(_die_at, deaths + 1, act)), 0)
        (check or _check_all_or_nothing)()
        if not os.WIFSIGNALED(status):
            assert os.WEXITSTATUS(status) == 0
            return deaths
    raise AssertionError


def together(processes: int, act: Callable[[], object]) -> int:
    """Does the same in many processes at once; returns how many did not fail."""
    begin = time.monotonic() + HEAD_START_SECONDS

    def wait_and_act() -> None:
        connection.ensure_connection()
        time.sleep(max(0.0, begin - time.monotonic()))
        act()

    pids = [_fork(wait_and_act) for _ in range(processes)]
    return [os.waitpid(pid, 0)[1] for pid in pids].count(0)


def _check_all_or_nothing() -> None:
    """Whatever was killed: a triggered task is there with its executions, or neither is."""
    from triggers.models import TaskTriggerExecution  # noqa: PLC0415  # Django is set up by now
    from workspaces.models import WorkspaceTask  # noqa: PLC0415

    executions = TaskTriggerExecution.objects.exclude(target_task=None)
    assert all(each.status == "triggered" for each in executions)
    made = WorkspaceTask.objects.filter(description__startswith="Triggered by")
    assert set(made.values_list("pk", flat=True)) == {each.target_task_id for each in executions}
    for task in made:
        assert task.snapshot is not None
        assert task.transitions.filter(to_status="pending").count() == 1


def _end_of_apply(task_id: int) -> Callable[[], object]:
    """What a worker does when the state of an apply is saved: closes the stage, which ends the task."""
    from executor.core.outcome import SavedStateOutput, StageOutcome  # noqa: PLC0415
    from executor.pipeline import close_stage  # noqa: PLC0415
    from tests.domain import claimed  # noqa: PLC0415
    from workspaces.models import WorkspaceTask  # noqa: PLC0415

    claim = claimed(WorkspaceTask.objects.get(pk=task_id))
    outcome = StageOutcome("done", output=SavedStateOutput(version=1))
    return lambda: close_stage(claim, outcome)


def main(verb: str, *arguments: str) -> int:
    """Does what the command line says."""
    django.setup()
    from triggers.services.firing import fire_due  # noqa: PLC0415

    if verb == "together":
        return together(int(arguments[0]), fire_due)
    if arguments[0] == "apply":
        return die(_end_of_apply(int(arguments[1])))
    return die(fire_due)


if __name__ == "__main__":
    print(main(*sys.argv[1:]))  # noqa: T201
