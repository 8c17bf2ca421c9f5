"""How an operator narrows the list of tasks."""

from datetime import timedelta
from typing import Any

from django.contrib import admin
from django.db.models import OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Now
from django.http import HttpRequest

from workspaces.models import TaskStage, TaskTransition, Workspace, WorkspaceTask
from workspaces.services.applied_states import DOUBTFUL
from workspaces.services.interruptions import RESCUED
from workspaces.task_status import FINAL, LIVE, Stage, StageStatus, TaskStatus

UNCLAIMED_TOO_LONG = timedelta(minutes=1)
RECENT_TASKS = 200


def _has_stage(**condition: Any) -> Q:
    """Found from the stages, of which few are open, however many tasks there are."""
    return Q(pk__in=TaskStage.objects.filter(**condition).order_by().values("task_id"))


LOST_WORKER = _has_stage(name=Stage.APPLYING, status=StageStatus.LOST)
# An engine may also be killed while it writes the state, under a worker that lives.
INTERRUPTED = LOST_WORKER | Q(applied_state__source__in=RESCUED)
UNCLAIMED = _has_stage(status=StageStatus.READY, created_at__lt=Now() - UNCLAIMED_TOO_LONG)
LEASE_OVER = _has_stage(status=StageStatus.RUNNING, lease_until__lt=Now())
LOCKED = Workspace.objects.filter(is_locked=True).order_by()
UNRESOLVED = Q(applied_state__source__in=DOUBTFUL, applied_state__resolved_at=None)


def _queued_behind_a_lock() -> Q:
    nobody_at_work = Q(workspace__lock_task=None) | Q(
        workspace__lock_task__status__in=sorted(FINAL)
    )
    return nobody_at_work & Q(status=TaskStatus.PENDING, workspace__is_locked=True)


REASONS: dict[str, tuple[str, Q]] = {
    "approval": ("Waits for approval", Q(status=TaskStatus.APPLY_PENDING)),
    "lock": (
        "Ended and left the workspace locked",
        Q(status__in=sorted(FINAL), pk__in=LOCKED.values("lock_task")),
    ),
    "interrupted": ("Interrupted and not resolved", UNRESOLVED),
    "worker": ("No worker takes its stage", UNCLAIMED),
    "lease": ("Its worker's claim has run out", LEASE_OVER),
    "queue": ("Queued behind a lock", _queued_behind_a_lock()),
}
ANY_REASON = "any"
OPEN_STAGES: dict[str, str] = {
    StageStatus.READY.value: "Waits for a worker",
    StageStatus.RUNNING.value: "A worker has it",
    StageStatus.WAITING.value: "Waits at a gate",
}
SPANS: dict[str, tuple[str, timedelta]] = {
    "5m": ("5 minutes", timedelta(minutes=5)),
    "1h": ("1 hour", timedelta(hours=1)),
    "1d": ("1 day", timedelta(days=1)),
    "7d": ("1 week", timedelta(weeks=1)),
}


class NeedsAttention(admin.SimpleListFilter):
    """Tasks that do not go on until a person does something."""

    title = "needs attention"
    parameter_name = "attention"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """The reasons, and all of them together."""
        reasons = [(value, label) for value, (label, _) in REASONS.items()]
        return [(ANY_REASON, "For any reason"), *reasons]

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[WorkspaceTask]
    ) -> QuerySet[WorkspaceTask]:
        """The tasks that need attention for the chosen reason."""
        value = self.value()
        if value == ANY_REASON:
            return queryset.filter(pk__in=_any_reason())
        return queryset.filter(REASONS[value][1]) if value in REASONS else queryset


def _any_reason() -> QuerySet[Any]:
    """Found reason by reason, each by an index of its own, which an OR of them could not."""
    tasks = WorkspaceTask.objects.order_by()
    first, *others = (tasks.filter(condition).values("pk") for _, condition in REASONS.values())
    return first.union(*others)


class OpenStage(admin.SimpleListFilter):
    """Tasks by what their open stage does."""

    title = "open stage"
    parameter_name = "open_stage"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Who has it."""
        return list(OPEN_STAGES.items())

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[WorkspaceTask]
    ) -> QuerySet[WorkspaceTask]:
        """The tasks whose stage is so."""
        value = self.value() or ""
        return queryset.filter(_has_stage(status=value)) if value in OPEN_STAGES else queryset


class Unmoved(admin.SimpleListFilter):
    """Tasks that have not ended and have had the same status for long."""

    title = "same status for longer than"
    parameter_name = "unmoved"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """From minutes to a week."""
        return [(value, label) for value, (label, _) in SPANS.items()]

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[WorkspaceTask]
    ) -> QuerySet[WorkspaceTask]:
        """The tasks whose last transition is so long ago."""
        value = self.value() or ""
        if value not in SPANS:
            return queryset
        live = since_transition(queryset.filter(status__in=sorted(LIVE)))
        return live.filter(moved_at__lt=Now() - SPANS[value][1])


def since_transition(tasks: QuerySet[WorkspaceTask]) -> QuerySet[Any]:
    """Adds ``moved_at``: when a task got the status that it has."""
    moves = TaskTransition.objects.filter(task=OuterRef("pk")).order_by("-pk")
    return tasks.annotate(moved_at=Subquery(moves.values("created_at")[:1]))


class Interrupted(admin.SimpleListFilter):
    """Tasks whose worker, or whose engine while it wrote the state, died in the apply."""

    title = "interrupted apply"
    parameter_name = "interrupted"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Those that a person still has to look at, and all there ever were."""
        return [("unresolved", "Not resolved"), ("any", "Resolved or not")]

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[WorkspaceTask]
    ) -> QuerySet[WorkspaceTask]:
        """The interrupted ones."""
        conditions = {"unresolved": UNRESOLVED, "any": INTERRUPTED}
        condition = conditions.get(self.value() or "")
        return queryset if condition is None else queryset.filter(condition)


class RecentWorkspace(admin.SimpleListFilter):
    """The workspaces of the newest tasks; a list of all could have thousands of lines.

    Any other workspace can be chosen by the link on its own page.
    """

    title = "workspace"
    parameter_name = "workspace__id__exact"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """The workspaces by name, the chosen one always among them."""
        newest = WorkspaceTask.objects.order_by("-pk").values("workspace_id")[:RECENT_TASKS]
        wanted = Q(pk__in=newest)
        chosen = request.GET.get(self.parameter_name, "")
        if chosen.isdecimal():
            wanted |= Q(pk=chosen)
        rows = Workspace.objects.filter(wanted).order_by("name").values_list("pk", "name")
        return [(str(pk), name) for pk, name in rows]

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[WorkspaceTask]
    ) -> QuerySet[WorkspaceTask]:
        """The tasks of the chosen workspace."""
        value = self.value()
        return queryset.filter(workspace=int(value)) if value and value.isdecimal() else queryset
