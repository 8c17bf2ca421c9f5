"""What the start page says: is anything wrong, and does anybody wait for me? Three queries."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, Min, Q
from django.utils import timezone
from django.utils.safestring import SafeString

from executor.admin.worker_host import host_state, with_running_stages
from executor.models import WorkerHost
from iacplatform.common.presentation import age
from workspaces.models import Workspace, WorkspaceTask
from workspaces.task_status import LIVE, TaskStatus

MAX_ROWS = 20
LATELY = timedelta(hours=24)


@dataclass(frozen=True)
class Overview:
    """The state of the platform; at most :data:`MAX_ROWS` workspaces and hosts."""

    running: int
    waiting_for_approval: int
    pending: int
    oldest_pending: str
    failed_lately: int
    lately: datetime
    locked: list[Workspace]
    more_locked: bool
    hosts: list[tuple[Any, SafeString]]
    more_hosts: bool


def overview() -> Overview:
    """Reads it; the number of queries does not depend on the number of rows."""
    lately = timezone.now() - LATELY
    counts = _task_counts(lately)
    locked = list(_locked_workspaces()[: MAX_ROWS + 1])
    hosts = list(with_running_stages(WorkerHost.objects.order_by("-last_seen"))[: MAX_ROWS + 1])
    oldest = counts.pop("oldest_pending_at")
    return Overview(
        **counts,
        oldest_pending=age(oldest) if oldest else "",
        lately=lately,
        locked=locked[:MAX_ROWS],
        more_locked=len(locked) > MAX_ROWS,
        hosts=[(host, host_state(host)) for host in hosts[:MAX_ROWS]],
        more_hosts=len(hosts) > MAX_ROWS,
    )


def _task_counts(lately: datetime) -> dict[str, Any]:
    failed = Q(status=TaskStatus.FAILED, completed_at__gte=lately)
    pending = Q(status=TaskStatus.PENDING)
    return WorkspaceTask.objects.filter(Q(status__in=LIVE) | failed).aggregate(
        running=Count("pk", filter=Q(status=TaskStatus.RUNNING)),
        waiting_for_approval=Count("pk", filter=Q(status=TaskStatus.APPLY_PENDING)),
        pending=Count("pk", filter=pending),
        oldest_pending_at=Min("created_at", filter=pending),
        failed_lately=Count("pk", filter=failed),
    )


def _locked_workspaces() -> Any:
    rows = Workspace.objects.filter(is_locked=True).order_by("locked_at")
    return rows.only("name", "locked_by", "locked_at", "lock_reason")
