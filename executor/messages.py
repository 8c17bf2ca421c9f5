"""The messages of the live stream (reference §5.10)."""

import json
from typing import Any

from executor.core.accessor import LogLine
from workspaces.models import ResourceChange


def line_message(line: LogLine) -> dict[str, Any]:
    """A log line: ``output``, ``error`` or ``stage_marker`` with its number."""
    message: dict[str, Any] = {
        "type": line.kind,
        "line": line.text,
        "line_num": line.number,
        "timestamp": line.at.isoformat(),
        "stage": line.stage,
    }
    if line.kind == "stage_marker":
        message["status"] = "begin" if " BEGIN at " in line.text else "end"
    return message


def progress_messages(task_id: int, rows: list[ResourceChange]) -> list[dict[str, Any]]:
    """A ``resource_status_update`` a row, and a ``resource_id_update`` once the id is known."""
    messages = [_status_message(task_id, row) for row in rows]
    return messages + [_id_message(task_id, row) for row in rows if row.resource_id]


def _status_message(task_id: int, row: ResourceChange) -> dict[str, Any]:
    started, completed = row.apply_started_at, row.apply_completed_at
    return _message(
        "resource_status_update",
        {
            "task_id": task_id,
            "resource_id": row.pk,
            "resource_address": row.resource_address,
            "apply_status": row.apply_status,
            "action": row.action,
            "apply_started_at": started.isoformat() if started else None,
            "apply_completed_at": completed.isoformat() if completed else None,
        },
    )


def _id_message(task_id: int, row: ResourceChange) -> dict[str, Any]:
    body = {"id": row.pk, "resource_address": row.resource_address, "resource_id": row.resource_id}
    return _message("resource_id_update", {"task_id": task_id, **body})


def _message(kind: str, body: dict[str, Any]) -> dict[str, Any]:
    return {"type": kind, "line": json.dumps(body)}
