"""What ``terraform apply`` says of each resource, read from its lines while it runs.

The lines of Terraform from 0.15 to 1.15 and of OpenTofu (reference §5.10)::

    aws_vpc.main: Creating...
    aws_vpc.main: Still creating... [10s elapsed]
    aws_vpc.main: Creation complete after 12s [id=vpc-1]
    aws_vpc.main (deposed object 1a2b3c4d): Destroying... [id=vpc-0]
    aws_vpc.main: Destruction complete after 1s
"""

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

from iacplatform.terraform.addresses import ADDRESS, DEPOSED
from iacplatform.terraform.errors import ErrorBlocks, plain

EventKind = Literal["started", "completed", "failed"]
EventAction = Literal["create", "update", "delete", "read"]

_STARTS: dict[str, EventAction] = {
    "Creating": "create",
    "Modifying": "update",
    "Destroying": "delete",
    "Reading": "read",
}
_ENDS: dict[str, EventAction] = {
    "Creation": "create",
    "Modifications": "update",
    "Destruction": "delete",
    "Read": "read",
}
_WHO = rf"(?P<address>{ADDRESS})(?P<deposed>{DEPOSED})?"
_STARTED = re.compile(rf"{_WHO}: (?P<verb>{'|'.join(_STARTS)})\.\.\.(?: \[.*\])?")
_COMPLETED = re.compile(
    rf"{_WHO}: (?P<verb>{'|'.join(_ENDS)}) complete after \S+(?: \[(?:id=(?P<id>.*)|.*)\])?"
)
_FAILED = re.compile(rf"^\s+with {_WHO},$", re.MULTILINE)
# Longer lines are text of the user's (a provisioner's output), never one of the lines above.
_MAX_LINE = 32_768


@dataclass(frozen=True)
class ResourceEvent:
    """One thing the engine has said of a resource.

    ``address`` is as the plan has it. ``resource_id`` is set when it is completed, where the
    resource has one; ``error`` is the whole error block of a failure, whose ``action`` is ``None``
    when the resource had not been started.
    """

    address: str
    kind: EventKind
    action: EventAction | None
    resource_id: str = ""
    error: str = ""


class ApplyOutputParser:
    """Reads the output of ``apply`` line by line; never raises, whatever the line.

    A resource that the plan replaces is started once, by the first of its two halves, and completed
    once both its destruction and its creation are, in either order; that event's action is
    ``create``.
    """

    def __init__(self, replaced: Collection[str] = ()) -> None:
        """Takes the addresses that the plan replaces."""
        self._replaced = frozenset(replaced)
        self._actions: dict[str, EventAction] = {}
        self._halves: dict[str, dict[EventAction, str]] = {}
        self._deposed: dict[str, list[str]] = {}
        self._errors = ErrorBlocks()

    def feed(self, line: str) -> list[ResourceEvent]:
        """Returns what a line says, and what an error that it ends has said."""
        text = plain(line)
        if len(text) <= _MAX_LINE:
            if started := _STARTED.fullmatch(text):
                return self._started(started)
            if completed := _COMPLETED.fullmatch(text):
                return self._completed(completed)
        return self._failed(self._errors.feed(text))

    def finish(self) -> list[ResourceEvent]:
        """Returns what was still open when the output ended: the last error."""
        return self._failed(self._errors.finish())

    def _started(self, match: re.Match[str]) -> list[ResourceEvent]:
        action = _STARTS[match["verb"]]
        address = self._address(match)
        if action == "delete":
            self._deposed.setdefault(match["address"], []).append(address)
        again = address in self._replaced and address in self._actions
        self._actions[address] = action
        return [] if again else [ResourceEvent(address, "started", action)]

    def _address(self, match: re.Match[str]) -> str:
        """A deposed object is a row of its own in the plan, unless this apply has deposed it."""
        if match["address"] in self._replaced:
            return match["address"]
        return match["address"] + (match["deposed"] or "")

    def _completed(self, match: re.Match[str]) -> list[ResourceEvent]:
        action = _ENDS[match["verb"]]
        resource_id = match["id"] or ""
        address = self._address(match)
        if action == "delete":
            # The line that ends a deposed object's destruction does not say that it is one.
            address = (self._deposed.get(match["address"]) or [address]).pop(0)
        if address not in self._replaced:
            return [ResourceEvent(address, "completed", action, resource_id)]
        halves = self._halves.setdefault(address, {})
        halves[action] = resource_id
        if not {"create", "delete"} <= halves.keys():
            return []
        del self._halves[address]
        return [ResourceEvent(address, "completed", "create", halves["create"])]

    def _failed(self, error: str) -> list[ResourceEvent]:
        match = _FAILED.search(error)
        if match is None:
            return []
        address = self._address(match)
        return [ResourceEvent(address, "failed", self._actions.get(address), error=error)]
