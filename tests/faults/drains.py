"""Workers that are told to stop: in every stage, with their whole process group, and killed after all."""

import signal
import time
from collections.abc import Callable
from functools import partial

from tests.faults.cluster import Cluster
from tests.faults.invariants import Expected, verify
from tests.faults.places import (
    ALL,
    HELD_APPLYING,
    PLACES,
    Place,
    let_go,
    made_at_all,
    met_in,
    owner_of,
)
from tests.faults.processes import Process
from tests.faults.registry import Stopwatch, fault
from tests.faults.subjects import new_workspace, start_task
from tests.faults.waiting import demand, until

EXIT_SECONDS = 5.0
FINISH_SECONDS = 40.0
HELD_SECONDS = 1.0
FINISHED_FIRST = frozenset({"saving_plan", "applying", "saving_state"})
"""What a worker that is told to stop brings to its end; everything else it hands over."""
Tell = Callable[[Process], None]


def _to_process(worker: Process) -> None:
    worker.send(signal.SIGTERM)


def _to_group(worker: Process) -> None:
    worker.send_to_group(signal.SIGTERM)


def handed_over_in(place: Place, tell: Tell, cluster: Cluster, watch: Stopwatch) -> None:
    """Tells the workers to stop, and starts them again; they wait for nothing."""
    subject = met_in(cluster, place)
    watch.hit_together(lambda: _drain(cluster, tell))
    let_go(subject, place)
    subject.wait_end()
    watch.over()
    if place.is_gate:
        until(lambda: not subject.is_waiting(), f"{subject} waits at no gate")
    verify(subject, Expected("applied", resources=made_at_all(place), applies=1))


def finished_in(place: Place, tell: Tell, cluster: Cluster, watch: Stopwatch) -> None:
    """Tells the worker that has a task to stop; it must not before the task's stage has ended."""
    subject = met_in(cluster, place)
    worker = owner_of(subject, place)
    watch.hit_together(lambda: _tell(cluster, tell))
    time.sleep(HELD_SECONDS)
    demand(worker.alive, f"the worker stopped in the middle of {place.title}")
    watch.together(lambda: None)
    let_go(subject, place)
    worker.wait_end(FINISH_SECONDS)
    watch.together(cluster.revive)
    subject.wait_end()
    watch.over()
    verify(subject, Expected("applied", resources=made_at_all(place), applies=1))


def _tell(cluster: Cluster, tell: Tell) -> None:
    for worker in cluster.workers:
        tell(worker)


def _drain(cluster: Cluster, tell: Tell) -> None:
    _tell(cluster, tell)
    told = cluster.workers
    until(lambda: not any(each.alive for each in told), "both workers have ended", EXIT_SECONDS)
    cluster.revive()


def _add(number: str, name: str, place: Place, tell: Tell) -> None:
    if place.stage in FINISHED_FIRST:
        add = fault(number, name, "finished first", group=f"{number} finished first")
        add(partial(finished_in, place, tell))
    else:
        add = fault(number, name, "gone in 5 s; applied once", group=f"{number} handed over")
        add(partial(handed_over_in, place, tell))


for _place in PLACES:
    _add("14", f"SIGTERM in {_place.title}", _place, _to_process)
    if _place.stage in {"planning", "applying"}:
        _add("15", f"SIGTERM to the group in {_place.title}", _place, _to_group)


@fault(
    "14",
    "SIGTERM while approval is awaited",
    "gone in 5 s; approved and applied once",
    group="14 handed over",
)
def drained_in_decision(cluster: Cluster, watch: Stopwatch) -> None:
    """Both workers stop while a plan waits for a person."""
    subject = start_task(cluster, new_workspace(cluster, auto_apply=False))
    subject.wait_status("apply_pending")
    watch.hit_together(lambda: _drain(cluster, _to_process))
    subject.confirm()
    subject.wait_end()
    watch.over()
    verify(subject, Expected("applied", resources=ALL, applies=1))


@fault("14", "SIGTERM, then SIGKILL after 2 s of applying", "rescued: its state is whole")
def killed_while_draining(cluster: Cluster, watch: Stopwatch) -> None:
    """What happens at the end of a grace period that was too short."""
    subject = met_in(cluster, HELD_APPLYING)
    worker = owner_of(subject, HELD_APPLYING)
    watch.hit()
    worker.send(signal.SIGTERM)
    time.sleep(2)
    worker.kill()
    worker.start()
    subject.wait_end()
    watch.over()
    verify(subject, Expected("failed", applies=1))
