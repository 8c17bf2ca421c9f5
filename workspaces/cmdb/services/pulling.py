"""Pulling external sources: asked for by people and by their interval, one pull of a source at a time.

The running log is the claim: the schema lets a source have one. Rows are replaced and the log is closed in one
transaction, and only while the log is running: who was taken for dead changes nothing.
"""

from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import structlog
from django.conf import settings
from django.db import connection, transaction
from django.db.models import ExpressionWrapper, F, Q, Value
from django.db.models.fields import DateTimeField
from django.db.models.functions import Now

from iacplatform.accounts.models import User
from iacplatform.common.conflicts import taken
from iacplatform.common.errors import Conflict
from iacplatform.common.ids import new_id
from iacplatform.common.models import OutboxEntry
from iacplatform.common.outbound import OutboundFailed, OutboundRefused
from iacplatform.common.outbox import Delivery, RetryLater, draft, enqueue_all
from workspaces.cmdb.models import ExternalSource, PullStatus, ResourceIndex, SyncLog
from workspaces.cmdb.services.external_sources import check_administrator
from workspaces.cmdb.services.fetching import TIMEOUT_SECONDS, Unavailable, fetch
from workspaces.cmdb.services.mapping import AnswerError, Inventory
from workspaces.cmdb.services.replacing import replace_rows

KIND = "cmdb.pull"
MAX_ATTEMPTS = 3
WAITS = (30.0, 120.0)
BUSY = "another pull of the source is under way"
BROKE = "The pull broke; the log says how"
DIED = "The worker died"
COUNT = "resources_synced"
logger = structlog.get_logger(__name__)


def request_pull(source: ExternalSource, *, user: User) -> None:
    """Asks for a pull now.

    Raises ``Forbidden`` for a user who is no administrator, ``Conflict`` where the source is disabled.
    """
    check_administrator(user)
    if not source.is_enabled:
        raise Conflict("The external source is disabled")
    enqueue_all([_draft(source, new_id("manual"))])


def request_due() -> int:
    """Asks for a pull of each source whose interval is over, once for each time; returns how many."""
    interval = F("sync_interval_minutes") * Value(timedelta(minutes=1))
    next_pull = ExpressionWrapper(F("last_sync_at") + interval, output_field=DateTimeField())
    due = (
        ExternalSource.objects.filter(is_enabled=True, sync_interval_minutes__gt=0)
        .alias(next_pull=next_pull)
        .filter(Q(last_sync_at=None) | Q(next_pull__lte=Now()))
    )
    drafts = [_draft(source, _occasion(source.last_sync_at)) for source in due]
    if drafts:
        enqueue_all(drafts)
    return len(drafts)


def _occasion(last_sync_at: datetime | None) -> str:
    return f"after-{last_sync_at.isoformat()}" if last_sync_at else "first"


def _draft(source: ExternalSource, occasion: str) -> OutboxEntry:
    return draft(
        KIND,
        key=f"{source.source_id}:{occasion}",
        payload={"source_id": source.source_id},
        destination=urlsplit(source.api_endpoint).hostname or "",
        ordering=source.source_id,
        max_attempts=MAX_ATTEMPTS,
        waits=WAITS,
    )


def deliver(delivery: Delivery) -> None:
    """Pulls the source of an entry, unless it was deleted or disabled meanwhile.

    Raises ``RetryLater`` where another pull is under way, or the source may answer later. After the last
    attempt its log says why it failed, and its rows stay; the interval brings the next.
    """
    source = ExternalSource.objects.filter(**delivery.payload, is_enabled=True).first()
    if source is None:
        return
    try:
        pull(source)
    except Conflict as error:
        raise RetryLater(str(error)) from error
    except (OutboundFailed, Unavailable) as error:
        if delivery.attempt < delivery.max_attempts:
            raise RetryLater(str(error), after=getattr(error, "after", None)) from error
    except (OutboundRefused, AnswerError):
        return


def pull(source: ExternalSource) -> None:
    """Makes the rows of a source what it answers now; on failure they stay, and the log says why.

    Raises ``Conflict`` while another pull of the source is under way, and what
    :func:`workspaces.cmdb.services.fetching.fetch` raises.
    """
    log = _begin(source)
    try:
        connection.close()  # none is kept while the source takes its time
        inventory = fetch(source, timeout=TIMEOUT_SECONDS)
        _store(log, source, inventory)
    except (OutboundFailed, OutboundRefused, Unavailable, AnswerError) as error:
        _fail([log.pk], str(error))
        raise
    except Exception:
        _fail([log.pk], BROKE)
        raise


def _begin(source: ExternalSource) -> SyncLog:
    fail_stale()
    with taken("one_pull_at_a_time", "source", BUSY):
        return SyncLog.objects.create(source=source)


def fail_stale() -> int:
    """Closes the logs of pulls whose worker has died; returns how many."""
    oldest = Now() - timedelta(seconds=settings.OUTBOX_LEASE_SECONDS)
    stale = SyncLog.objects.filter(status=PullStatus.RUNNING, started_at__lte=oldest)
    return _fail(list(stale.values_list("pk", flat=True)), DIED)


@transaction.atomic
def _fail(logs: list[int], reason: str) -> int:
    running = _running(logs)
    for log in running:
        _close(log, PullStatus.FAILED, reason, error_message=reason)
    return len(running)


def _running(logs: list[int]) -> list[SyncLog]:
    """Those that are still running, locked."""
    rows = SyncLog.objects.filter(pk__in=logs, status=PullStatus.RUNNING)
    return list(rows.order_by("pk").select_for_update(no_key=True))


@transaction.atomic
def _store(log: SyncLog, source: ExternalSource, inventory: Inventory) -> None:
    if not _running([log.pk]):
        logger.warning("cmdb_pull_overtaken", source_id=source.source_id)
        return
    present = ResourceIndex.objects.filter(external_source=source)
    replaced = replace_rows(present, inventory.rows, key="primary_key_value")
    _close(
        log,
        PullStatus.SUCCESS,
        inventory.message,
        message=inventory.message,
        resources_synced=replaced.total,
        resources_added=replaced.added,
        resources_updated=replaced.updated,
        resources_deleted=replaced.deleted,
    )
    logger.info("cmdb_pulled", source_id=source.source_id, resources=replaced.total)


def _close(log: SyncLog, status: PullStatus, said: str, **values: Any) -> None:
    """Ends a log, and notes on its source what came of it; the number of resources only of a success."""
    SyncLog.objects.filter(pk=log.pk).update(status=status, completed_at=Now(), **values)
    count = {"last_sync_count": values[COUNT]} if COUNT in values else {}
    ExternalSource.objects.filter(pk=log.source_id).update(
        last_sync_at=Now(), last_sync_status=status, last_sync_message=said, **count
    )
