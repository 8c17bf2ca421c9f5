"""What must hold of a task after any fault: nothing is lost, nothing has run twice."""

import contextlib
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import requests

from iacplatform.embedded.client import TIMEOUT_SECONDS
from tests.faults.subjects import Subject
from tests.faults.waiting import Violation, until

SAID = re.compile(r"\(local-exec\): (line \S+ \d+)$", re.MULTILINE)
TIDY_SECONDS = 20.0


@dataclass(frozen=True)
class Expected:
    """How a task is to end.

    ``lock`` is a part of the reason for which its workspace stays locked, empty where it is free.
    ``resources`` is what the state must hold; by default what the engine made for certain.
    ``may_lack`` are resources that were made when all that knew of them was destroyed.
    """

    status: str
    lock: str = ""
    resources: frozenset[str] | None = None
    may_lack: frozenset[str] = frozenset()
    applies: int | None = None
    directory: bool = False


def verify(subject: Subject, expected: Expected) -> None:
    """Raises :class:`Violation` naming everything that does not hold of a task that has ended."""
    with contextlib.suppress(Violation):
        until(lambda: not list(_left(subject, expected)), "nothing is left", TIDY_SECONDS)
    found = [violation for check in CHECKS for violation in check(subject, expected)]
    if found:
        raise Violation("; ".join(found))


def _left(subject: Subject, expected: Expected) -> Iterator[str]:
    if engines := subject.engines():
        yield f"processes {engines} are still in its work directory"
    directories = subject.directories()
    if bool(directories) != expected.directory:
        yield f"its work directories are {list(map(str, directories))}"


def _status(subject: Subject, expected: Expected) -> Iterator[str]:
    if subject.status != expected.status:
        message = subject.value("error_message")
        yield f"the task is {subject.status}, not {expected.status}: {message!r}"


def _stages(subject: Subject, _: Expected) -> Iterator[str]:
    for stage in subject.stages():
        if stage.status in {"ready", "running", "waiting"}:
            yield f"{stage.name} is still {stage.status}"


def _lock(subject: Subject, expected: Expected) -> Iterator[str]:
    ((locked, reason),) = subject.cluster.sql(
        "SELECT is_locked, lock_reason FROM workspaces_workspace WHERE workspace_id = %s",
        subject.workspace_id,
    )
    if locked != bool(expected.lock) or expected.lock not in reason:
        wanted = f"locked for {expected.lock!r}" if expected.lock else "free"
        yield f"the workspace is not {wanted}: locked={locked} {reason!r}"


def _changes(subject: Subject, _: Expected) -> Iterator[str]:
    (left,) = subject.cluster.sql(
        "SELECT count(*) FROM workspaces_resourcechange "
        "WHERE task_id = %s AND apply_status = 'applying'",
        subject.task_id,
    )[0]
    if left:
        yield f"{left} resources are still shown as being applied"


def _applies(subject: Subject, expected: Expected) -> Iterator[str]:
    journal = subject.cluster.journal
    count = len(journal.starts("apply", task=subject.task_id))
    if count > 1:
        yield f"the engine applied {count} times"
    if expected.applies is not None and count != expected.applies:
        yield f"the engine applied {count} times, not {expected.applies}"
    if journal.whats("overlap", workspace=subject.workspace_id):
        yield "two applies of the workspace ran at once"


def _log(subject: Subject, _: Expected) -> Iterator[str]:
    rows = subject.cluster.sql(
        "SELECT first_line, line_count, content FROM workspaces_tasklog "
        "WHERE task_id = %s ORDER BY first_line",
        subject.task_id,
    )
    following = 1
    for first, count, content in rows:
        if first != following or content.count("\n") != count:
            yield f"the log has a gap: line {first} with {count} lines comes behind {following - 1}"
        following = first + count
    seen = Counter(SAID.findall("".join(content for *_, content in rows)))
    said = subject.cluster.journal.whats("said", task=subject.task_id)
    if lost := [line for line in said if not seen[line]]:
        yield f"the log lacks {len(lost)} of {len(said)} lines, such as {lost[0]!r}"
    if twice := [line for line, times in seen.items() if times > 1]:
        yield f"the log has {len(twice)} lines twice, such as {twice[0]!r}"


def _state(subject: Subject, expected: Expected) -> Iterator[str]:
    made = frozenset(subject.cluster.journal.whats("made", workspace=subject.workspace_id))
    wanted = (made if expected.resources is None else expected.resources) - expected.may_lack
    state = current_state(subject)
    names = frozenset(row["name"] for row in state.get("resources", []))
    if lost := sorted(wanted - names):
        yield f"the state lacks {', '.join(lost)} and has {', '.join(sorted(names)) or 'nothing'}"


def _versions(subject: Subject, _: Expected) -> Iterator[str]:
    rows = subject.cluster.sql(
        "SELECT version, serial FROM workspaces_stateversion AS state "
        "JOIN workspaces_workspace AS workspace ON workspace.id = state.workspace_id "
        "WHERE workspace.workspace_id = %s ORDER BY version",
        subject.workspace_id,
    )
    if [version for version, _ in rows] != list(range(1, len(rows) + 1)):
        yield f"state versions are {rows}"
    serials = [serial for _, serial in rows]
    if serials != sorted(set(serials)):
        yield f"the serials of the state go {serials}"


def current_state(subject: Subject) -> dict[str, Any]:
    """The newest state's content, empty before the first."""
    client = subject.cluster.client
    url = f"{client.base_url}/api/v1/workspaces/{subject.workspace_id}/state-versions/current/download"
    answer = client.session.get(url, timeout=TIMEOUT_SECONDS)
    if answer.status_code == requests.codes.not_found:
        return {}
    answer.raise_for_status()
    content: dict[str, Any] = answer.json()
    return content


CHECKS: tuple[Callable[[Subject, Expected], Iterator[str]], ...] = (
    _left,
    _status,
    _stages,
    _lock,
    _changes,
    _applies,
    _log,
    _state,
    _versions,
)
