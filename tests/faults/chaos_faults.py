"""The faults of the chaos and their plan: which happens to whom, when, and for how long."""

import contextlib
import itertools
import random
import shutil
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter

from kombu.exceptions import OperationalError

from tests.faults.cluster import BEATS, HOSTS, Cluster
from tests.faults.waiting import OUTAGES

GAP_SECONDS = (0.5, 6.0)
QUIET_SECONDS = 2.0
"""Tasks are under way when the first fault happens."""
Act = Callable[[Cluster, str], None]


def _kill(cluster: Cluster, name: str) -> None:
    cluster.processes[name].kill()


def _kill_alone(cluster: Cluster, name: str) -> None:
    cluster.processes[name].send(signal.SIGKILL)


def _kill_with_disk(cluster: Cluster, name: str) -> None:
    cluster.processes[name].kill()
    shutil.rmtree(cluster.work_root(name), ignore_errors=True)


def _start(cluster: Cluster, name: str) -> None:
    cluster.processes[name].start()


def _tell_to_stop(cluster: Cluster, name: str) -> None:
    cluster.processes[name].send(signal.SIGTERM)


def _end_grace(cluster: Cluster, name: str) -> None:
    """The process manager's patience is over, whether or not the worker has come to its end."""
    cluster.processes[name].kill()
    cluster.processes[name].start()


def _put_to_sleep(cluster: Cluster, name: str) -> None:
    cluster.processes[name].send(signal.SIGSTOP)


def _wake(cluster: Cluster, name: str) -> None:
    cluster.processes[name].send(signal.SIGCONT)


def _kill_redis(cluster: Cluster, _: str) -> None:
    cluster.redis.kill()


def _empty_redis(cluster: Cluster, _: str) -> None:
    cluster.redis.kill()
    cluster.redis.wipe()


def _start_redis(cluster: Cluster, _: str) -> None:
    cluster.redis.start()


def _freeze_redis(cluster: Cluster, _: str) -> None:
    cluster.redis.freeze()


def _thaw_redis(cluster: Cluster, _: str) -> None:
    cluster.redis.thaw()


def _kill_redis_connections(cluster: Cluster, _: str) -> None:
    with cluster.redis_client() as client:
        client.execute_command("CLIENT", "KILL", "TYPE", "normal")


def _swallow(cluster: Cluster, _: str) -> None:
    cluster.redis_proxy.swallow()


def _stop_swallowing(cluster: Cluster, _: str) -> None:
    cluster.redis_proxy.heal()


def _crash_postgres(cluster: Cluster, _: str) -> None:
    cluster.postgres.crash()


def _kill_postgres(cluster: Cluster, _: str) -> None:
    cluster.postgres.kill()


def _start_postgres(cluster: Cluster, _: str) -> None:
    cluster.postgres.start()


def _cut_postgres(cluster: Cluster, _: str) -> None:
    cluster.postgres_proxy.cut()


def _repeat_hints(cluster: Cluster, _: str) -> None:
    """Sends the hint of every stage that is not over yet again, twice, and of some that are."""
    rows = cluster.sql(
        "(SELECT id FROM workspaces_taskstage WHERE status IN ('ready', 'running', 'waiting')) "
        "UNION ALL (SELECT id FROM workspaces_taskstage ORDER BY id DESC LIMIT 20)"
    )
    cluster.publish([stage_id for (stage_id,) in rows] * 2, "stages.local")


def _nothing(_: Cluster, __: str) -> None:
    """It is over as soon as it has happened."""


@dataclass(frozen=True)
class Kind:
    """A kind of fault: ``begin`` does it to a target, ``end`` undoes it after so many ``seconds``."""

    name: str
    weight: int
    targets: tuple[str, ...]
    seconds: tuple[float, float]
    begin: Act
    end: Act


