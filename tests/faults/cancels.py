"""Cancellations: in every stage, twice, without Redis, without a worker."""

from functools import partial

import requests

from tests.faults.cluster import Cluster
from tests.faults.invariants import Expected, verify
from tests.faults.places import (
    HELD_APPLYING,
    PLACES,
    PLANNING,
    Place,
    let_go,
    met_in,
    owner_of,
    prepare,
    wait_held,
)
from tests.faults.registry import Stopwatch, fault
from tests.faults.subjects import Subject, new_workspace, start_task
from tests.faults.waiting import demand, until

TASKS = 20
REASON = "the wrong change"
GONE_SECONDS = 2.0
"""One second for the request to arrive, and one for a busy machine."""
FINISHED_FIRST = frozenset({"saving_plan", "saving_state"})
SETTLED = frozenset({"post_apply_run_tasks"})


def cancelled_in(place: Place, cluster: Cluster, watch: Stopwatch) -> None:
    """Cancels twenty tasks that are in one stage."""
    workspaces = [prepare(cluster, place) for _ in range(TASKS)]
    subjects = [start_task(cluster, workspace_id) for workspace_id in workspaces]
    for subject in subjects:
        wait_held(subject, place)
    watch.hit()
    for subject in subjects:
        _ask(subject, place)
    if place.stage in FINISHED_FIRST:
        for subject in subjects:
            let_go(subject, place)
    for subject in subjects:
        subject.wait_end()
    watch.over()
    # A state that is being saved is of a change that has been made: it is too late to cancel that.
    status = "applied" if place.stage == "saving_state" else "cancelled"
    for subject in subjects:
        verify(subject, Expected(status))
        demand(subject.transitions(status) == 1, f"{subject} has ended more than once")


def _ask(subject: Subject, place: Place) -> None:
    too_late = place.stage == "saving_state"
    try:
        subject.cancel(REASON, force=place.is_applying)
    except requests.HTTPError as error:
        demand(
            too_late and error.response.status_code == requests.codes.conflict,
            f"{subject}: {error}",
        )
    else:
        demand(not too_late, f"{subject} was cancelled although its change has been made")


for _place in PLACES:
    if _place.stage not in SETTLED:
        _promise = (
            "refused: the state is saved, the task applied"
            if _place.stage == "saving_state"
            else "cancelled once, what was made is in the state"
        )
        fault("16", f"20 cancelled in {_place.title}", _promise, harmless=True)(
            partial(cancelled_in, _place)
        )


@fault(
    "16",
    "20 cancelled while approval is awaited",
    "cancelled once, the workspace free",
    harmless=True,
)
def cancelled_in_decision(cluster: Cluster, watch: Stopwatch) -> None:
    """Nobody works on them: they end in the request itself."""
    workspaces = [new_workspace(cluster, auto_apply=False) for _ in range(TASKS)]
    subjects = [start_task(cluster, workspace_id) for workspace_id in workspaces]
    for subject in subjects:
        subject.wait_status("apply_pending")
    watch.hit()
    for subject in subjects:
        subject.cancel(REASON)
        demand(subject.status == "cancelled", f"{subject} is not cancelled at once")
    watch.over()
    for subject in subjects:
        verify(subject, Expected("cancelled", applies=0))


@fault("16", "cancelled twice, then by force", "one cancellation, the first reason", harmless=True)
def cancelled_twice(cluster: Cluster, watch: Stopwatch) -> None:
    """The second request may make it faster, not different."""
    subject = met_in(cluster, HELD_APPLYING)
    try:
        subject.cancel("without force")
    except requests.HTTPError:
        pass
    else:
        demand(False, "an apply was interrupted without force")
    watch.hit()
    subject.cancel(REASON, force=True)
    subject.cancel("again", force=True)
    subject.wait_end()
    watch.over()
    demand(subject.value("cancel_reason") == REASON, "the first reason was lost")
    demand(subject.transitions("cancelled") == 1, "it was cancelled twice")
    verify(subject, Expected("cancelled", applies=1))


@fault("16", "cancelled while Redis is down", "the engine is gone in about a second")
def cancelled_without_redis(cluster: Cluster, watch: Stopwatch) -> None:
    """The rows alone carry the request."""
    subject = met_in(cluster, HELD_APPLYING)
    cluster.redis.kill()
    watch.hit()
    subject.cancel(REASON, force=True)
    until(lambda: not subject.engines(), "the engine is gone", GONE_SECONDS)
    watch.over()
    # The hint of saving_state is lost: without Redis nobody can be told of it.
    cluster.redis.start()
    subject.wait_end()
    verify(subject, Expected("cancelled", applies=1))


@fault("16", "cancelled in planning, its worker dead", "cancelled without another attempt")
def cancelled_without_planner(cluster: Cluster, watch: Stopwatch) -> None:
    """There is nobody to stop."""
    subject = _cancelled_after_kill(cluster, watch, PLANNING)
    verify(subject, Expected("cancelled", applies=0))
    demand(
        len(cluster.journal.starts("plan", task=subject.task_id)) == 1, "it was planned once more"
    )


@fault("16", "cancelled in applying, its worker dead", "cancelled, what was made is in the state")
def cancelled_without_applier(cluster: Cluster, watch: Stopwatch) -> None:
    """The rescue finds the state first."""
    verify(_cancelled_after_kill(cluster, watch, HELD_APPLYING), Expected("cancelled", applies=1))


def _cancelled_after_kill(cluster: Cluster, watch: Stopwatch, place: Place) -> Subject:
    subject = met_in(cluster, place)
    worker = owner_of(subject, place)
    watch.hit()
    worker.kill()
    subject.cancel(REASON, force=True)
    worker.start()
    subject.wait_end()
    watch.over()
    return subject
