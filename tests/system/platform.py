"""A running platform as a test uses it: over REST, over the stream, and at its database."""

import io
import itertools
import tarfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import redis
from celery import Celery

from iacplatform.common.redis_url import broker_url
from iacplatform.embedded.client import JSON, PlatformClient
from iacplatform.embedded.processes import Child, spawn, stop
from iacplatform.embedded.stack import MANAGE, Stack, is_ready, running_stack

FINAL = {"applied", "failed", "cancelled", "success", "planned_and_finished"}
PATIENCE_SECONDS = 60.0
SETTINGS = {
    "LOG_FORMAT": "console",
    "STATE_SAVE_WAITS": "0.1,0.1,0.1,0.1",
    "INIT_RETRY_WAITS": "0.1,0.1",
    "WORKER_HOST": "host-a",
    "ENGINE_URL_SCHEMES": "http,https,file",
    "LOGIN_RATE": "1000/min",
    "API_RATE_USER": "0",
    "RENEW_SECONDS": "1",
}
_numbers = itertools.count(1)


@dataclass
class Platform:
    """One installation; its stage worker can be moved to another host."""

    stack: Stack
    client: PlatformClient
    directory: Path
    host: str = "host-a"
    worker: Child | None = None

    def workspace(self, code: JSON | None = None, **fields: Any) -> "WorkspaceUnderTest":
        """A fresh workspace with this configuration."""
        body = {"name": f"test-{next(_numbers)}-{time.time_ns()}", "tf_code": code} | fields
        return WorkspaceUnderTest(self, self.client.post("/workspaces", body)["workspace_id"])

    def publish_open_stages(self, task_id: int, *, times: int) -> None:
        """Sends the hint of every stage of a task again, as a broker may that delivers twice."""
        stages = self.sql("SELECT id FROM workspaces_taskstage WHERE task_id = %s", task_id)
        broker = broker_url(self.stack.environment["REDIS_URL"])
        with Celery(broker=broker, set_as_current=False) as celery:
            for (stage_id,) in stages * times:
                celery.send_task("executor.tasks.run_stage", (stage_id,), queue="stages.local")

    def lose_messages(self) -> None:
        """Empties Redis, queues and all."""
        with redis.Redis.from_url(self.stack.environment["REDIS_URL"]) as client:
            client.flushall()

    def until(self, condition: Any, what: str) -> None:
        """Waits until ``condition()`` holds; fails the test otherwise."""
        wait_until(condition, what)

    def sql(self, query: str, *values: Any) -> list[Any]:
        """Runs a statement in the platform's database."""
        with psycopg.connect(self.stack.environment["DATABASE_URL"], autocommit=True) as connection:
            cursor = connection.execute(query, values)
            return cursor.fetchall() if cursor.description else []

    def work_directory(self, workspace_id: str, task_id: int) -> Path:
        """Where the present host keeps the files of a task."""
        return self._work_root() / workspace_id / str(task_id)

    def _work_root(self) -> Path:
        return self.directory / self.host / "work"

    def move_to(self, host: str, *, slots: int = 8, **settings: str) -> None:
        """Stops the stage worker and starts one with another host name and other directories.

        It runs ``slots`` stages at once; ``settings`` are added to its environment.
        """
        if self.worker is not None:
            stop(self.worker)
        self.host = host
        environment = self.stack.supervisor.environment | {
            "WORKER_HOST": host,
            "WORK_ROOT": str(self._work_root()),
            **settings,
        }
        log = self.directory / f"{host}.log"
        log.unlink(missing_ok=True)
        command = [*MANAGE, "worker", "stages", "--slots", str(slots)]
        self.worker = spawn("stages", command, log=log, environment=environment)
        wait_until(lambda: is_ready(log), "the worker is ready")


@contextmanager
def start_platform(directory: Path) -> Iterator[Platform]:
    """Starts a platform whose stage worker can be replaced; stops everything at the end."""
    with running_stack(
        directory,
        lambda _: nullcontext(),
        durable=False,
        settings=SETTINGS,
        stage_workers=False,
    ) as stack:
        client = PlatformClient(stack.base_url, stack.token)
        platform = Platform(stack, client, directory)
        platform.move_to("host-a")
        try:
            yield platform
        finally:
            if platform.worker is not None:
                stop(platform.worker)


