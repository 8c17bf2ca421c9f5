"""``make demo`` and ``make up``: a real change, planned, approved and applied before one's eyes."""

import io
import tarfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape

from iacplatform.embedded import consequences, show
from iacplatform.embedded.checks import Checks, start_checks
from iacplatform.embedded.client import PlatformClient
from iacplatform.embedded.exceptions import DemoFailedError
from iacplatform.embedded.receiver import Receiver, running_receiver
from iacplatform.embedded.stack import Stack, running_stack

CONFIGURATION = Path(__file__).parent / "demo_configuration"
SECRET = "correct-horse-battery-staple"
VARIABLES = (
    {"key": "environment", "value": "demo"},
    {"key": "regions", "value": '{ paris = 2, tokyo = 3, "são paulo" = 1 }', "value_format": "hcl"},
    {"key": "database_password", "value": SECRET, "sensitive": True},
)


@contextmanager
def announce(console: Console, sentence: str) -> Iterator[None]:
    """Says what is being done while it is done, and how long it took."""
    begin = time.monotonic()
    with console.status(f"{sentence} …"):
        yield
    console.print(f"[green]✓[/] {sentence} [dim]{time.monotonic() - begin:.1f} s[/]")


def demo(console: Console, run_dir: Path, port: int) -> None:
    """Sets everything up, plans, approves and applies a real change, shows what follows, stops everything."""
    console.rule("iacplatform demo")
    with (
        running_receiver() as receiver,
        running_stack(run_dir, partial(announce, console), port=port) as stack,
    ):
        client = PlatformClient(stack.base_url, stack.token)
        with announce(console, "Run task service with a mandatory and an advisory check"):
            checks = start_checks(stack, client)
        with announce(console, "Workspace with an uploaded configuration and three variables"):
            workspace = create_workspace(client, checks)
        with announce(console, "A second workspace that it triggers, and a receiver of messages"):
            consequences.arrange(client, workspace, receiver)
        task = _plan(console, client, workspace)
        _apply(console, client, task)
        _show_consequences(console, client, task, receiver)
    console.print("[green]✓[/] Everything that was started is stopped")


def _plan(console: Console, client: PlatformClient, workspace: dict[str, Any]) -> dict[str, Any]:
    task = start_task(client, workspace)
    console.rule(f"Plan of task #{task['id']}, live")
    _watch(console, client, task, until="apply_pending")
    console.rule("What the plan would do")
    show.plan(console, client.get(f"{_path(task)}/resource-changes", page_size=100))
    console.rule("What the checks of the plan said")
    show.checks(console, client.get(f"{_path(task)}/run-task-results"))
    console.print("[dim]An advisory check warns. Had a mandatory one failed, so had the task.[/]")
    return task


def _apply(console: Console, client: PlatformClient, task: dict[str, Any]) -> None:
    console.rule("Apply, confirmed over the REST API, live")
    lines = client.get(_path(task))["log_lines"]
    body = {"apply_description": "Looks right"}
    client.post(f"{_path(task)}/confirm-apply", body)
    console.print(f"[dim]POST /api/v1{_path(task)}/confirm-apply → 200[/]")
    status = _watch(console, client, task, offset=lines)
    if status != "applied":
        raise DemoFailedError(f"task #{task['id']} ended as {status}, not as applied")
    console.rule("What is there now")
    workspace = f"/workspaces/{task['workspace_id']}"
    show.resources(console, client.get(f"{_path(task)}/resource-changes", page_size=100))
    show.outputs(console, client.get(f"{workspace}/state-outputs"))
    show.state(console, client.get(f"{workspace}/state-versions/current"))
    show.timeline(console, client.get(_path(task)))


def _show_consequences(
    console: Console, client: PlatformClient, task: dict[str, Any], receiver: Receiver
) -> None:
    console.rule("What the apply has started elsewhere")
    triggered = consequences.triggered_task(client, task)
    if triggered["status"] != "applied":
        raise DemoFailedError(f"task #{triggered['id']} ended as {triggered['status']}")
    show.triggered(console, client.get(f"/workspaces/{triggered['workspace_id']}"), triggered)
    consequences.await_message(receiver, "task_completed", triggered)
    console.rule("What the receiver was told")
    show.messages(console, receiver.received)


