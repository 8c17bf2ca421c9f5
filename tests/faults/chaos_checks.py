"""What must hold of everything once the chaos is over: nothing is lost, nothing has run twice."""

import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from tests.faults.chaos_faults import ASLEEP, POSTGRES, TOLD_TO_STOP, Deed
from tests.faults.cluster import Cluster
from tests.faults.invariants import Expected, verify
from tests.faults.journal import Entry, Journal
from tests.faults.subjects import Subject
from tests.faults.waiting import Violation

CHECKPOINT_SECONDS = 1.5
"""A checkpoint is at most a second old; half a second for a busy machine."""
RECONNECT_SECONDS = 3.0
"""How long after an outage of PostgreSQL, or a sleep, no checkpoint may have arrived yet."""
TASKS = """
SELECT task.id, workspace.workspace_id, task.status, task.apply_owner, task.error_message,
       task.apply_confirmed_at IS NOT NULL,
       extract(epoch FROM coalesce(task.completed_at, now()))::float,
       applied.source IN ('checkpoint', 'nothing'),
       (SELECT extract(epoch FROM finished_at)::float FROM workspaces_taskstage
         WHERE task_id = task.id AND status = 'lost' AND name = 'applying')
  FROM workspaces_workspacetask AS task
  JOIN workspaces_workspace AS workspace ON workspace.id = task.workspace_id
  LEFT JOIN workspaces_appliedstate AS applied ON applied.task_id = task.id
 WHERE workspace.workspace_id = ANY(%s) ORDER BY task.id
"""


@dataclass(frozen=True)
class Ended:
    """A task at its end, or where it is stuck; times in seconds since the epoch.

    ``doubtful`` says that its state is from a checkpoint or from nowhere, ``lost`` when its apply was
    given up; both are empty where that never was a question.
    """

    task_id: int
    workspace_id: str
    status: str
    apply_owner: str
    error: str
    confirmed: bool
    completed: float
    doubtful: bool | None
    lost: float | None


@dataclass(frozen=True)
class WholeJournal(Journal):
    """A journal to which nothing is added any more: read once."""

    lines: dict[str, list[Entry]] = field(default_factory=dict)

    def _read(self) -> Iterator[Entry]:
        if not self.lines:
            self.lines["all"] = list(super()._read())
        yield from self.lines["all"]


@dataclass(frozen=True)
class Evidence:
    """What is known when all is over."""

    cluster: Cluster
    tasks: Sequence[Ended]
    deeds: Sequence[Deed]
    entries: dict[int, list[Entry]]


def evidence_of(cluster: Cluster, workspaces: Sequence[str], deeds: Sequence[Deed]) -> Evidence:
    """Collects it; only when everything has come to its end."""
    cluster = replace(cluster, journal=WholeJournal(cluster.journal.path))
    tasks = [Ended(*row) for row in cluster.sql(TASKS, list(workspaces))]
    entries: dict[int, list[Entry]] = defaultdict(list)
    for entry in cluster.journal.entries():
        entries[entry.task].append(entry)
    return Evidence(cluster, tasks, deeds, entries)


def violations_in(evidence: Evidence) -> Iterator[tuple[Ended, str]]:
    """Everything that does not hold, with the task it was seen in; of a workspace once."""
    seen: set[tuple[str, str]] = set()
    for task in evidence.tasks:
        for check in CHECKS:
            for violation in check(evidence, task):
                if (task.workspace_id, violation) not in seen:
                    seen.add((task.workspace_id, violation))
                    yield task, violation


def _common(evidence: Evidence, task: Ended) -> Iterator[str]:
    """What must hold of a task after any fault."""
    siblings = [each for each in evidence.tasks if each.workspace_id == task.workspace_id]
    whole = frozenset(name for each in siblings for name in _whole(evidence, each))
    lost = frozenset(name for each in siblings for name in _may_lack(evidence, each))
    subject = Subject(evidence.cluster, task.workspace_id, task.task_id)
    try:
        verify(subject, Expected(task.status, resources=whole, may_lack=lost))
    except Violation as violation:
        yield from str(violation).split("; ")


def _applies(evidence: Evidence, task: Ended) -> Iterator[str]:
    """None without approval, one whole one behind each task that says it is applied."""
    applies = [each for each in evidence.entries[task.task_id] if each.what == "apply"]
    events = [each.event for each in applies]
    if "start" in events and not task.confirmed:
        yield "the engine applied what nobody had approved"
    if task.status == "applied" and events != ["start", "end"]:
        yield f"it is applied, and its engine's apply went {events or 'nowhere'}"


def _made_again(evidence: Evidence, task: Ended) -> Iterator[str]:
    """A resource that is whole is made only once: whoever makes it again did not know of it."""
    whole: set[str] = set()
    for each in evidence.tasks:
        if each.task_id < task.task_id and each.workspace_id == task.workspace_id:
            whole |= _whole(evidence, each).keys() - _may_lack(evidence, each)
    for name in sorted(whole & _begun(evidence, task)):
        yield f"{name} was whole, and is made again"


def _reason(_: Evidence, task: Ended) -> Iterator[str]:
    """A task fails only because of what was done to it."""
    if task.status == "failed" and not EXPECTED_FAILURE.search(task.error):
        yield f"it has failed for a reason of its own: {task.error!r}"


EXPECTED_FAILURE = re.compile(
    r"^The apply was interrupted"
    r"|workers? (was|were) lost in"
    r"|^The worker had to stop \("
    r"|^The apply was stopped because its worker had to stop"
    r"|^state save failed"
)
CHECKS: tuple[Callable[[Evidence, Ended], Iterator[str]], ...] = (
    _common,
    _applies,
    _made_again,
    _reason,
)


def _may_lack(evidence: Evidence, task: Ended) -> frozenset[str]:
    """What a task has made in the last second of a worker whose host did not come back in time."""
    if not task.doubtful:
        return frozenset()
    known = _last_checkpoint(evidence, task) - CHECKPOINT_SECONDS
    late = {name for name, at in _whole(evidence, task).items() if at > known}
    return frozenset(late & _begun(evidence, task))


def _last_checkpoint(evidence: Evidence, task: Ended) -> float:
    """When its worker was lost to the apply; or, just before that, could not reach the database."""
    applies = (each.time for each in evidence.entries[task.task_id] if each.what == "apply")
    began = min(applies, default=task.completed)
    own = [each for each in evidence.deeds if each.target == task.apply_owner]
    deaths = (
        each.ended if each.kind == TOLD_TO_STOP else each.began
        for each in own
        if each.kind != ASLEEP
    )
    given_up = task.lost or task.completed
    lost = min((at for at in deaths if began < at < given_up), default=given_up)
    asleep = [each for each in own if each.kind == ASLEEP]
    outages = [each for each in evidence.deeds if each.target == POSTGRES]
    silences = (
        each.began
        for each in asleep + outages
        if each.began < lost < each.ended + RECONNECT_SECONDS
    )
    return min(silences, default=lost)


def _begun(evidence: Evidence, task: Ended) -> frozenset[str]:
    """The resources that a task has begun to make."""
    entries = evidence.entries[task.task_id]
    return frozenset(entry.what.split()[1] for entry in entries if entry.event == "said")


def _whole(evidence: Evidence, task: Ended) -> dict[str, float]:
    """The resources of which is known, from a task, that they are whole, and since when."""
    whole: dict[str, float] = {}
    for entry in evidence.entries[task.task_id]:
        if entry.event == "made":
            whole.setdefault(entry.what, entry.time)
    if task.status == "applied":
        whole = dict.fromkeys(_begun(evidence, task), task.completed) | whole
    return whole