@dataclass
class WorkspaceUnderTest:
    """A workspace and what tests do with it."""

    platform: Platform
    workspace_id: str

    @property
    def path(self) -> str:
        """Its address below ``/api/v1``."""
        return f"/workspaces/{self.workspace_id}"

    def get(self, path: str = "", **parameters: Any) -> JSON:
        """GETs something of the workspace."""
        return self.platform.client.get(f"{self.path}{path}", **parameters)

    def post(self, path: str, body: JSON | None = None, **options: Any) -> JSON:
        """POSTs to something of the workspace."""
        return self.platform.client.post(f"{self.path}{path}", body, **options)

    def variable(self, key: str, value: str, **fields: Any) -> JSON:
        """Creates a variable."""
        return self.post("/variables", {"key": key, "value": value} | fields)

    def upload(self, files: dict[str, str]) -> JSON:
        """Uploads a configuration of these files."""
        return self.post("/configuration-versions", files={"archive": ("a.tar.gz", pack(files))})

    def start(self, run_type: str = "plan_and_apply", **fields: Any) -> "TaskUnderTest":
        """Creates a task."""
        answer = self.post("/tasks", {"run_type": run_type} | fields)
        return TaskUnderTest(self, answer["id"])

    def run(self, run_type: str = "plan_and_apply", **fields: Any) -> "TaskUnderTest":
        """Creates a task and waits until it has ended or waits for approval."""
        task = self.start(run_type, **fields)
        task.wait("apply_pending")
        return task

    def apply(self, **fields: Any) -> "TaskUnderTest":
        """Runs a plan-and-apply to its end, confirming what it plans."""
        task = self.run(**fields)
        if task.status == "apply_pending":
            task.confirm()
            task.wait()
        return task

    def state(self) -> JSON:
        """The newest state's content."""
        session = self.platform.client.session
        url = f"{self.platform.stack.base_url}/api/v1{self.path}/state-versions/current/download"
        answer: JSON = session.get(url, timeout=10).json()
        return answer


@dataclass
class TaskUnderTest:
    """A task and what tests ask of it."""

    workspace: WorkspaceUnderTest
    task_id: int

    def get(self, path: str = "", **parameters: Any) -> JSON:
        """GETs the task or something of it."""
        return self.workspace.get(f"/tasks/{self.task_id}{path}", **parameters)

    @property
    def status(self) -> str:
        """Its status now."""
        return str(self.get()["status"])

    def wait(self, *statuses: str, seconds: float = PATIENCE_SECONDS) -> str:
        """Waits until the task has ended or has one of these statuses; returns the status."""
        wanted = FINAL | set(statuses)
        wait_until(lambda: self.status in wanted, f"task {self.task_id} ends", seconds)
        return self.status

    def wait_for_stage(self, name: str, phase: str = "plan") -> None:
        """Waits until a stage of the task runs."""
        wait_until(
            lambda: any(
                (row["name"], row["phase"], row["status"]) == (name, phase, "running")
                for row in self.get()["stages"]
            ),
            f"{name} of task {self.task_id} runs",
            every=0.02,  # it may run for a tenth of a second
        )

    def confirm(self) -> JSON:
        """Approves the apply."""
        return self.workspace.post(f"/tasks/{self.task_id}/confirm-apply")

    def log(self, kind: str = "all") -> str:
        """The task's log as text."""
        session = self.workspace.platform.client.session
        url = f"{self.workspace.platform.stack.base_url}/api/v1/tasks/{self.task_id}/logs"
        return session.get(url, params={"type": kind, "format": "text"}, timeout=30).text

    def stages(self, phase: str) -> dict[str, JSON]:
        """The stages of a phase by name."""
        return {row["name"]: row for row in self.get()["stages"] if row["phase"] == phase}

    def changes(self) -> dict[str, JSON]:
        """The resource changes by address."""
        rows = self.get("/resource-changes", page_size=100)["items"]
        return {row["resource_address"]: row for row in rows}


def wait_until(
    condition: Any, what: str, seconds: float = PATIENCE_SECONDS, *, every: float = 0.1
) -> None:
    """Waits until ``condition()`` holds; fails the test otherwise."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"{what}: not within {seconds:g} s"
        time.sleep(every)


def pack(files: dict[str, str]) -> bytes:
    """A tar.gz of these files."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content.encode())
            archive.addfile(entry, io.BytesIO(content.encode()))
    return buffer.getvalue()
