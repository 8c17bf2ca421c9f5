"""A running platform with run tasks: two stage slots, and a delivery worker that comes and goes."""

import itertools
import json
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import psycopg

from iacplatform.embedded.client import JSON, PlatformClient
from iacplatform.embedded.engine import write_archive
from iacplatform.embedded.stack import MANAGE, is_ready, running_stack
from tests.system.configurations import resources
from tests.system.platform import SETTINGS, Platform, TaskUnderTest, WorkspaceUnderTest, wait_until

STAGE_SLOTS = 2
# How long a service may take here: many of them never answer.
WEBHOOK_SECONDS = 3
# For tests of many tasks, which are about gates and not about plans: it makes one resource, at once, and
# notes by task what it was started for.
QUICK_ENGINE = """#!/bin/sh
echo "$1" >> "{calls}/${{PWD##*/}}"
case "$1" in
  plan) echo a plan > plan.out; echo "Plan: 1 to add" ;;
  show) echo '{plan}' ;;
  apply) echo '{state}' > terraform.tfstate ;;
esac
"""
PLAN = {
    "format_version": "1.2",
    "resource_changes": [
        {
            "address": "terraform_data.one",
            "mode": "managed",
            "type": "terraform_data",
            "name": "one",
            "change": {"actions": ["create"], "before": None, "after": {"input": "1"}},
        }
    ],
}
STATE = {"version": 4, "serial": 1, "lineage": "quick", "outputs": {}, "resources": []}
_numbers = itertools.count(1)


@dataclass
class RunTaskPlatform(Platform):
    """A platform and what tests of run tasks do with it."""

    database: psycopg.Connection[Any] = field(kw_only=True)

    def sql(self, query: str, *values: Any) -> list[Any]:
        """Runs a statement in the platform's database, on one connection: tests ask often."""
        cursor = self.database.execute(query, values)
        return cursor.fetchall() if cursor.description else []

    @cached_property
    def quick_engine(self) -> JSON:
        """An engine that takes no time."""
        self._engine_calls.mkdir()
        script = QUICK_ENGINE.format(
            calls=self._engine_calls, plan=json.dumps(PLAN), state=json.dumps(STATE)
        )
        archive = self.directory / "quick-engine.zip"
        engine = {"engine": "terraform", "version": "0.0.1"}
        checksum = write_archive(archive, script.encode())
        body = engine | {"download_url": archive.as_uri(), "checksum": checksum}
        self.client.post("/engine-versions", body)
        return engine

    def engine_calls(self, task_id: int) -> list[str]:
        """What the quick engine was started for by a task: ``init``, ``plan``, ``show``, ``apply``."""
        return (self._engine_calls / str(task_id)).read_text().split()

    @property
    def _engine_calls(self) -> Path:
        return self.directory / "engine-calls"

    def run_task(self, url: str, **fields: Any) -> JSON:
        """A RunTask with a name of its own, which is not tried when it is saved."""
        name = f"check-{next(_numbers)}-{time.time_ns()}"
        body = {"name": name, "endpoint_url": url, "verify": False} | fields
        return self.client.post("/run-tasks", body)

    def checked(
        self,
        *run_tasks: JSON,
        stage: str = "post_plan",
        engine: JSON | None = None,
        **fields: Any,
    ) -> "Checked":
        """A workspace that asks these RunTasks at a stage, and applies what it plans."""
        options = {"engine_version": engine} if engine else {}
        made = self.workspace(resources(one="1"), auto_apply=True, **options)
        workspace = Checked(self, made.workspace_id)
        for run_task in run_tasks:
            workspace.attach(run_task, stage, **fields)
        return workspace

    def kill_delivery(self) -> None:
        """Kills what sends webhooks, in the middle of whatever it does."""
        children = self.stack.supervisor.children
        for child in [child for child in children if child.name == "delivery"]:
            os.killpg(child.process.pid, signal.SIGKILL)
            child.process.wait()
            children.remove(child)

    def start_delivery(self) -> None:
        """Starts what sends webhooks again."""
        log = self.directory / "delivery.log"
        log.unlink(missing_ok=True)
        command = [*MANAGE, "worker", "delivery"]
        self.stack.supervisor.start("delivery", command, ready=lambda: is_ready(log))

    def waiting(self, *tasks: TaskUnderTest) -> int:
        """How many of these tasks wait at a gate."""
        query = (
            "SELECT count(*) FROM workspaces_taskstage"
            " WHERE status = 'waiting' AND name LIKE '%%_run_tasks' AND task_id = ANY(%s)"
        )
        [(count,)] = self.sql(query, [task.task_id for task in tasks])
        return int(count)

    def open_results(self, *tasks: TaskUnderTest) -> int:
        """How many results of these tasks have not ended."""
        query = (
            "SELECT count(*) FROM runtasks_runtaskresult"
            " WHERE status IN ('pending', 'running') AND task_id = ANY(%s)"
        )
        [(count,)] = self.sql(query, [task.task_id for task in tasks])
        return int(count)

    def statuses(self, tasks: list[TaskUnderTest]) -> dict[str, int]:
        """How many of these tasks have which status."""
        query = (
            "SELECT status, count(*) FROM workspaces_workspacetask WHERE id = ANY(%s)"
            " GROUP BY status"
        )
        return dict(self.sql(query, [task.task_id for task in tasks]))

    def _work_root(self) -> Path:
        return self.directory / "data" / "work"

    def tokens(self) -> int:
        """How many results of all tasks that have ended still have a token."""
        query = (
            "SELECT count(*) FROM runtasks_runtaskresult WHERE access_token IS NOT NULL"
            " AND status NOT IN ('pending', 'running')"
        )
        [(count,)] = self.sql(query)
        return int(count)


