"""Hints that are repeated, or late."""

from tests.faults.cluster import Cluster
from tests.faults.invariants import Expected, verify
from tests.faults.places import ALL, PLANNING, let_go, met_in, owner_of
from tests.faults.registry import Stopwatch, fault
from tests.faults.subjects import new_workspace, start_task
from tests.faults.waiting import demand, until

HINTS = 40


@fault("12", "every hint forty times", "all claims but one fail", harmless=True)
def repeated(cluster: Cluster, watch: Stopwatch) -> None:
    subject = start_task(cluster, new_workspace(cluster))
    watch.hit()
    while not subject.has_ended():
        subject.publish(HINTS)
    watch.over()
    subject.publish(HINTS)
    verify(subject, Expected("applied", resources=ALL, applies=1))


@fault("27", "a dead host's queue full of hints, the host comes back", "all of them do nothing")
def stale_queue(cluster: Cluster, watch: Stopwatch) -> None:
    """Hints of a task that has ended and of one that another host has."""
    ended = start_task(cluster, new_workspace(cluster))
    ended.wait_end()
    subject = met_in(cluster, PLANNING)
    worker = owner_of(subject, PLANNING)
    dead = cluster.other_than[worker.name]
    dead.kill()
    queue = f"stages.local.{dead.name}"
    for each in (ended, subject):
        each.publish(HINTS, queue)
    before = [ended.stages(), subject.stages()]
    watch.hit()
    dead.start()
    dead.wait()
    with cluster.redis_client() as redis:
        until(lambda: not redis.llen(queue), "the queue is empty")
    watch.over()
    demand([ended.stages(), subject.stages()] == before, "a hint that was late did something")
    let_go(subject, PLANNING)
    subject.wait_end()
    for each in (ended, subject):
        verify(each, Expected("applied", resources=ALL, applies=1))
