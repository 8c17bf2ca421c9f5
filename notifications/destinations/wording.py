"""What people are told of an event, whatever shows it to them: a title, a tone, and facts."""

from dataclasses import dataclass
from typing import Any, Literal

from workspaces.task_events import EventName

Tone = Literal["good", "bad", "attention", "progress", "idle"]
Message = dict[str, Any]
# With what a vendor's escapes add, within the limits of them all.
MOST_CHARACTERS = 350
MOST_DETAILS = 5


@dataclass(frozen=True)
class Wording:
    """The title of an event's messages, and the colour they have."""

    title: str
    tone: Tone


IN_PROGRESS = Wording("🔄 Task In Progress", "progress")
WORDINGS: dict[str, Wording] = {
    EventName.TASK_CREATED: IN_PROGRESS,
    EventName.TASK_PLANNING: IN_PROGRESS,
    EventName.TASK_PLANNED: Wording("📋 Plan Finished", "progress"),
    EventName.APPROVAL_REQUIRED: Wording("⏳ Approval Required", "attention"),
    EventName.TASK_APPLYING: IN_PROGRESS,
    EventName.TASK_COMPLETED: Wording("✅ Task Completed", "good"),
    EventName.TASK_FAILED: Wording("❌ Task Failed", "bad"),
    EventName.TASK_CANCELLED: Wording("🚫 Task Cancelled", "idle"),
    EventName.APPROVAL_TIMEOUT: Wording("⌛ Approval Timed Out", "attention"),
    EventName.DRIFT_DETECTED: Wording("🌊 Drift Detected", "attention"),
}


def title(message: Message) -> str:
    """``✅ Task Completed``; a test says that it is one."""
    words = WORDINGS[message["event"]].title
    return f"{words} (test)" if message.get("test") else words


def tone(message: Message) -> Tone:
    """How an event's messages are coloured."""
    return WORDINGS[message["event"]].tone


def summary(message: Message) -> str:
    """Title, workspace and task in a line without breaks."""
    workspace = " ".join(message["workspace"]["name"].split())
    return f"{title(message)}: {workspace} #{message['task']['id']}"


def facts(message: Message) -> list[tuple[str, str]]:
    """Names and values, in the order in which they are shown; values as people typed them."""
    task = message["task"]
    found = [
        ("Workspace", message["workspace"]["name"]),
        ("Task", f"#{task['id']} ({task['type']})"),
        ("Event", EventName(message["event"]).label),
        ("Status", task["status"]),
        ("Description", task["description"]),
        ("Changes", _changes(message.get("changes"))),
        ("Reason", message["reason"]),
        *_details(message.get("details", {})),
        ("Message", message.get("test_message", "")),
        ("Created by", task["created_by"]),
        ("Time", message["timestamp"][:19].replace("T", " ") + " UTC"),
    ]
    return [(name, clip(value)) for name, value in found if value]


def clip(text: str) -> str:
    """As much of a text as is shown: receivers refuse messages that are too large."""
    return text if len(text) <= MOST_CHARACTERS else f"{text[: MOST_CHARACTERS - 1]}…"


def _changes(counts: dict[str, int] | None) -> str:
    if counts is None:
        return ""
    return f"{counts['add']} to add, {counts['change']} to change, {counts['destroy']} to destroy"


def _details(details: dict[str, Any]) -> list[tuple[str, str]]:
    """``{"drift_count": 3}`` → ``("Drift count", "3")``."""
    scalars = [(k, v) for k, v in details.items() if isinstance(v, str | int | float)]
    return [(k.replace("_", " ").capitalize(), str(v)) for k, v in scalars[:MOST_DETAILS]]