class Checked(WorkspaceUnderTest):
    """A workspace with run tasks."""

    def attach(self, run_task: JSON, stage: str = "post_plan", **fields: Any) -> JSON:
        """Asks a RunTask at a stage: ``mandatory`` unless the fields say otherwise."""
        body = {
            "run_task_id": run_task["run_task_id"],
            "stage": stage,
            "enforcement_level": "mandatory",
        }
        return self.post("/run-tasks", body | fields)

    def start_and_wait_at_gate(self) -> TaskUnderTest:
        """A new task that has reached its first gate."""
        task = self.start()
        platform = self.platform
        assert isinstance(platform, RunTaskPlatform)
        wait_until(lambda: platform.waiting(task) == 1, f"task {task.task_id} waits at a gate")
        return task


def results(task: TaskUnderTest) -> dict[str, JSON]:
    """The results of a task by the names of their RunTasks; fails where two have one name."""
    rows = task.get("/run-task-results", page_size=100)["items"]
    found = {row["run_task_name"]: row for row in rows}
    assert len(found) == len(rows)
    return found


def only_result(task: TaskUnderTest) -> JSON:
    """The result of a task that has one."""
    [result] = results(task).values()
    return result


@contextmanager
def start_run_task_platform(directory: Path) -> Iterator[RunTaskPlatform]:
    """Starts a platform for tests of run tasks; stops everything at the end."""
    settings = SETTINGS | {
        "RUN_TASK_WEBHOOK_WAITS": "0.2",
        "RUN_TASK_WEBHOOK_TIMEOUT_SECONDS": f"{WEBHOOK_SECONDS}",
        "OUTBOX_DESTINATION_CONCURRENCY": "50",
    }
    with running_stack(
        directory, lambda _: nullcontext(), durable=False, slots=STAGE_SLOTS, settings=settings
    ) as stack:
        client = PlatformClient(stack.base_url, stack.token)
        url = stack.environment["DATABASE_URL"]
        with psycopg.connect(url, autocommit=True) as database:
            yield RunTaskPlatform(stack, client, directory, database=database)
