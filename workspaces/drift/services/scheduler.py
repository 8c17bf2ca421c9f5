"""The scheduler: starts background checks that are due, so that they delay nobody (reference §5.11).

Correct when it runs twice at once: one process works, and what it wrote is there for the next. Time is
PostgreSQL's.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import cast

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import (
    DurationField,
    Exists,
    ExpressionWrapper,
    F,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Value,
)
from django.db.models.functions import Coalesce, Now

from iacplatform.common.errors import Conflict, DomainError, Locked, NotFound
from iacplatform.common.locks import try_exclusive
from workspaces.drift.models import (
    CheckStatus,
    DriftCheck,
    DriftIgnoreRule,
    DriftStatus,
    settings_of,
)
from workspaces.drift.models.settings import DEFAULT_INTERVAL_MINUTES
from workspaces.drift.services.checks import check_by_schedule
from workspaces.drift.services.results import judge_again
from workspaces.drift.services.schedule import TOLERANCE, hindrance
from workspaces.models import StateVersion, TaskStage, Workspace, WorkspaceTask
from workspaces.task_status import LIVE, StageStatus

# A stage that was made ready just now is on its way to a worker.
WAITS_AFTER = timedelta(seconds=1)
LARGE = ("workspace__tf_code", "workspace__provider_config", "workspace__lock_file")
NEW_ROWS = 1000
_INTERVAL = ExpressionWrapper(
    Coalesce("workspace__drift_settings__drift_check_interval", DEFAULT_INTERVAL_MINUTES)
    * Value(timedelta(minutes=1)),
    output_field=DurationField(),
)
# Only spares the reading of rows that the rules would pass over anyway.
_UNSEEN = Q(looked_at=None) | Q(looked_at__lte=Now() + Value(TOLERANCE) - _INTERVAL)
logger = structlog.get_logger(__name__)


def schedule_checks() -> list[int]:
    """Starts the checks that are due, as far as there is room; returns the ids of their tasks."""
    _judge_what_is_no_longer_ignored()
    started: list[int] = []
    while (task_id := _start_next()) is not None:
        started.append(task_id)
    return started


def _start_next() -> int | None:
    """Starts one check, in a transaction of its own: nobody waits for the locks of another workspace."""
    with try_exclusive("drift.schedule") as mine:
        if not mine or not _has_room() or _people_wait():
            return None
        _watch_new_workspaces()
        tasks = (_try_to_start(status.workspace) for status in _due())
        return next((task.pk for task in tasks if task is not None), None)


def _due() -> Iterator[DriftStatus]:
    """The workspaces that are due, those first that were looked at longest ago."""
    for status in _candidates().iterator(chunk_size=500):
        now = cast("datetime", getattr(status, "now"))  # noqa: B009  an annotation
        if hindrance(settings_of(status.workspace), status, now) is None:
            yield status


def _candidates() -> QuerySet[DriftStatus]:
    """Workspaces with a state in which nothing is under way, whose interval is over."""
    live = WorkspaceTask.objects.filter(workspace=OuterRef("pk"), status__in=LIVE)
    states = StateVersion.objects.filter(workspace=OuterRef("pk"))
    idle = DriftStatus.objects.filter(~Exists(live), Exists(states), workspace__is_locked=False)
    wanted = idle.exclude(workspace__drift_settings__drift_check_enabled=False)
    rows = wanted.filter(_UNSEEN, has_drift=False).annotate(now=Now())
    related = rows.select_related("workspace__drift_settings").defer(*LARGE)
    return related.order_by(F("looked_at").asc(nulls_first=True), "pk")


def _try_to_start(workspace: Workspace) -> WorkspaceTask | None:
    """A check that cannot be started is a failed one; the others do not wait for it."""
    try:
        with transaction.atomic():
            return check_by_schedule(workspace)
    except (Locked, Conflict, NotFound):
        return None
    except DomainError as error:
        DriftStatus.objects.filter(workspace=workspace).update(
            check_status=CheckStatus.FAILED, message=str(error), last_check_at=Now()
        )
    except Exception:  # whatever it is, the other workspaces do not wait for it
        logger.exception("drift_check_not_started", workspace_id=workspace.workspace_id)
    return None


def _has_room() -> bool:
    """Whether another check may be under way; one that waits for the end of a lock holds nothing up."""
    checks = DriftCheck.objects.open().filter(is_scheduled=True)
    waiting = {"status": CheckStatus.PENDING, "workspace__is_locked": True}
    return checks.exclude(**waiting).count() < settings.DRIFT_MAX_CONCURRENT


def _people_wait() -> bool:
    """Whether a stage of somebody's task waits for a worker."""
    ready = TaskStage.objects.filter(status=StageStatus.READY, task__is_background=False)
    waiting = ready.filter(created_at__lt=Now() - WAITS_AFTER)
    return waiting.exclude(not_before__gt=Now()).exists()


def _watch_new_workspaces() -> None:
    """Gives a status to the workspaces that have a state by now: state and world agreed when it was made."""
    states = StateVersion.objects.filter(workspace=OuterRef("pk")).order_by("-version")
    found = Workspace.objects.filter(Exists(states), drift_status=None)
    made = found.values_list("pk", Subquery(states.values("created_at")[:1]))[:NEW_ROWS]
    rows = [DriftStatus(workspace_id=pk, looked_at=at) for pk, at in made]
    DriftStatus.objects.bulk_create(rows, ignore_conflicts=True)


def _judge_what_is_no_longer_ignored() -> None:
    """Where a rule has expired since it was last applied, what it hid is drift."""
    expired = DriftIgnoreRule.objects.filter(
        workspace=OuterRef("workspace"),
        expires_at__lte=Now(),
        expires_at__gt=OuterRef("judged_at"),
    )
    found = DriftStatus.objects.filter(Exists(expired), result__isnull=False)
    for workspace_id in found.values_list("pk", flat=True):
        with transaction.atomic():
            judge_again(workspace_id)
