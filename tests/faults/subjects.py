"""What a fault happens to: a task of a workspace of its own, seen through the rows and over REST."""

import contextlib
import itertools
import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.faults.cluster import Cluster
from tests.faults.configurations import Code, journaled
from tests.faults.waiting import PATIENCE_SECONDS, Violation, until
from workspaces.task_status import FINAL

_numbers = itertools.count(1)


def new_workspace(cluster: Cluster, code: Code | None = None, **fields: Any) -> str:
    """Creates a workspace that applies by itself what it plans; returns its id."""
    code = journaled(cluster.directory) if code is None else code
    name = f"fault-{next(_numbers)}-{time.time_ns()}"
    body = {"name": name, "tf_code": code, "auto_apply": True} | fields
    return str(cluster.client.post("/workspaces", body)["workspace_id"])


def start_task(cluster: Cluster, workspace_id: str, run_type: str = "plan_and_apply") -> "Subject":
    """Creates a task."""
    answer = cluster.client.post(f"/workspaces/{workspace_id}/tasks", {"run_type": run_type})
    return Subject(cluster, workspace_id, answer["id"])


@dataclass(frozen=True)
class StageRow:
    """A link of a task's chain as it is now."""

    id: int
    phase: str
    name: str
    status: str
    owner: str
    attempts: int


@dataclass(frozen=True)
class Subject:
    """A task, and what faults do with it."""

    cluster: Cluster
    workspace_id: str
    task_id: int

    def __str__(self) -> str:
        return f"task {self.task_id}"

    @property
    def path(self) -> str:
        """Its address below ``/api/v1``."""
        return f"/workspaces/{self.workspace_id}/tasks/{self.task_id}"

    def value(self, column: str) -> Any:
        """A column of the task's row."""
        query = f"SELECT {column} FROM workspaces_workspacetask WHERE id = %s"  # noqa: S608
        return self.cluster.sql(query, self.task_id)[0][0]

    @property
    def status(self) -> str:
        """Where the task stands."""
        return str(self.value("status"))

    def stages(self) -> list[StageRow]:
        """The chain so far."""
        rows = self.cluster.sql(
            "SELECT id, phase, name, status, owner, attempts FROM workspaces_taskstage "
            "WHERE task_id = %s ORDER BY position",
            self.task_id,
        )
        return [StageRow(*row) for row in rows]

    def stage(self, phase: str, name: str) -> StageRow | None:
        """A link of the chain, if it has come so far."""
        found = (row for row in self.stages() if (row.phase, row.name) == (phase, name))
        return next(found, None)

    def has_ended(self) -> bool:
        """Whether its status is a final one."""
        return self.status in FINAL

    def transitions(self, to_status: str) -> int:
        """How often it got a status."""
        query = (
            "SELECT count(*) FROM workspaces_tasktransition WHERE task_id = %s AND to_status = %s"
        )
        return int(self.cluster.sql(query, self.task_id, to_status)[0][0])

    def is_locked(self) -> bool:
        """Whether its workspace is locked, by whomever."""
        query = "SELECT is_locked FROM workspaces_workspace WHERE workspace_id = %s"
        return bool(self.cluster.sql(query, self.workspace_id)[0][0])

    def is_waiting(self) -> bool:
        """Whether it waits at a gate: behind its end, too."""
        return any(row.status == "waiting" for row in self.stages())

    def wait_for(
        self, condition: Callable[[], bool], what: str, seconds: float = PATIENCE_SECONDS
    ) -> float:
        """Waits until something holds of the task; raises ``Violation`` where it ends before."""
        took = until(lambda: condition() or self.status in FINAL, f"{self} {what}", seconds)
        if not condition():
            message = self.value("error_message")
            raise Violation(f"{self} {what}: it is {self.status} already: {message!r}")
        return took

    def wait_stage(self, phase: str, name: str, status: str = "running") -> StageRow:
        """Waits until a stage has this status."""

        def found() -> list[StageRow]:
            wanted = (phase, name, status)
            return [row for row in self.stages() if (row.phase, row.name, row.status) == wanted]

        self.wait_for(lambda: bool(found()), f"has {name} ({phase}) {status}")
        return found()[0]

    def wait_reached(self, place: str) -> None:
        """Waits until the task has passed a point."""
        points = self.cluster.points
        self.wait_for(lambda: points.is_reached(place, self.workspace_id), f"is at {place}")

    def wait_made(self, resources: int) -> None:
        """Waits until the engine has made so many resources and is at the next one."""
        self.wait_for(lambda: len(self.made()) >= resources, f"has made {resources} resources")

    def made(self) -> list[str]:
        """The resources that the engine has made for certain."""
        return self.cluster.journal.whats("made", task=self.task_id)

    def wait_status(self, *statuses: str, seconds: float = PATIENCE_SECONDS) -> str:
        """Waits until the task has one of these statuses."""
        what = f"{self} is {' or '.join(statuses)}"
        until(lambda: self.status in statuses, what, seconds)
        return self.status

    def wait_end(self, seconds: float = PATIENCE_SECONDS) -> str:
        """Waits until the task has ended; returns its status."""
        return self.wait_status(*sorted(FINAL), seconds=seconds)

    def confirm(self) -> None:
        """Approves the apply."""
        self.cluster.client.post(f"{self.path}/confirm-apply")

    def cancel(self, reason: str = "", *, force: bool = False) -> None:
        """Asks for the task's cancellation."""
        self.cluster.client.post(f"{self.path}/cancel", {"reason": reason, "force": force})

    def engines(self) -> list[int]:
        """The processes that work in the task's directory on any host."""
        return list(processes_in(f"/{self.workspace_id}/{self.task_id}"))

    def kill_engine(self) -> None:
        """SIGKILL to the engine and what it has started."""
        for pid in self.engines():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def directories(self) -> list[Path]:
        """The task's work directories that are left, on any host."""
        found = self.cluster.directory.glob(f"*/work/{self.workspace_id}/{self.task_id}")
        return sorted(found)

    def publish(self, times: int = 1, queue: str = "stages.local") -> None:
        """Sends the hints of all the task's stages again."""
        self.cluster.publish([row.id for row in self.stages()] * times, queue)


def processes_in(place: str) -> Iterator[int]:
    """The processes whose working directory ends with ``place``."""
    for link in Path("/proc").glob("[0-9]*/cwd"):
        with contextlib.suppress(OSError):
            target = str(link.readlink()).removesuffix(" (deleted)")
            if target.endswith(place):
                yield int(link.parent.name)


def wait_all(subjects: Sequence[Subject], status: str, seconds: float = PATIENCE_SECONDS) -> None:
    """Waits until every task has this status."""
    for subject in subjects:
        subject.wait_status(status, seconds=seconds)
