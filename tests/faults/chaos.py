"""Chaos: people work with the platform while random faults happen at random moments.

When the time is over everything is healed and has to come to its end; then every invariant is checked.
"""

import re
import threading
import time
from collections import Counter
from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from rich.console import Console

from tests.faults.chaos_checks import Evidence, evidence_of, violations_in
from tests.faults.chaos_dossiers import write_dossier
from tests.faults.chaos_faults import Deed, Planned, plan_faults, steps_of, take
from tests.faults.chaos_people import Person
from tests.faults.cluster import Cluster
from tests.faults.registry import Stopwatch, fault
from tests.faults.waiting import Violation, demand, until

WORKSPACES = 10
SETTLE_SECONDS = 180.0
DECIDE_SECONDS = 0.5
ENDED_ALONE = "has ended by itself"
ROW_SECONDS, ROW_SEED = 45.0, 28
UNSETTLED = """
SELECT workspace.workspace_id, task.id, task.status, stage.name, stage.status,
       workspace.lock_reason
  FROM workspaces_workspace AS workspace
  JOIN workspaces_workspacetask AS task ON task.workspace_id = workspace.id
  LEFT JOIN workspaces_taskstage AS stage
         ON stage.task_id = task.id AND stage.status IN ('ready', 'running', 'waiting')
 WHERE workspace.workspace_id = ANY(%s)
   AND (task.completed_at IS NULL OR stage.id IS NOT NULL
        OR workspace.is_locked AND workspace.lock_task_id = task.id)
"""


@dataclass(frozen=True)
class Chaos:
    """What has happened, and what did not hold."""

    seed: int
    evidence: Evidence
    answers: Counter[str]
    settle_seconds: float
    violations: list[str]


def run_chaos(cluster: Cluster, seconds: float, seed: int) -> Chaos:
    """Lets people work and faults happen for so many seconds, then settles and checks everything."""
    people = [Person(cluster, number, seed) for number in range(WORKSPACES)]
    deeds = _disturb(cluster, people, plan_faults(seed, seconds), seconds)
    cluster.heal()
    started = time.monotonic()
    violations = [f"{deed.target} {deed.kind}" for deed in deeds if deed.kind == ENDED_ALONE]
    violations += [complaint for person in people for complaint in person.complaints]
    try:
        _settle(cluster, people)
    except Violation as violation:
        violations.append(str(violation))
    settle_seconds = time.monotonic() - started
    evidence = evidence_of(cluster, [each.workspace_id for each in people], deeds)
    violations += _told(evidence)
    answers = sum((person.answers for person in people), Counter[str]())
    return Chaos(seed, evidence, answers, settle_seconds, violations)


def _disturb(
    cluster: Cluster, people: Sequence[Person], plan: Sequence[Planned], seconds: float
) -> list[Deed]:
    over = threading.Event()
    with ThreadPoolExecutor(len(people)) as threads:
        working = [threads.submit(person.work, over) for person in people]
        try:
            deeds = _inject(cluster, plan, seconds)
        finally:
            over.set()
        for each in working:
            each.result()
    return deeds


def _inject(cluster: Cluster, plan: Sequence[Planned], seconds: float) -> list[Deed]:
    """Does what is planned when it is planned; what would last longer is undone when it is over."""
    started = time.monotonic()
    began: dict[str, float] = {}
    deeds: list[Deed] = []
    for at, planned, begins in steps_of(plan):
        time.sleep(max(0.0, started + min(at, seconds) - time.monotonic()))
        deeds += _restart_dead(cluster, spare=began.keys())
        if begins:
            began[planned.target] = time.time()
        take(cluster, planned, begins=begins)
        if not begins:
            name, since = planned.kind.name, began.pop(planned.target)
            deeds.append(Deed(name, planned.target, since, time.time()))
    time.sleep(max(0.0, started + seconds - time.monotonic()))
    return deeds + _restart_dead(cluster, spare=())


def _restart_dead(cluster: Cluster, spare: Collection[str]) -> list[Deed]:
    """Starts what has ended although nobody has told it to."""
    dead = [
        each for each in cluster.processes.values() if not each.alive and each.name not in spare
    ]
    for process in dead:
        process.start()
    now = time.time()
    return [Deed(ENDED_ALONE, process.name, now, now) for process in dead]


def _settle(cluster: Cluster, people: Sequence[Person]) -> None:
    """Waits until nothing is live, waiting or locked any more; people do what only they can do."""
    by_id = {person.workspace_id: person for person in people}
    left: list[tuple[str, ...]] = []

    def is_settled() -> bool:
        left[:] = cluster.sql(UNSETTLED, list(by_id))
        for workspace_id in {row[0] for row in left}:
            by_id[workspace_id].settle()
        time.sleep(DECIDE_SECONDS if left else 0)
        return not left

    try:
        until(is_settled, "all is settled", SETTLE_SECONDS)
    except Violation as violation:
        raise Violation(f"{violation}: {left}") from None


def _told(evidence: Evidence) -> list[str]:
    """What does not hold; what is known of each task of the workspace is in a file."""
    found = list(violations_in(evidence))
    for concerned in {task.workspace_id for task, _ in found}:
        for task in evidence.tasks:
            if task.workspace_id == concerned:
                write_dossier(evidence, task)
    return [f"task {task.task_id} of {task.workspace_id}: {text}" for task, text in found]


@fault("28", f"random faults for {ROW_SECONDS:g} s", "everything is settled, nothing lost or twice")
def row(cluster: Cluster, watch: Stopwatch) -> None:
    """The chaos as one of the faults, always the same."""
    chaos = run_chaos(cluster, ROW_SECONDS, ROW_SEED)
    watch.seconds = chaos.settle_seconds
    demand(not chaos.violations, "; ".join(chaos.violations))


def report(chaos: Chaos, console: Console) -> None:
    """Prints the counts and what did not hold; the last line is for scripts."""
    tasks, deeds = chaos.evidence.tasks, chaos.evidence.deeds
    entries = [entry for task in tasks for entry in chaos.evidence.entries[task.task_id]]
    events = Counter(entry.event for entry in entries)
    applies = sum((entry.event, entry.what) == ("start", "apply") for entry in entries)
    failures = Counter(in_general(task.error) for task in tasks if task.status == "failed")
    for title, ends in (
        ("faults", Counter(deed.kind for deed in deeds)),
        ("answers", chaos.answers),
        ("tasks", Counter(task.status for task in tasks)),
        ("failures", failures),
    ):
        console.print(f"{title}={ends.total()}", highlight=False)
        for name, count in ends.most_common():
            console.print(f"  {count:5} {name}", highlight=False, markup=False)
    made = {(entry.workspace, entry.what) for entry in entries if entry.event == "made"}
    counts = f"applies={applies} lines={events['said']} resources={len(made)}"
    console.print(counts, highlight=False)
    console.print(f"settle_seconds={chaos.settle_seconds:.1f}", highlight=False)
    for violation in chaos.violations:
        console.print(f"VIOLATION {violation}", highlight=False, markup=False)
    console.print(f"chaos_violations={len(chaos.violations)} seed={chaos.seed}", highlight=False)


def in_general(error: str) -> str:
    """An error without what differs from task to task."""
    return re.sub(r"\d+", "N", error.partition("\n")[0])[:160]
