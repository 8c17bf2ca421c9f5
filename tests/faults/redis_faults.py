"""Redis that is killed, emptied, frozen or cut off: it holds hints only."""

import time
from collections.abc import Callable
from functools import partial
from typing import TypeVar

from tests.faults.cluster import Cluster
from tests.faults.invariants import Expected, verify
from tests.faults.places import ALL, APPLYING, made_at_all, met_in
from tests.faults.registry import Stopwatch, fault
from tests.faults.subjects import Subject, new_workspace, start_task
from tests.faults.waiting import demand, until

Result = TypeVar("Result")
CONSUMES_AGAIN_SECONDS = 5.0
HALF_OPEN_SECONDS = 20.0
FROZEN_SECONDS = 20.0
ANSWER_SECONDS = 5.0
CANCEL_SECONDS = 1.5
ONCE = Expected("applied", resources=ALL, applies=1)
SLOW = Expected("applied", resources=made_at_all(APPLYING), applies=1)


def killed(cluster: Cluster, watch: Stopwatch, *, wipe: bool) -> None:
    """Redis dies during an apply and comes back; a task created meanwhile waits for nothing."""
    applying = met_in(cluster, APPLYING)
    cluster.redis.kill()
    if wipe:
        cluster.redis.wipe()
    planned = start_task(cluster, new_workspace(cluster))
    time.sleep(1)
    cluster.redis.start()
    watch.hit()
    _wait_begun(planned, CONSUMES_AGAIN_SECONDS)
    watch.over()
    for subject, expected in ((applying, SLOW), (planned, ONCE)):
        subject.wait_end()
        verify(subject, expected)


fault("4", "Redis killed, back with its file", "all work again in 5 s, nothing is lost")(
    partial(killed, wipe=False)
)
fault("4", "Redis killed, back with nothing", "all work again in 5 s, nothing is lost")(
    partial(killed, wipe=True)
)


@fault("5", "Redis frozen for 20 s", "the API answers in 5 s, a cancellation takes about 1 s")
def frozen(cluster: Cluster, watch: Stopwatch) -> None:
    """Redis accepts connections and says nothing."""
    applying = met_in(cluster, APPLYING)
    cluster.redis.freeze()
    frozen_at = time.monotonic()
    workspace_id = new_workspace(cluster)
    planned = _within(ANSWER_SECONDS, lambda: start_task(cluster, workspace_id))
    watch.hit()
    _within(ANSWER_SECONDS, lambda: applying.cancel("not now", force=True))
    until(lambda: not applying.engines(), "the engine is gone", CANCEL_SECONDS + ANSWER_SECONDS)
    watch.over()
    time.sleep(max(0.0, frozen_at + FROZEN_SECONDS - time.monotonic()))
    cluster.redis.thaw()
    applying.wait_end()
    verify(applying, Expected("cancelled", applies=1))
    planned.wait_end()
    verify(planned, ONCE)


@fault("6", "Redis half-open", "work goes on in 20 s, lost hints are sent again")
def half_open(cluster: Cluster, watch: Stopwatch) -> None:
    """Every connection to Redis swallows what it carries and is never closed."""
    cluster.redis_proxy.swallow()
    watch.hit()
    subject = start_task(cluster, new_workspace(cluster))
    _wait_begun(subject, HALF_OPEN_SECONDS)
    watch.over()
    subject.wait_end()
    verify(subject, ONCE)


@fault("7", "connections to Redis killed", "nothing is started a second time")
def connections_killed(cluster: Cluster, watch: Stopwatch) -> None:
    """``CLIENT KILL TYPE normal`` during a plan and during an apply."""
    _disturbed(cluster, watch, lambda: _command(cluster, "CLIENT", "KILL", "TYPE", "normal"))


@fault("8", "FLUSHALL under way", "nothing is lost")
def flushed(cluster: Cluster, watch: Stopwatch) -> None:
    """All queues, bindings and keys are gone while workers and producers live."""
    _disturbed(cluster, watch, lambda: _command(cluster, "FLUSHALL"))


def _disturbed(cluster: Cluster, watch: Stopwatch, disturb: Callable[[], None]) -> None:
    applying = met_in(cluster, APPLYING)
    planned = start_task(cluster, new_workspace(cluster))
    watch.hit()
    for _ in range(5):
        disturb()
        time.sleep(0.2)
    planned.wait_end()
    applying.wait_end()
    watch.over()
    verify(applying, SLOW)
    verify(planned, ONCE)


def _command(cluster: Cluster, *words: str) -> None:
    with cluster.redis_client() as client:
        client.execute_command(*words)


def _wait_begun(subject: Subject, seconds: float) -> None:
    until(lambda: any(row.attempts for row in subject.stages()), f"{subject} is begun", seconds)


def _within(seconds: float, act: Callable[[], Result]) -> Result:
    started = time.monotonic()
    result = act()
    took = time.monotonic() - started
    demand(took <= seconds, f"the API took {took:.1f} s")
    return result
