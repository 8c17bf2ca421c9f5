"""PostgreSQL that dies, stays away, loses its replies or takes no more connections."""

import contextlib
import time
from functools import partial

import psycopg

from tests.faults.cluster import Cluster
from tests.faults.configurations import journaled
from tests.faults.invariants import Expected, verify
from tests.faults.places import ALL, APPLYING, held_at, made_at_all, met_in
from tests.faults.registry import Stopwatch, fault
from tests.faults.subjects import new_workspace, start_task
from tests.faults.waiting import demand

ONCE = Expected("applied", resources=ALL, applies=1)
OUTAGE_SECONDS = 8.0
"""Twice a lease."""
LONG_RESOURCES = 50
CLAIM = b"SET status = 'running', token"
CLOSE = b"WITH ended AS"
SAVE = b'INSERT INTO "workspaces_stateversion"'


@fault("9", "PostgreSQL crashes and starts again", "a healthy apply is not taken for lost")
def restarted(cluster: Cluster, watch: Stopwatch) -> None:
    """``pg_ctl -m immediate restart`` while one task applies and another plans."""
    applying = met_in(cluster, APPLYING)
    planned = start_task(cluster, new_workspace(cluster))
    cluster.postgres.crash()
    cluster.postgres.start()
    watch.hit()
    for subject in (planned, applying):
        subject.wait_end()
    watch.over()
    verify(applying, Expected("applied", resources=made_at_all(APPLYING), applies=1))
    verify(planned, ONCE)


@fault("9", "PostgreSQL away for two leases", "a healthy apply is not taken for lost")
def away(cluster: Cluster, watch: Stopwatch) -> None:
    """Nobody can renew a lease, and the engine works on."""
    code = journaled(cluster.directory, resources=LONG_RESOURCES)
    subject = start_task(cluster, new_workspace(cluster, code))
    subject.wait_made(3)
    cluster.postgres.kill()
    time.sleep(OUTAGE_SECONDS)
    cluster.postgres.start()
    demand(subject.engines(), "the engine did not outlive the outage: nothing was tested")
    watch.hit()
    subject.wait_end()
    watch.over()
    every = frozenset(f"r{number}" for number in range(LONG_RESOURCES))
    verify(subject, Expected("applied", resources=every, applies=1))


@fault("10", "PostgreSQL away when an apply ends", "its end is stored when PostgreSQL is back")
def away_at_the_end(cluster: Cluster, watch: Stopwatch) -> None:
    """The engine has ended, and the transaction that says so finds no server."""
    subject = held_at(cluster, "apply.applying.after")
    cluster.postgres.crash()
    cluster.points.clear("hold", "apply.applying.after", subject.workspace_id)
    time.sleep(OUTAGE_SECONDS)
    cluster.postgres.start()
    watch.hit()
    subject.wait_end()
    watch.over()
    verify(subject, ONCE)


def reply_lost(place: str, statement: bytes, cluster: Cluster, watch: Stopwatch) -> None:
    """The COMMIT of a transaction arrives, the answer to it does not."""
    subject = held_at(cluster, place)
    dropped = cluster.postgres_proxy.drop_reply_to_commit(after=statement)
    watch.hit()
    cluster.points.clear("hold", place, subject.workspace_id)
    subject.wait_end()
    watch.over()
    demand(dropped.is_set(), "no reply was lost: nothing was tested")
    demand(all(row.attempts <= 1 for row in subject.stages()), "a stage was run twice")
    verify(subject, ONCE)


for _name, _place, _statement in (
    ("the claim of planning", "plan.init.after", CLAIM),
    ("the end of planning", "plan.planning.after", CLOSE),
    ("the claim of applying", "apply.restoring_plan.after", CLAIM),
    ("the end of applying", "apply.applying.after", CLOSE),
    ("the state version", "apply.saving_state.before", SAVE),
):
    fault("11", f"reply to the COMMIT of {_name} lost", "not run twice, not given up")(
        partial(reply_lost, _place, _statement)
    )


@fault("23", "PostgreSQL takes no more connections", "all go on when it does again")
def too_many_connections(cluster: Cluster, watch: Stopwatch) -> None:
    """Somebody else holds every connection that the server can serve, for longer than a lease."""
    subject = met_in(cluster, APPLYING)
    with contextlib.ExitStack() as held:
        _take_connections(cluster, held)
        cluster.postgres_proxy.cut()
        time.sleep(0.5)
        _take_connections(cluster, held)
        time.sleep(OUTAGE_SECONDS)
    watch.hit()
    subject.wait_end()
    watch.over()
    verify(subject, Expected("applied", resources=made_at_all(APPLYING), applies=1))


def _take_connections(cluster: Cluster, held: contextlib.ExitStack) -> None:
    with contextlib.suppress(psycopg.OperationalError):
        while True:
            held.enter_context(psycopg.connect(cluster.postgres.service.url))
