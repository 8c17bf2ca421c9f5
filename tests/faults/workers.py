"""Workers that are killed: in every stage, between two steps, and with their engine still alive."""

from functools import partial

from tests.faults.cluster import Cluster
from tests.faults.configurations import Code, journaled
from tests.faults.invariants import Expected, verify
from tests.faults.places import (
    ALL,
    APPLYING,
    PLACES,
    SLOW_RESOURCES,
    Place,
    held_at,
    let_go,
    made_at_all,
    met_in,
    owner_of,
)
from tests.faults.registry import Stopwatch, fault
from tests.faults.subjects import new_workspace, start_task
from tests.faults.waiting import demand, until

INTERRUPTED = "interrupted"
KILLED = "workers killed"


def killed_in(place: Place, cluster: Cluster, watch: Stopwatch) -> None:
    """Kills the worker that has a task, and starts it again at once."""
    subject = met_in(cluster, place)
    watch.hit_together(lambda: _kill_both(cluster))
    let_go(subject, place)
    subject.wait_end()
    watch.over()
    if place.is_applying:
        demand(INTERRUPTED in subject.value("error_message"), "the task does not say it was cut")
        verify(subject, Expected("failed", applies=1))
        return
    if place.is_gate:
        until(lambda: not subject.is_waiting(), f"{subject} waits at no gate")
    verify(subject, Expected("applied", resources=made_at_all(place), applies=1))


def _kill_both(cluster: Cluster) -> None:
    for worker in cluster.workers:
        worker.kill()
    for worker in cluster.workers:
        worker.start()


for _place in PLACES:
    _promise = "its state is whole, it is not run again" if _place.is_applying else "applied once"
    fault("1", f"worker killed in {_place.title}", _promise, group=KILLED)(
        partial(killed_in, _place)
    )


@fault(
    "1",
    "worker killed while approval is awaited",
    "nothing was held: approved, applied once",
    group=KILLED,
)
def killed_in_decision(cluster: Cluster, watch: Stopwatch) -> None:
    """A plan waits for a person, who approves it while nobody is there."""
    subject = start_task(cluster, new_workspace(cluster, auto_apply=False))
    subject.wait_status("apply_pending")
    watch.hit_together(lambda: _kill_both(cluster))
    subject.confirm()
    subject.wait_end()
    watch.over()
    verify(subject, Expected("applied", resources=ALL, applies=1))


@fault(
    "2", "worker killed, its engine goes on", "the rescue waits for the engine's end; all is saved"
)
def killed_without_engine(cluster: Cluster, watch: Stopwatch) -> None:
    """The engine does not hear the signal of its worker's death and applies to the end."""
    workspace_id = new_workspace(cluster, _slow(cluster))
    cluster.points.set("stubborn", "engine.apply", workspace_id)
    subject = start_task(cluster, workspace_id)
    subject.wait_made(3)
    worker = owner_of(subject, APPLYING)
    watch.hit()
    worker.kill()
    worker.start()
    demand(subject.engines(), "the engine died with its worker: nothing was tested")
    subject.wait_end()
    watch.over()
    verify(subject, Expected("failed", resources=made_at_all(APPLYING), applies=1))


def killed_at(point: str, expected: Expected, cluster: Cluster, watch: Stopwatch) -> None:
    """Kills the worker when a task is at a place of the real code, between two steps."""
    subject = held_at(cluster, point)
    watch.hit_together(lambda: _kill_both(cluster))
    cluster.points.clear("hold", point, subject.workspace_id)
    subject.wait_end()
    watch.over()
    verify(subject, expected)


APPLIED = Expected("applied", resources=ALL, applies=1)
BETWEEN = (
    ("between claim and plan", "plan.planning.before", APPLIED),
    ("between plan and close", "plan.planning.after", APPLIED),
    ("between close and hint", "plan.saving_plan.publish", APPLIED),
    ("between claim and apply", "apply.applying.before", Expected("failed", applies=0)),
    ("between apply and close", "apply.applying.after", Expected("failed", resources=ALL)),
    ("between apply's close and hint", "apply.saving_state.publish", APPLIED),
    ("between state save and close", "apply.saving_state.after", APPLIED),
)
for _name, _point, _expected in BETWEEN:
    _promise = "applied once" if _expected is APPLIED else "not applied again, its state is saved"
    # A hint that is held back is sent by the sweep in two seconds: nobody can be waited for there.
    _group = "" if _point.endswith(".publish") else KILLED
    fault("3", f"worker killed {_name}", _promise, group=_group)(
        partial(killed_at, _point, _expected)
    )


def _slow(cluster: Cluster) -> Code:
    return journaled(cluster.directory, resources=SLOW_RESOURCES)
