"""A platform whose engine has the provider ``disk``, and what tests change behind its back."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import requests
from celery import Celery

from iacplatform.common.redis_url import broker_url
from iacplatform.embedded.client import JSON
from tests.system.platform import Platform, TaskUnderTest, WorkspaceUnderTest, wait_until

TICK = "workspaces.drift.tasks.schedule_checks"


@dataclass
class DiskPlatform:
    """A platform that can make files; ``files`` is where they are."""

    platform: Platform
    config: Path
    files: Path

    def move_to(self, host: str, *, slots: int = 8) -> None:
        """Another worker, with the same provider."""
        self.platform.move_to(host, slots=slots, ENGINE_CLI_CONFIG_FILE=str(self.config))

    def file(self, name: str) -> "FileOnDisk":
        """The file behind a resource."""
        return FileOnDisk(self.files / f"{name}.json")

    def workspace(self, *names: str, **fields: Any) -> "WatchedWorkspace":
        """A workspace with a file for each name, applied."""
        bodies = {name: self.body(name) for name in names}
        code = {"terraform": PROVIDERS, "resource": {"disk_file": bodies}}
        made = WatchedWorkspace(self, self.platform.workspace(code, **fields))
        assert made.workspace.apply().status == "applied"
        return made

    def body(self, name: str) -> JSON:
        """The configuration of a file."""
        return {
            "path": str(self.files / f"{name}.json"),
            "content": "as planned",
            "tags": {"owner": "ada"},
            "secret": "hunter2 hunter2",
        }

    def tick(self, times: int = 1) -> None:
        """Lets the scheduler run, as beat does."""
        broker = broker_url(self.platform.stack.environment["REDIS_URL"])
        with Celery(broker=broker, set_as_current=False) as celery:
            for _ in range(times):
                celery.send_task(TICK, queue="control")


PROVIDERS = {"required_providers": {"disk": {"source": "tests/disk"}}}


@dataclass
class FileOnDisk:
    """What a real engine has made, and somebody else changes."""

    path: Path

    def change(self, **values: Any) -> None:
        """Writes other values."""
        self.path.write_text(json.dumps(json.loads(self.path.read_text()) | values))

    def read(self) -> JSON:
        """What is in it."""
        content: JSON = json.loads(self.path.read_text())
        return content

    def remove(self) -> None:
        """Deletes it."""
        self.path.unlink()

    @contextmanager
    def slow(self) -> Iterator[None]:
        """Whoever reads it meanwhile waits."""
        marker = self.path.with_name(f"{self.path.name}.slow")
        marker.touch()
        try:
            yield
        finally:
            marker.unlink()


@dataclass
class WatchedWorkspace:
    """A workspace and its drift, over REST."""

    disk: DiskPlatform
    workspace: WorkspaceUnderTest

    def start_check(self) -> TaskUnderTest:
        """Asks for a check."""
        return TaskUnderTest(self.workspace, self.workspace.post("/drift-check")["task_id"])

    def check(self) -> JSON:
        """Has a check made; returns the status after it."""
        task = self.start_check()
        task.wait()
        return self.status()

    def status(self) -> JSON:
        """Where the workspace stands."""
        return self.workspace.get("/drift-status")

    def cancel_check(self) -> JSON:
        """Cancels what is under way."""
        client = self.workspace.platform.client
        url = f"{client.base_url}/api/v1{self.workspace.path}/drift-check"
        answer = client.session.delete(url, timeout=30)
        if not answer.ok:
            raise requests.HTTPError(answer.text, response=answer)
        found: JSON = answer.json()
        return found

    def objects(self) -> dict[str, JSON]:
        """What the last check found, by address."""
        check = self.workspace.get(f"/drift-checks/{self.status()['check_id']}")
        return {
            child["address"]: child
            for resource in check["resources"]
            for child in resource["drifted_children"]
        }

    def make_due(self) -> None:
        """Lets the schedule say that it is time: the window opened 12 hours ago."""
        opened = (datetime.now(UTC) - timedelta(hours=12)).strftime("%H:%M")
        window = {"drift_check_start_time": opened, "drift_check_end_time": opened}
        often = {"drift_check_interval": 10, "continue_on_success": True}
        self.workspace.platform.client.put(f"{self.workspace.path}/drift-config", window | often)
        seen_long_ago = """
            INSERT INTO drift_driftstatus (workspace_id, check_status, message, has_drift, drift_count,
                total_resources, severity, announced, looked_at)
            SELECT id, '', '', false, 0, 0, '', '{}', now() - interval '1 day'
              FROM workspaces_workspace WHERE workspace_id = %s
            ON CONFLICT (workspace_id) DO UPDATE SET looked_at = excluded.looked_at"""
        self.workspace.platform.sql(seen_long_ago, self.workspace.workspace_id)

    def background_checks(self) -> list[TaskUnderTest]:
        """The checks that nobody asked for."""
        found = self.workspace.get("/tasks", show_background="true", task_type="drift_check")
        tasks = (task["id"] for task in found["items"] if task["is_background"])
        return [TaskUnderTest(self.workspace, task) for task in tasks]

    def background_check(self) -> TaskUnderTest:
        """Waits for the one check that nobody asked for."""
        wait_until(self.background_checks, "a background check is created")
        (task,) = self.background_checks()
        return task
