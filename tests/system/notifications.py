"""Receivers of notifications, and workspaces that tell them, for tests with real workers."""

import itertools
import subprocess
import time
from dataclasses import dataclass
from typing import Any

from iacplatform.embedded.client import JSON
from iacplatform.embedded.stack import MANAGE
from tests.notifications.signatures import is_signed_webhook
from tests.system.platform import Platform, TaskUnderTest, WorkspaceUnderTest, wait_until
from tests.system.run_task_service import Hook, RunTaskService

EVENTS = [
    "task_created",
    "task_planning",
    "task_planned",
    "approval_required",
    "task_applying",
    "task_completed",
    "task_failed",
    "task_cancelled",
    "approval_timeout",
    "drift_detected",
]
SECRET = "a key that only the two of us know"
_numbers = itertools.count(1)


@dataclass
class Receiver:
    """A webhook that is told of all events, and where its messages arrive."""

    service: RunTaskService
    name: str
    notification_id: str

    def hooks(self, task: TaskUnderTest) -> list[Hook]:
        """The messages about a task, in the order of their arrival; all of them are genuine."""
        found = self.service.received(self.name)
        assert all(is_signed_webhook(hook.headers, hook.body, SECRET) for hook in found)
        return [hook for hook in found if hook.payload["task"]["id"] == task.task_id]

    def events(self, task: TaskUnderTest) -> list[str]:
        """The events of a task, in the order of their arrival."""
        return [hook.payload["event"] for hook in self.hooks(task)]

    def told_of(self, task: TaskUnderTest, events: list[str]) -> None:
        """Waits until these events of a task have arrived, and fails if there are others."""
        wait_until(lambda: len(self.hooks(task)) >= len(events), f"{events} arrive")
        assert self.events(task) == events


def receiver(
    platform: Platform, service: RunTaskService, behaviour: Any, **fields: Any
) -> Receiver:
    """A new notification that leads to an address with this behaviour."""
    name = f"receiver-{next(_numbers)}-{time.time_ns()}"
    body = {
        "name": name,
        "notification_type": "webhook",
        "endpoint_url": service.address(name, behaviour),
        "secret": SECRET,
        "retry_count": 10,
        "retry_interval_seconds": 1,
    }
    made = platform.client.post("/notifications", body | fields)
    return Receiver(service, name, made["notification_id"])


def tell(workspace: WorkspaceUnderTest, *notification_ids: str) -> WorkspaceUnderTest:
    """Attaches notifications to a workspace, for all events."""
    for notification_id in notification_ids:
        body = {"notification_id": notification_id, "events": EVENTS}
        workspace.post("/notifications", body)
    return workspace


def logs(task: TaskUnderTest, **query: Any) -> list[JSON]:
    """The messages about a task as the platform sees them, the oldest first."""
    asked = {"task_id": task.task_id, "page_size": 100, **query}
    found: list[JSON] = task.workspace.get("/notification-logs", **asked)["items"]
    return found[::-1]


def in_the_platform(platform: Platform, code: str) -> str:
    """Runs Python with the platform's settings and database; returns what it prints."""
    done = subprocess.run(
        [*MANAGE, "shell", "--no-imports", "-c", code],
        env=platform.stack.supervisor.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()