POSTGRES, REDIS = "postgres", "redis"
TOLD_TO_STOP, ASLEEP = "worker told to stop", "worker asleep"
DISK_LOST = "worker killed, its disk lost"
STORED_SECONDS = 5.0
"""So long after an outage every line is in the database again that was written in it."""
TAKEN_OVER_SECONDS = 30.0
"""So long the last second of a log is in Redis alone, once its disk is lost: nothing survives the loss of both."""
KINDS = (
    Kind("worker killed", 4, HOSTS, (0.2, 6), _kill, _start),
    Kind("worker killed, not its group", 2, HOSTS, (0.2, 3), _kill_alone, _start),
    Kind(DISK_LOST, 1, HOSTS, (0.2, 6), _kill_with_disk, _start),
    Kind(TOLD_TO_STOP, 3, HOSTS, (1, 15), _tell_to_stop, _end_grace),
    Kind(ASLEEP, 2, HOSTS, (0.5, 10), _put_to_sleep, _wake),
    Kind("control worker killed", 1, ("control",), (0.2, 8), _kill, _start),
    Kind("beat killed", 1, BEATS, (0.2, 15), _kill, _start),
    Kind("web killed", 1, ("web",), (0.2, 2), _kill, _start),
    Kind("Redis killed", 2, (REDIS,), (0.2, 4), _kill_redis, _start_redis),
    Kind("Redis emptied", 2, (REDIS,), (0.2, 4), _empty_redis, _start_redis),
    Kind("Redis frozen", 1, (REDIS,), (1, 10), _freeze_redis, _thaw_redis),
    Kind("Redis half-open", 1, (REDIS,), (1, 10), _swallow, _stop_swallowing),
    Kind("Redis connections killed", 2, (REDIS,), (0, 0), _kill_redis_connections, _nothing),
    Kind("PostgreSQL crashed", 2, (POSTGRES,), (0, 0.5), _crash_postgres, _start_postgres),
    Kind("PostgreSQL away", 1, (POSTGRES,), (2, 9), _kill_postgres, _start_postgres),
    Kind("PostgreSQL connections cut", 2, (POSTGRES,), (0, 0), _cut_postgres, _nothing),
    Kind("hints repeated", 3, ("hints",), (0, 0), _repeat_hints, _nothing),
)


@dataclass(frozen=True)
class Planned:
    """A fault that is to begin ``at`` so many seconds after the start."""

    at: float
    kind: Kind
    target: str
    seconds: float


def plan_faults(seed: int, seconds: float) -> list[Planned]:
    """The faults of so many seconds: the same for the same seed, for one target one after the other."""
    chance = random.Random(seed)
    plan: list[Planned] = []
    free_at = {target: 0.0 for kind in KINDS for target in kind.targets}
    at = QUIET_SECONDS
    while at < seconds:
        (kind,) = chance.choices(KINDS, [kind.weight for kind in KINDS])
        target, lasts = chance.choice(kind.targets), chance.uniform(*kind.seconds)
        if free_at[target] < at and _may_happen(kind, at, free_at):
            plan.append(Planned(at, kind, target, lasts))
            free_at[target] = at + lasts
            if kind.name == DISK_LOST:
                free_at[REDIS] = at + TAKEN_OVER_SECONDS
        at += chance.uniform(*GAP_SECONDS)
    return plan


def _may_happen(kind: Kind, at: float, free_at: Mapping[str, float]) -> bool:
    """A disk is lost only while there is another copy of what is on it."""
    servers_are_back = max(free_at[REDIS], free_at[POSTGRES]) + STORED_SECONDS
    return kind.name != DISK_LOST or servers_are_back < at


@dataclass(frozen=True)
class Deed:
    """A fault that has happened: when it began and, if it is over, ended (seconds since the epoch)."""

    kind: str
    target: str
    began: float
    ended: float


Step = tuple[float, Planned, bool]


def steps_of(plan: Sequence[Planned]) -> Iterator[Step]:
    """Beginnings (``True``) and ends of all faults in the order of their times."""
    begins: list[Step] = [(each.at, each, True) for each in plan]
    ends: list[Step] = [(each.at + each.seconds, each, False) for each in plan]
    yield from sorted(itertools.chain(begins, ends), key=itemgetter(0))


def take(cluster: Cluster, planned: Planned, *, begins: bool) -> None:
    """Does a fault or undoes it; one that needs a server that is away does not happen."""
    act = planned.kind.begin if begins else planned.kind.end
    with contextlib.suppress(*OUTAGES, OperationalError):
        act(cluster, planned.target)
