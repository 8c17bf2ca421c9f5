"""How long the platform takes with the settings that an installation has by default."""

import statistics
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from rich.console import Console

from tests.faults.cluster import Cluster, running_cluster
from tests.faults.configurations import journaled
from tests.faults.invariants import Expected, verify
from tests.faults.places import PLACES, let_go, met_in
from tests.faults.registry import Fault, Stopwatch
from tests.faults.runner import Result, chosen, run_faults
from tests.faults.subjects import Subject, new_workspace, start_task
from tests.faults.waiting import Violation, demand, until

CANCELS, BATCH = 50, 10
CANCEL_SECONDS, SETTLE_SECONDS = 1.0, 45.0
"""What is promised."""
PATIENCE_SECONDS = 120.0
POLL_SECONDS = 0.005
PLANNING = next(place for place in PLACES if place.stage == "planning")
DOUBTFUL = "may not be whole"


def run_measures(directory: Path, expression: str, console: Console) -> list[Result]:
    """Measures, in a platform of its own, what ``expression`` chooses; prints the figures."""
    figures: list[str] = []
    measures = chosen(
        [
            Fault(
                "M",
                f"{CANCELS} applies cancelled by force",
                f"95 of 100 engines gone in {CANCEL_SECONDS:g} s",
                partial(cancels, figures),
            ),
            Fault(
                "M",
                "a worker killed that plans and applies, for good",
                f"both tasks settled in {SETTLE_SECONDS:g} s",
                partial(settling, figures),
            ),
        ],
        expression,
    )
    if not measures:
        return []
    directory = directory / "defaults"
    directory.mkdir(mode=0o711)
    with running_cluster(directory, settings={}) as cluster:
        results = run_faults(cluster, measures, console)
    for figure in figures:
        console.print(figure, highlight=False)
    return results


def cancels(figures: list[str], cluster: Cluster, watch: Stopwatch) -> None:
    """From the moment a request is sent to the moment the last process of its engine is gone."""
    seconds = [took for _ in range(CANCELS // BATCH) for took in _cancel_batch(cluster)]
    p95 = statistics.quantiles(seconds, n=20)[-1]
    figures.append(
        f"cancel_p95_ms={p95 * 1000:.0f} median_ms={statistics.median(seconds) * 1000:.0f}"
        f" max_ms={max(seconds) * 1000:.0f} cancels={len(seconds)}"
    )
    watch.seconds = p95
    demand(p95 <= CANCEL_SECONDS, f"it took {p95:.2f} s")


def _cancel_batch(cluster: Cluster) -> list[float]:
    # Each has hardly anything to do while it waits for its turn.
    code = journaled(cluster.directory, resources=100, lines=1, pause=1)
    subjects = [start_task(cluster, new_workspace(cluster, code)) for _ in range(BATCH)]
    for subject in subjects:
        subject.wait_made(1)
    seconds = [_cancel(subject) for subject in subjects]
    for subject in subjects:
        subject.wait_end()
        verify(subject, Expected("cancelled", applies=1))
    return seconds


def _cancel(subject: Subject) -> float:
    with ThreadPoolExecutor(1) as thread:
        started = time.monotonic()
        request = thread.submit(subject.cancel, "measured", force=True)
        while subject.engines():
            if time.monotonic() > started + PATIENCE_SECONDS:
                raise Violation(f"the engine of {subject} does not go")
            time.sleep(POLL_SECONDS)
        took = time.monotonic() - started
        request.result()
    return took


def settling(figures: list[str], cluster: Cluster, watch: Stopwatch) -> None:
    """The worst case: nobody comes back for the work directory. One task planned, one applied."""
    first, second = cluster.workers
    second.stop()
    planning, applying = met_in(cluster, PLANNING), _applying(cluster)
    second.start()
    second.wait()
    watch.hit()
    started = time.monotonic()
    first.kill()
    let_go(planning, PLANNING)
    planned, applied = _wait_ends([planning, applying], started)
    watch.over()
    figures.append(
        f"settled_seconds={max(planned, applied):.1f} planning={planned:.1f} applying={applied:.1f}"
    )
    demand(DOUBTFUL in _lock_reason(applying), "the workspace is not locked with a reason")
    demand(max(planned, applied) <= SETTLE_SECONDS, "it took too long")
    first.start()
    until(lambda: not applying.is_locked(), "the host that came back has brought the whole state")
    verify(planning, Expected("applied", applies=1))
    verify(applying, Expected("failed", applies=1))


def _applying(cluster: Cluster) -> Subject:
    code = journaled(cluster.directory, resources=100, lines=1, pause=1)
    subject = start_task(cluster, new_workspace(cluster, code))
    subject.wait_made(1)
    return subject


def _wait_ends(subjects: Sequence[Subject], started: float) -> list[float]:
    """Seconds from ``started`` to the end of each."""
    ends: dict[int, float] = {}

    def all_ended() -> bool:
        for subject in subjects:
            if subject.task_id not in ends and subject.has_ended():
                ends[subject.task_id] = time.monotonic() - started
        return len(ends) == len(subjects)

    until(all_ended, "the tasks have ended", PATIENCE_SECONDS)
    return [ends[subject.task_id] for subject in subjects]


def _lock_reason(subject: Subject) -> str:
    query = "SELECT lock_reason FROM workspaces_workspace WHERE workspace_id = %s"
    return str(subject.cluster.sql(query, subject.workspace_id)[0][0])
