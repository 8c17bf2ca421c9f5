"""Retention: how many state versions a workspace keeps, and for how long.

A limit promises to keep: the newest ``state_keep_versions`` versions, and all of the last
``state_keep_days`` days. So what goes is beyond *every* limit that is set, and without one nothing goes. What
stays in any case

- the newest version,
- in a locked workspace, everything: somebody is at work there, or has to be,
- what a task that has not ended was planned from, and all that came after,
- what a rollback came from, for as long as the rollback's own row is there.
"""

from datetime import timedelta
from typing import Any

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import (
    Count,
    DurationField,
    Exists,
    ExpressionWrapper,
    F,
    Min,
    OuterRef,
    Q,
    QuerySet,
    Value,
)
from django.db.models.functions import Coalesce, Now

from workspaces.models import StateVersion, Workspace
from workspaces.services.state import needed_from

# A workspace's own limits, and the platform's for those who have none; 0 is no limit.
RETENTION = {
    "state_keep_versions": "STATE_KEEP_VERSIONS",
    "state_keep_days": "STATE_KEEP_DAYS",
}
BATCH = 200
LONGEST_DAYS = 36_500
logger = structlog.get_logger(__name__)


def prune_states() -> int:
    """Removes the state versions that no limit keeps, and returns how many.

    Correct when it runs twice at once: a workspace is cleared under its row's lock, by one at a time.
    """
    removed = 0
    for pk in list(_beyond_a_limit().values_list("pk", flat=True)):
        try:
            removed += _prune(pk)
        except Exception:  # whatever it is, the other workspaces do not wait for it
            logger.exception("states_not_pruned", workspace=pk)
    return removed


def _beyond_a_limit() -> QuerySet[Any]:
    """Workspaces in which something may have to go; one look at all, the closer one is at each."""
    age = ExpressionWrapper(F("days") * Value(timedelta(days=1)), output_field=DurationField())
    limited = _with_limits(Workspace.objects.filter(is_locked=False)).exclude(versions=0, days=0)
    counted: QuerySet[Any] = limited.annotate(
        count=Count("state_versions"), oldest=Min("state_versions__created_at")
    )
    too_many = Q(versions=0) | Q(count__gt=F("versions"))
    too_old = Q(days=0) | Q(oldest__lt=Now() - age)
    return counted.filter(too_many, too_old, count__gt=1).order_by("pk")


def _with_limits(workspaces: QuerySet[Workspace]) -> QuerySet[Any]:
    """With ``versions`` and ``days``: a workspace's own limits, or the platform's."""
    days = min(settings.STATE_KEEP_DAYS, LONGEST_DAYS)
    return workspaces.annotate(
        versions=Coalesce("state_keep_versions", Value(settings.STATE_KEEP_VERSIONS)),
        days=Coalesce("state_keep_days", Value(days)),
    )


def _prune(workspace_id: int) -> int:
    """Batch by batch: what a rollback came from can go once the rollback has gone."""
    removed = 0
    while batch := _prune_batch(workspace_id):
        removed += batch
    if removed:
        logger.info("states_pruned", workspace=workspace_id, removed=removed)
    return removed


def _prune_batch(workspace_id: int) -> int:
    with transaction.atomic():
        # Whoever holds the row saves a state, creates a task or does the same as this.
        rows = Workspace.objects.select_for_update(of=("self",), no_key=True, skip_locked=True)
        workspace = rows.filter(pk=workspace_id, is_locked=False).first()
        if workspace is None:
            return 0
        removable = list(_removable(workspace).values_list("pk", flat=True)[:BATCH])
        StateVersion.objects.filter(pk__in=removable).delete()
        return len(removable)


def _removable(workspace: Workspace) -> QuerySet[StateVersion]:
    versions, days = _with_limits(Workspace.objects.filter(pk=workspace.pk)).values_list(
        "versions", "days"
    )[0]
    states = StateVersion.objects.filter(workspace=workspace)
    if not versions and not days:
        return states.none()
    rollbacks = states.filter(rollback_from_version=OuterRef("version"))
    # The last of those that are kept for their number; the newest always is.
    kept = states.values_list("version", flat=True)[max(versions, 1) - 1 : max(versions, 1)]
    removable = states.filter(~Exists(rollbacks), version__lt=next(iter(kept), 0))
    if days:
        removable = removable.filter(created_at__lt=Now() - timedelta(days=days))
    needed = needed_from(workspace)
    return removable if needed is None else removable.filter(version__lt=needed)
