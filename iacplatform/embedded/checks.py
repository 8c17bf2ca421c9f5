"""The demo's external checks: the run task sandbox beside the platform, and two RunTasks that ask it."""

from dataclasses import dataclass
from typing import Any

import requests

from iacplatform.embedded.client import PlatformClient
from iacplatform.embedded.stack import LOOPBACK, MANAGE, Stack, free_port

KEY = "the demo's key is no secret"
STAGE = "post_plan"
# The sandbox's address that each asks, and what a failure means.
CHECKS = {"policy": ("/success", "mandatory"), "cost-estimate": ("/failure", "advisory")}


@dataclass(frozen=True)
class Checks:
    """Where the sandbox's page is, and what attaches its RunTasks to a workspace."""

    url: str
    attachments: list[dict[str, str]]


def start_checks(stack: Stack, client: PlatformClient) -> Checks:
    """Starts the sandbox, which ends with the stack, and makes the RunTasks that ask it.

    RunTasks of an earlier start are moved to it. Raises
    :class:`iacplatform.embedded.exceptions.ChildFailedError`.
    """
    port = free_port()
    url = f"http://{LOOPBACK}:{port}"
    command = [*MANAGE, "runtask_sandbox", "--port", str(port), "--hmac-key", KEY]
    stack.supervisor.start("sandbox", command, ready=lambda: _answers(url))
    attachments = [
        {
            "run_task_id": _run_task(client, name, url + path)["run_task_id"],
            "stage": STAGE,
            "enforcement_level": enforcement_level,
        }
        for name, (path, enforcement_level) in CHECKS.items()
    ]
    return Checks(url, attachments)


def _answers(url: str) -> bool:
    try:
        return requests.get(url, timeout=5).ok
    except requests.ConnectionError:
        return False


def _run_task(client: PlatformClient, name: str, endpoint_url: str) -> dict[str, Any]:
    """Creates a RunTask, or gives that of this name its new address."""
    fields = {"name": name, "endpoint_url": endpoint_url, "hmac_key": KEY}
    known = client.get("/run-tasks", search=name, page_size=100)["items"]
    for run_task in known:
        if run_task["name"] == name:
            return client.patch(f"/run-tasks/{run_task['run_task_id']}", fields)
    return client.post("/run-tasks", fields)
