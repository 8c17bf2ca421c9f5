"""What follows from the demo's apply: a task of another workspace, and messages about both."""

import time
from collections.abc import Callable
from typing import Any

from iacplatform.embedded.client import PlatformClient
from iacplatform.embedded.exceptions import DemoFailedError
from iacplatform.embedded.receiver import SECRET, Receiver

PATIENCE_SECONDS = 60.0
NAME = "demo-receiver"
EVENTS = ["approval_required", "task_completed", "task_failed"]
CONFIGURATION = {
    "resource": {
        "terraform_data": {
            "probe": {"input": "asks the shop every minute how it is"},
            "page": {"input": "tells everybody", "depends_on": ["terraform_data.probe"]},
        }
    }
}


def arrange(
    client: PlatformClient, workspace: dict[str, Any], receiver: Receiver
) -> dict[str, Any]:
    """Makes a workspace that the applies of ``workspace`` trigger, and a notification for both.

    A notification of an earlier start is moved to the receiver. Returns the new workspace.
    """
    name = workspace["name"].replace("shop", "status-page")
    fields = {"name": name, "auto_apply": True, "tf_code": CONFIGURATION}
    triggered = client.post("/workspaces", fields)
    target = {"target_workspace_id": triggered["workspace_id"]}
    client.post(f"/workspaces/{workspace['workspace_id']}/run-triggers", target)
    notification = _notification(client, receiver.url)
    attachment = {"notification_id": notification["notification_id"], "events": EVENTS}
    for each in (workspace, triggered):
        client.post(f"/workspaces/{each['workspace_id']}/notifications", attachment)
    return triggered


def _notification(client: PlatformClient, url: str) -> dict[str, Any]:
    """Creates a notification, or gives that of this name its new address."""
    fields = {"name": NAME, "endpoint_url": url, "secret": SECRET}
    for notification in client.get("/notifications", search=NAME)["items"]:
        if notification["name"] == NAME:
            return client.patch(f"/notifications/{notification['notification_id']}", fields)
    return client.post("/notifications", {**fields, "notification_type": "webhook"})


def triggered_task(client: PlatformClient, task: dict[str, Any]) -> dict[str, Any]:
    """The task that an apply has triggered, at its end; raises :class:`DemoFailedError`."""
    path = f"/workspaces/{task['workspace_id']}/tasks/{task['id']}/trigger-executions"

    def triggered() -> dict[str, Any] | None:
        (execution,) = client.get(path)["items"]
        return execution if execution["target_task_id"] else None

    execution = _await(triggered, f"task #{task['id']} triggered nothing")
    client.wait(execution["target_task_id"])
    workspace = f"/workspaces/{execution['target_workspace_id']}"
    return client.get(f"{workspace}/tasks/{execution['target_task_id']}")


def await_message(receiver: Receiver, event: str, task: dict[str, Any]) -> None:
    """Waits until the receiver was told of a task's event; raises :class:`DemoFailedError`."""
    _await(
        lambda: receiver.has(event, task["id"]) or None,
        f"nobody was told of {event} of task #{task['id']}",
    )


def _await(find: Callable[[], Any], problem: str) -> Any:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        found = find()
        if found is not None:
            return found
        time.sleep(0.05)
    raise DemoFailedError(problem)
