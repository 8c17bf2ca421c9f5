"""What the start page says of workers, queues, services and locks; each a fixed number of queries."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, Min, QuerySet
from django.utils import timezone
from django.utils.safestring import SafeString
from redis import RedisError

from executor.admin.worker_host import host_state, with_running_stages
from executor.models import ReconcilerState, WorkerHost, fresh
from iacplatform.common.presentation import age, badge
from iacplatform.common.redis_client import redis_client, redis_outage
from workspaces.models import TaskStage, Workspace
from workspaces.task_status import ExecutionMode, StageStatus

MAX_ROWS = 20
# Beat asks for a sweep every 2 s, and a control worker sweeps by itself every 5 s.
TICKS = timedelta(seconds=30)


@dataclass(frozen=True)
class QueueRow:
    """Stages that wait for a worker of an execution mode, and the workers there are."""

    name: str
    mode: str
    ready: int
    oldest: str
    hosts: int
    slots: int
    busy: int

    @property
    def is_served(self) -> bool:
        """Whether somebody will take what waits."""
        return self.hosts > 0 or self.ready == 0


@dataclass(frozen=True)
class Overview:
    """The parts of the platform; at most :data:`MAX_ROWS` workspaces and hosts."""

    now: datetime
    services: list[tuple[str, SafeString]]
    queues: list[QueueRow]
    locked: list[Workspace]
    more_locked: bool
    hosts: list[tuple[Any, SafeString]]
    more_hosts: bool


def overview() -> Overview:
    """Reads it; the number of queries does not depend on the number of rows."""
    locked = list(_locked_workspaces()[: MAX_ROWS + 1])
    hosts = list(with_running_stages(WorkerHost.objects.order_by("-last_seen"))[: MAX_ROWS + 1])
    return Overview(
        now=timezone.now(),
        services=list(_services()),
        queues=list(_queues()),
        locked=locked[:MAX_ROWS],
        more_locked=len(locked) > MAX_ROWS,
        hosts=[(host, host_state(host)) for host in hosts[:MAX_ROWS]],
        more_hosts=len(hosts) > MAX_ROWS,
    )


def _services() -> Iterator[tuple[str, SafeString]]:
    """PostgreSQL has answered, or there would be no page."""
    yield "PostgreSQL", badge("Answers", "good")
    yield "Redis", badge("Answers", "good") if _redis_answers() else badge("Does not answer", "bad")
    state = ReconcilerState.objects.first()
    yield "Reconciler", _tick(state.last_ok if state else None)
    yield "Beat", _tick(state.beat_at if state else None)


def _redis_answers() -> bool:
    try:
        with redis_outage.watched():
            redis_client().ping()
    except RedisError:
        return False
    return True


def _tick(when: datetime | None) -> SafeString:
    if when is None:
        return badge("Never seen", "bad")
    late = timezone.now() - when > TICKS
    return badge(f"{age(when)} ago", "bad" if late else "good")


def _queues() -> Iterator[QueueRow]:
    ready = {row["mode"]: row for row in _ready_stages()}
    alive = list(_alive_hosts())
    for mode in ExecutionMode.values:
        waits, hosts = ready.get(mode), [host for host in alive if host.mode == mode]
        if waits or hosts:
            yield _queue_row(mode, waits or {}, hosts)


def _queue_row(mode: str, waits: dict[str, Any], hosts: Iterable[Any]) -> QueueRow:
    hosts, since = list(hosts), waits.get("since")
    return QueueRow(
        name=f"stages.{mode}",
        mode=mode,
        ready=waits.get("count", 0),
        oldest=age(since) if since else "",
        hosts=len(hosts),
        slots=sum(host.slots for host in hosts),
        busy=sum(host.running_stages for host in hosts),
    )


def _ready_stages() -> Iterable[Any]:
    ready = TaskStage.objects.filter(status=StageStatus.READY)
    return ready.order_by().values("mode").annotate(count=Count("pk"), since=Min("created_at"))


def _alive_hosts() -> QuerySet[Any]:
    seen = WorkerHost.objects.filter(last_seen__gte=timezone.now() - fresh(), draining=False)
    return with_running_stages(seen)


def _locked_workspaces() -> QuerySet[Workspace]:
    rows = Workspace.objects.filter(is_locked=True).order_by("-lock_kept", "locked_at")
    return rows.only("name", "locked_by", "locked_at", "lock_reason", "lock_kept", "lock_task")
