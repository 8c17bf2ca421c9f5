"""Configurations whose resources write down what becomes of them.

Every resource depends on the one before it. While it is made, it prints numbered lines, and writes
each to the journal a moment *later*: a line in the journal has left the engine. When it begins, it
writes that the resource before it is there: that one is in the engine's state for certain. As long as
the point ``hold`` is up at ``resource.<name>`` (see :mod:`tests.faults.points`), it does nothing more.
"""

from pathlib import Path
from typing import Any

Code = dict[str, Any]
SCRIPT = """#!/bin/sh
# say.sh <resource> <resource before it> <lines> <seconds between two lines>
here=${0%/*} task=${PWD##*/} above=${PWD%/*}
workspace=${above##*/}
note() {
  printf '{"event": "%s", "what": "%s", "workspace": "%s", "task": %s, "pid": %s, "time": %s}\\n' \\
    "$1" "$2" "$workspace" "$task" "$$" "$(date +%s.%N)" >> "$here/journal.jsonl"
}
[ -z "$2" ] || note made "$2"
hold="$here/points/hold.resource.$1.$workspace"
[ ! -e "$hold" ] || : > "$here/points/reached.resource.$1.$workspace"
while [ -e "$hold" ]; do sleep 0.1; done
number=1
while [ "$number" -le "$3" ]; do
  echo "line $1 $number"
  sleep "$4"
  note said "line $1 $number"
  number=$((number + 1))
done
"""


def write_script(directory: Path) -> None:
    """Writes what the resources run; the journal is in the same directory."""
    (directory / "say.sh").write_text(SCRIPT)


def journaled(directory: Path, *, resources: int = 5, lines: int = 3, pause: float = 0.1) -> Code:
    """A chain of resources, each of which takes ``lines`` times ``pause`` seconds."""
    bodies: dict[str, Code] = {}
    for number in range(resources):
        before = f"r{number - 1}" if number else ""
        command = f"exec sh {directory}/say.sh r{number} '{before}' {lines} {pause}"
        body: Code = {"provisioner": [{"local-exec": {"command": command}}]}
        bodies[f"r{number}"] = body | _depends_on(before)
    return {"resource": {"terraform_data": bodies}}


def _depends_on(before: str) -> Code:
    return {"depends_on": [f"terraform_data.{before}"]} if before else {}
