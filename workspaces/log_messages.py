"""The messages of a task's live stream (reference §5.10)."""

import json
from collections.abc import Iterable
from datetime import datetime
from typing import Any, Protocol

from django.utils import timezone

from workspaces.log_stream import Message
from workspaces.models import ResourceChange


class Line(Protocol):
    """A log line: ``number`` counts from 1 over the whole task."""

    @property
    def number(self) -> int: ...
    @property
    def text(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def stage(self) -> str: ...
    @property
    def at(self) -> datetime: ...


def line_message(line: Line) -> Message:
    """A log line as ``output``, ``error`` or ``stage_marker`` with its number."""
    message: Message = {
        "type": line.kind,
        "line": line.text,
        "line_num": line.number,
        "timestamp": line.at.isoformat(),
        "stage": line.stage,
    }
    if line.kind == "stage_marker":
        message["status"] = "begin" if " BEGIN at " in line.text else "end"
    return message


def progress_messages(task_id: int, rows: Iterable[ResourceChange]) -> list[Message]:
    """A ``resource_status_update`` a row, followed by a ``resource_id_update`` once the id is known."""
    return [message for row in rows for message in _of_change(task_id, row)]


def _of_change(task_id: int, row: ResourceChange) -> list[Message]:
    messages = [_status_message(task_id, row)]
    if row.resource_id:
        body = {"id": row.pk, "resource_address": row.resource_address}
        body["resource_id"] = row.resource_id
        messages.append(_message("resource_id_update", {"task_id": task_id, **body}))
    return messages


def _status_message(task_id: int, row: ResourceChange) -> Message:
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


def _message(kind: str, body: dict[str, Any]) -> Message:
    return {"type": kind, "line": json.dumps(body), "timestamp": timezone.now().isoformat()}
