"""How the demo shows a plan, a log, resources, outputs and timings to a person at a terminal."""

import json
import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from iacplatform.embedded.receiver import Received

ACTIONS = {
    "create": ("+", "green"),
    "update": ("~", "yellow"),
    "delete": ("-", "red"),
    "replace": ("±", "magenta"),
    "read": ("<", "cyan"),
}
APPLY_STATUS = {"completed": "green", "failed": "red", "applying": "yellow", "pending": "dim"}
CHECK_STATUS = {"passed": "green", "failed": "red", "error": "red", "timeout": "red"}
LINE_STYLES = (
    (re.compile(r"^\s*\+"), "green"),
    (re.compile(r"^\s*-[^-]"), "red"),
    (re.compile(r"^\s*~"), "yellow"),
    (re.compile(r"^=+ .* =+$"), "bold blue"),
    (re.compile(r"^\[[\d:.]+\] \[(INFO|DEBUG)\]"), "dim"),
    (re.compile(r"^\[[\d:.]+\] \[WARN"), "yellow"),
    (re.compile(r"Error:|\[ERROR\]"), "bold red"),
    (re.compile(r"complete after|^Apply complete|has been successfully"), "bold green"),
)
SHOWN_VALUE = 60
LIVE_TYPES = frozenset({"output", "error", "stage_marker"})


def live_line(console: Console, message: dict[str, Any]) -> None:
    """Prints one message of the live stream with the colours a terminal user expects."""
    if message["type"] not in LIVE_TYPES:
        return
    line = message["line"]
    style = next((style for pattern, style in LINE_STYLES if pattern.search(line)), "")
    console.print(Text(line, style=style))


def plan(console: Console, changes: dict[str, Any]) -> None:
    """Prints what a plan would do: an action and an address a line, and the counts."""
    table = Table(box=None, show_header=False, pad_edge=False)
    for row in changes["items"]:
        symbol, style = ACTIONS[row["action"]]
        table.add_row(f"[bold {style}]{symbol}[/]", Text(row["resource_address"], style=style))
    for output in changes["output_changes"]:
        value = "(sensitive)" if output["sensitive"] else _short(output["after"])
        table.add_row("[cyan]⇒[/]", Text.assemble((output["name"], "cyan"), f" = {value}"))
    console.print(table)
    counts = changes["summary"]
    console.print(
        f"\n[bold]{counts['add']} to add, {counts['change']} to change, "
        f"{counts['destroy']} to destroy[/]"
    )


def checks(console: Console, results: dict[str, Any]) -> None:
    """Prints what the run tasks of a task answered."""
    table = Table("Check", "Enforcement", "Status", "Message")
    for row in results["items"]:
        table.add_row(
            Text(row["run_task_name"]),
            row["enforcement_level"],
            Text(row["status"], style=CHECK_STATUS.get(row["status"], "dim")),
            Text(row["message"]),
        )
    console.print(table)


def resources(console: Console, changes: dict[str, Any]) -> None:
    """Prints the resources of an apply with their status, id and time."""
    table = Table(title="Resources")
    table.add_column("Resource", overflow="fold")
    for heading in ("Status", "Id", "Seconds"):
        table.add_column(heading, no_wrap=True)
    for row in changes["items"]:
        status = row["apply_status"]
        table.add_row(
            Text(row["resource_address"]),
            Text(status, style=APPLY_STATUS[status]),
            Text(row["resource_id"][:13]),
            _seconds(_between(row["apply_started_at"], row["apply_completed_at"])),
        )
    console.print(table)


def outputs(console: Console, answer: dict[str, Any]) -> None:
    """Prints the outputs of the state; sensitive ones stay hidden."""
    table = Table("Output", "Value", title="Outputs")
    for name, output in sorted(answer["outputs"].items()):
        value = "(sensitive)" if output["sensitive"] else _short(output["value"])
        table.add_row(name, Text(value, style="dim" if output["sensitive"] else ""))
    console.print(table)


def state(console: Console, version: dict[str, Any]) -> None:
    """Prints which state version there is now."""
    console.print(
        f"State version [bold]{version['version']}[/]: {version['resource_count']} resources, "
        f"serial {version['serial']}, {version['size_bytes']} bytes, "
        f"sha256 {version['checksum'][:12]}…"
    )


def timeline(console: Console, task: dict[str, Any]) -> None:
    """Prints the stages of a task with their timings."""
    table = Table("Phase", "Stage", "Outcome", "Seconds", "Worker", title="Timings")
    for stage in task["stages"]:
        outcome = "skipped" if stage["skipped"] else stage["status"]
        style = "dim" if stage["skipped"] else "green"
        table.add_row(
            stage["phase"],
            stage["name"],
            f"[{style}]{outcome}[/]",
            _seconds(stage["duration_ms"] / 1000 if stage["duration_ms"] is not None else None),
            stage["worker"],
        )
    console.print(table)


def triggered(console: Console, workspace: dict[str, Any], task: dict[str, Any]) -> None:
    """Prints the task that another workspace's apply has started."""
    console.print(
        f"Task [bold]#{task['id']}[/] of {escape(workspace['name'])} is [green]{task['status']}[/]: "
        f"{task['changes_add']} added, {task['changes_change']} changed, "
        f"{task['changes_destroy']} destroyed"
    )
    console.print(Text(task["description"], style="dim"))


def messages(console: Console, received: Sequence[Received]) -> None:
    """Prints what a receiver of notifications was told, in the order in which it came."""
    table = Table("Event", "Task", "Workspace", "Status", "Signature")
    for each in received:
        task = each.message["task"]
        table.add_row(
            each.message["event"],
            f"#{task['id']}",
            Text(each.message["workspace"]["name"]),
            task["status"],
            "[green]genuine[/]" if each.is_genuine else "[red]forged[/]",
        )
    console.print(table)


def _between(begin: str | None, end: str | None) -> float | None:
    if begin is None or end is None:
        return None
    return (datetime.fromisoformat(end) - datetime.fromisoformat(begin)).total_seconds()


def _seconds(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= SHOWN_VALUE else f"{text[: SHOWN_VALUE - 1]}…"