def _watch(
    console: Console,
    client: PlatformClient,
    task: dict[str, Any],
    *,
    offset: int = 0,
    until: str = "",
) -> str:
    """Prints the live stream until the task has ended, or the marker of stage ``until`` came."""
    for message in client.stream(task["id"], offset):
        if message["type"] == "completed":
            return str(message["status"])
        show.live_line(console, message)
        if until and _reached(client, task, message, until):
            return until
    raise DemoFailedError(f"the stream of task #{task['id']} ended early")


def _reached(
    client: PlatformClient, task: dict[str, Any], message: dict[str, Any], until: str
) -> bool:
    if message.get("status") != "end" or message.get("stage") != "saving_plan":
        return False
    return wait_for(client, task, until) == until


def wait_for(client: PlatformClient, task: dict[str, Any], *statuses: str) -> str:
    """Waits until a task has one of these statuses or has ended; returns the status."""
    ended = {*statuses, "applied", "failed", "cancelled", "success", "planned_and_finished"}
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        status = str(client.get(_path(task))["status"])
        if status in ended:
            return status
        time.sleep(0.05)
    raise DemoFailedError(f"task #{task['id']} did not become {' or '.join(statuses)}")


def create_workspace(client: PlatformClient, checks: Checks) -> dict[str, Any]:
    """A fresh workspace with the demo's configuration, variables and checks."""
    name = f"shop-{datetime.now(UTC):%Y%m%d-%H%M%S}"
    workspace = client.post("/workspaces", {"name": name, "description": "The demo's shop"})
    path = f"/workspaces/{workspace['workspace_id']}"
    archive = {"archive": ("shop.tar.gz", pack(CONFIGURATION), "application/gzip")}
    client.post(f"{path}/configuration-versions", files=archive)
    for variable in VARIABLES:
        client.post(f"{path}/variables", dict(variable))
    for attachment in checks.attachments:
        client.post(f"{path}/run-tasks", attachment)
    return workspace


def start_task(client: PlatformClient, workspace: dict[str, Any]) -> dict[str, Any]:
    """Asks for a plan-and-apply."""
    body = {"run_type": "plan_and_apply", "description": "Open the shop"}
    return client.post(f"/workspaces/{workspace['workspace_id']}/tasks", body)


def pack(folder: Path) -> bytes:
    """The tar.gz of a folder's files."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        archive.add(folder, arcname=".")
    return buffer.getvalue()


def _path(task: dict[str, Any]) -> str:
    return f"/workspaces/{task['workspace_id']}/tasks/{task['id']}"


def up(console: Console, run_dir: Path, port: int) -> None:
    """Starts everything with a workspace whose plan waits for approval, and stays until Ctrl-C."""
    console.rule("iacplatform")
    with running_stack(run_dir, partial(announce, console), port=port) as stack:
        client = PlatformClient(stack.base_url, stack.token)
        with announce(console, "Run task service with a mandatory and an advisory check"):
            checks = start_checks(stack, client)
        with announce(console, "A workspace with a plan that waits for approval"):
            task = start_task(client, create_workspace(client, checks))
            wait_for(client, task, "apply_pending")
        _invite(console, stack, task, checks)
        while True:
            time.sleep(1)
            stack.supervisor.check()


def _invite(console: Console, stack: Stack, task: dict[str, Any], checks: Checks) -> None:
    url = f"{stack.base_url}/api/v1{_path(task)}"
    header = f"-H 'Authorization: Bearer {stack.token}'"
    console.print(
        f"\n  Admin      {stack.base_url}/admin/\n"
        f"  API        {stack.base_url}/api/docs/\n"
        f"  Run tasks  {checks.url}/\n"
        f"  Sign in    {stack.username} / {escape(stack.password)}\n"
        f"  API token  {stack.token}\n"
        f"\n[bold]Task #{task['id']} waits for your approval.[/] Approve it:\n\n"
        f"  curl -X POST {header} {url}/confirm-apply\n\n"
        f"and read its log:\n\n"
        f"  curl {header} '{stack.base_url}/api/v1/tasks/{task['id']}/logs?type=all&format=text'\n\n"
        "[dim]Ctrl-C stops everything; the data stays.[/]"
    )
