"""What an operator reads of an interrupted apply: what happened, what to do, how the state differs."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.template.loader import render_to_string
from django.utils.safestring import SafeString

from iacplatform.common.errors import NotFound
from iacplatform.common.presentation import Tone, badge, moment, object_link
from iacplatform.terraform.state_difference import StateDifference, ValueChange
from workspaces.admin.badges import status_badge
from workspaces.models import ResourceChange, WorkspaceTask
from workspaces.services.interruptions import Interruption, interruption_of

TEMPLATE = "admin/workspaces/workspacetask/interruption.html"
KINDS: tuple[tuple[str, str, Tone], ...] = (
    ("added", "Added", "good"),
    ("removed", "Removed", "bad"),
    ("tainted", "Half made", "attention"),
)


@dataclass(frozen=True)
class DifferenceRow:
    """A line of the table: an object of the state, or an attribute or output with its values."""

    kind: SafeString
    name: str
    attribute: str = ""
    before: str = ""
    after: str = ""


def interruption_panel(task: WorkspaceTask) -> SafeString | str:
    """The panel of a task's page; empty where its apply was not interrupted."""
    try:
        return render_interruption(interruption_of(task))
    except NotFound:
        return ""


def render_interruption(known: Interruption) -> SafeString:
    """All that is known of an interruption, as HTML."""
    context = {
        "known": known,
        "interrupted_at": moment(known.interrupted_at),
        "resolved_at": moment(known.resolved_at),
        "before": object_link(known.state_before, _version(known.state_before)),
        "after": object_link(known.state_after, _version(known.state_after)),
        "rows": list(_rows(known.difference)) if known.difference else [],
        "cut": _cut(known.difference) if known.difference else "",
        "unfinished": [_change_row(change) for change in known.unfinished],
    }
    return render_to_string(TEMPLATE, context)


def _change_row(change: ResourceChange) -> dict[str, Any]:
    return {
        "change": change,
        "status": status_badge(change.apply_status, change.get_apply_status_display()),
        "started": moment(change.apply_started_at),
    }


def _version(state: Any) -> str:
    return f"version {state.version}" if state else ""


def _rows(difference: StateDifference) -> Iterator[DifferenceRow]:
    for name, label, tone in KINDS:
        for address in getattr(difference, name):
            yield DifferenceRow(badge(label, tone), address)
    for resource in difference.changed:
        for change in resource.attributes:
            yield _value_row(badge("Changed", "busy"), resource.address, change.name, change)
    for output in difference.outputs:
        yield _value_row(badge("Output", "idle"), output.name, "", output)


def _value_row(kind: SafeString, name: str, attribute: str, change: ValueChange) -> DifferenceRow:
    return DifferenceRow(kind, name, attribute, _text(change.before), _text(change.after))


def _text(value: Any) -> str:
    if value is None:
        return "—"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _cut(difference: StateDifference) -> str:
    """Which lists are longer than they are shown."""
    cut = (
        f"{len(getattr(difference, name))} of {count} {name}"
        for name, count in difference.counts.items()
        if count > len(getattr(difference, name))
    )
    return ", ".join(cut)
