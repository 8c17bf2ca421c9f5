"""Where a worker can be met: every stage of a task, and how a fault holds a task in it."""

from dataclasses import dataclass

from tests.faults.cluster import Cluster
from tests.faults.configurations import journaled
from tests.faults.processes import Process
from tests.faults.subjects import Subject, new_workspace, start_task

NAMES = ("r0", "r1", "r2", "r3", "r4")
ALL = frozenset(NAMES)
"""What :func:`tests.faults.configurations.journaled` makes unless told otherwise."""


@dataclass(frozen=True)
class Place:
    """A stage, and the point at which tasks are held in it; without one its own work takes long."""

    phase: str
    stage: str
    point: str = ""

    @property
    def title(self) -> str:
        """For a row of the table."""
        return f"{self.stage} ({self.phase})"

    @property
    def is_gate(self) -> bool:
        """Whether no worker has the task here."""
        return self.point.startswith("gate.")

    @property
    def is_applying(self) -> bool:
        """Whether the engine changes something here."""
        return self.stage == "applying"


def _gate(phase: str, stage: str) -> Place:
    return Place(phase, stage, f"gate.{stage}")


# A stage that starts an engine is met while the engine runs; the others when their work is done and not
# yet written down, which is the worst moment.
PLACES = (
    Place("plan", "fetching", "plan.fetching.after"),
    Place("plan", "init", "engine.init"),
    _gate("plan", "pre_plan_run_tasks"),
    Place("plan", "planning", "engine.plan"),
    Place("plan", "saving_plan", "engine.show"),
    _gate("plan", "post_plan_run_tasks"),
    Place("apply", "fetching", "apply.fetching.after"),
    Place("apply", "init", "apply.init.after"),
    Place("apply", "restoring_plan", "apply.restoring_plan.after"),
    _gate("apply", "pre_apply_run_tasks"),
    Place("apply", "applying", "resource.r3"),
    Place("apply", "saving_state", "apply.saving_state.after"),
    _gate("apply", "post_apply_run_tasks"),
)
PLANNING = next(place for place in PLACES if place.stage == "planning")
HELD_APPLYING = next(place for place in PLACES if place.stage == "applying")
APPLYING = Place("apply", "applying")
"""An apply that is met while it goes on by itself, for some seconds."""
SLOW_RESOURCES = 12


def prepare(cluster: Cluster, place: Place, *, resources: int = 0) -> str:
    """Makes a workspace whose tasks are held at a place; returns its id."""
    code = journaled(cluster.directory, resources=resources or _resources(place))
    tags = [f"hold:{place.stage}"] if place.is_gate else []
    workspace_id = new_workspace(cluster, code, tags=tags)
    if place.point:
        cluster.points.set("hold", place.point, workspace_id)
    return workspace_id


def wait_held(subject: Subject, place: Place) -> None:
    """Waits until a task has come to its place; raises ``Violation`` where it ends before."""
    subject.wait_for(lambda: _is_held(subject, place), f"is held in {place.title}")


def _is_held(subject: Subject, place: Place) -> bool:
    cluster = subject.cluster
    if place.is_gate:
        row = subject.stage(place.phase, place.stage)
        return row is not None and row.status == "waiting"
    if place.point:
        return cluster.points.is_reached(place.point, subject.workspace_id)
    return len(subject.made()) >= 3


def met_in(cluster: Cluster, place: Place, *, resources: int = 0) -> Subject:
    """Starts a task and waits until it is at a place. ``resources``: what it makes, if not the usual."""
    subject = start_task(cluster, prepare(cluster, place, resources=resources))
    wait_held(subject, place)
    return subject


def held_at(cluster: Cluster, point: str) -> Subject:
    """Starts a task and waits until it is held at a point of its worker's way."""
    workspace_id = new_workspace(cluster)
    cluster.points.set("hold", point, workspace_id)
    subject = start_task(cluster, workspace_id)
    subject.wait_reached(point)
    return subject


def let_go(subject: Subject, place: Place) -> None:
    """Lets a task that is held go on."""
    if place.point:
        subject.cluster.points.clear("hold", place.point, subject.workspace_id)


def owner_of(subject: Subject, place: Place) -> Process:
    """The worker that has the task; any stage worker where nobody has it."""
    cluster = subject.cluster
    row = subject.stage(place.phase, place.stage)
    return cluster.processes[row.owner] if row and row.owner else cluster.workers[0]


def made_at_all(place: Place) -> frozenset[str]:
    """What an uninterrupted apply makes at a place."""
    return frozenset(f"r{number}" for number in range(_resources(place)))


def _resources(place: Place) -> int:
    return len(NAMES) if place.point else SLOW_RESOURCES
