"""Bringing the index of a workspace up to its newest state (reference §5.12, H6).

Whoever does it has a claim on the workspace's row: a token and a lease, taken by one conditional UPDATE and
given back with the rows that were written, in one transaction. Nobody can write with a token that
is no longer the row's, so a sync that was taken for dead changes nothing when it comes back.
"""

import uuid
from dataclasses import dataclass
from datetime import timedelta

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import DurationField, ExpressionWrapper, F, Q, QuerySet
from django.db.models.functions import Now

from iacplatform.terraform.exceptions import StateError
from workspaces.cmdb.models import ResourceIndex, SyncStatus, SyncTrigger, WorkspaceSync
from workspaces.cmdb.services.flattening import flatten
from workspaces.cmdb.services.module_tree import module_rows, replace_modules
from workspaces.cmdb.services.replacing import Replaced, replace_rows
from workspaces.cmdb.services.secrets import Secrets
from workspaces.models import StateVersion, Workspace
from workspaces.services.secrets import sensitive_values

BROKE = "The sync broke; the log says how"
DIED = "The worker died"
IDLE = {"status": SyncStatus.IDLE, "token": None, "lease_expires_at": None}
logger = structlog.get_logger(__name__)


class SyncBusy(Exception):
    """Another sync of the workspace is under way; ``seconds`` are left of its lease."""

    def __init__(self, seconds: float) -> None:
        super().__init__("Another sync of the workspace is under way")
        self.seconds = seconds


@dataclass(frozen=True)
class Claim:
    """The right to synchronise a workspace, until the lease ends."""

    workspace_id: int
    token: uuid.UUID


def sync_workspace(workspace: Workspace, trigger: SyncTrigger) -> Replaced | None:
    """Makes the index show the newest state; ``None`` where that was so, or there is no state.

    Asked for by a person it is done in any case. One transaction writes all of it.

    Raises:
        SyncBusy: another sync of the workspace is under way.
        StateError: the state cannot be read; the index stays as it was.
    """
    if trigger == SyncTrigger.AUTO and is_current(workspace):
        return None
    claim = take_claim(workspace, trigger)
    try:
        newest = workspace.state_versions.newest()
        if newest is not None:
            return _sync(claim, workspace, newest)
        _release(claim)
    except Exception as error:
        _fail(claim, str(error) if isinstance(error, StateError) else BROKE)
        raise
    return None


def is_current(workspace: Workspace) -> bool:
    """Whether the index shows the newest state."""
    newest = workspace.state_versions.without_content().first()
    version = newest.version if newest else None
    return WorkspaceSync.objects.filter(workspace=workspace, synced_version=version).exists()


def take_claim(workspace: Workspace, trigger: SyncTrigger) -> Claim:
    """Claims the workspace if nobody has it, or the lease of who had it is over.

    Raises :class:`SyncBusy` otherwise.
    """
    WorkspaceSync.objects.bulk_create([WorkspaceSync(workspace=workspace)], ignore_conflicts=True)
    claim = Claim(workspace.pk, uuid.uuid4())
    free = Q(status=SyncStatus.IDLE) | Q(lease_expires_at__lte=Now())
    claimed = WorkspaceSync.objects.filter(free, workspace=workspace).update(
        status=SyncStatus.SYNCING,
        triggered_by=trigger,
        token=claim.token,
        lease_expires_at=Now() + timedelta(seconds=settings.OUTBOX_LEASE_SECONDS),
        started_at=Now(),
        completed_at=None,
    )
    if not claimed:
        raise SyncBusy(_seconds_left(workspace))
    return claim


def _seconds_left(workspace: Workspace) -> float:
    left = ExpressionWrapper(F("lease_expires_at") - Now(), output_field=DurationField())
    rows = WorkspaceSync.objects.filter(workspace=workspace, status=SyncStatus.SYNCING)
    duration = rows.values_list(left, flat=True).first()
    return max(0.0, duration.total_seconds()) if duration else 0.0


def _sync(claim: Claim, workspace: Workspace, newest: StateVersion) -> Replaced | None:
    secrets = Secrets(sensitive_values(workspace))
    rows = flatten(newest.content, version=newest.version, secrets=secrets)
    modules = module_rows(row.module_path for row in rows.values())
    for row in rows.values():
        row.workspace = workspace
    with transaction.atomic():
        if not _hold(claim, newest.version):
            logger.warning("cmdb_sync_overtaken", workspace_id=claim.workspace_id)
            return None
        present = ResourceIndex.objects.filter(workspace=workspace)
        replaced = replace_rows(present, rows, key="terraform_address")
        replace_modules(workspace.pk, modules)
        _finish(claim, newest.version, replaced)
    logger.info("cmdb_synced", workspace_id=workspace.pk, version=newest.version)
    return replaced


def _mine(claim: Claim) -> QuerySet[WorkspaceSync]:
    return WorkspaceSync.objects.filter(workspace=claim.workspace_id, token=claim.token)


def _hold(claim: Claim, version: int) -> bool:
    """Locks the row, so that nobody takes it over meanwhile; an older state never replaces a newer one."""
    not_newer = Q(synced_version=None) | Q(synced_version__lte=version)
    return _mine(claim).filter(not_newer).select_for_update(no_key=True).first() is not None


def _finish(claim: Claim, version: int, replaced: Replaced) -> None:
    _mine(claim).update(
        **IDLE,
        completed_at=Now(),
        last_success_at=Now(),
        last_error="",
        synced_version=version,
        resource_count=replaced.total,
        added_count=replaced.added,
        updated_count=replaced.updated,
        deleted_count=replaced.deleted,
    )


def _release(claim: Claim) -> None:
    _mine(claim).update(**IDLE, completed_at=Now())


def _fail(claim: Claim, reason: str) -> None:
    _mine(claim).update(**IDLE, completed_at=Now(), last_error=reason)


def release_stale() -> int:
    """Sets rows idle whose holder has died; returns how many (H6). Their outbox entry comes again."""
    stale = WorkspaceSync.objects.filter(status=SyncStatus.SYNCING, lease_expires_at__lte=Now())
    return stale.update(**IDLE, completed_at=Now(), last_error=DIED)
