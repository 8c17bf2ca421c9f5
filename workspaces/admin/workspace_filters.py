"""How an operator narrows the list of workspaces."""

from datetime import timedelta
from typing import Any

from django.contrib import admin
from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import OuterRef, QuerySet, Subquery
from django.db.models.functions import Now
from django.http import HttpRequest

from workspaces.models import Workspace, WorkspaceTask
from workspaces.task_status import FINAL, TaskStatus

FAILING_TASKS = 3
FAILING_LATELY = timedelta(days=1)


class NeedsPerson(admin.SimpleListFilter):
    """Workspaces whose lock was kept because a person has to look at what happened."""

    title = "needs a person"
    parameter_name = "needs_person"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """One choice besides all."""
        return [("yes", "Locked until somebody has looked")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Workspace]) -> QuerySet[Workspace]:
        """The workspaces that wait for a person."""
        return needs_person(queryset) if self.value() == "yes" else queryset


class Failing(admin.SimpleListFilter):
    """Workspaces in which one task after another fails."""

    title = "failing"
    parameter_name = "failing"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """One choice besides all."""
        return [("yes", f"The last {FAILING_TASKS} tasks failed, one of them within a day")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Workspace]) -> QuerySet[Workspace]:
        """The failing workspaces."""
        return failing(queryset) if self.value() == "yes" else queryset


def needs_person(workspaces: QuerySet[Workspace]) -> QuerySet[Workspace]:
    """Those whose lock outlives its task until somebody has looked."""
    return workspaces.filter(is_locked=True, lock_kept=True)


def failing(workspaces: QuerySet[Workspace]) -> QuerySet[Any]:
    """Those whose last tasks that have ended all failed; with ``failed_at``, when the last one did.

    Only those with a failure of the last day are looked at: what failed for longer is known.
    """
    lately = WorkspaceTask.objects.filter(
        status=TaskStatus.FAILED, completed_at__gte=Now() - FAILING_LATELY
    )
    ended = WorkspaceTask.objects.filter(workspace=OuterRef("pk"), status__in=sorted(FINAL))
    newest = ended.order_by("-pk")
    return (
        workspaces.filter(pk__in=lately.order_by().values("workspace_id"))
        .annotate(
            last_statuses=ArraySubquery(newest.values("status")[:FAILING_TASKS]),
            failed_at=Subquery(newest.values("completed_at")[:1]),
        )
        .filter(last_statuses=[TaskStatus.FAILED.value] * FAILING_TASKS)
    )
