"""Worker hosts: who takes work, who stopped beating, what each runs."""

from collections.abc import Collection
from functools import partial
from typing import Any

from django.contrib import admin
from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.html import format_html_join
from django.utils.safestring import SafeString

from executor.hosts import forget_host
from executor.models import WorkerHost, fresh
from iacplatform.common.admin import Confirmation, ReadOnlyAdmin
from iacplatform.common.presentation import admin_link, age, badge, object_link
from workspaces.models import TaskStage, WorkspaceTask
from workspaces.task_status import StageStatus

RUNNING = TaskStage.objects.filter(status=StageStatus.RUNNING)


def with_running_stages(hosts: QuerySet[WorkerHost]) -> QuerySet[Any]:
    """Adds ``running_stages``: how many stages each host has a claim on."""
    mine = RUNNING.filter(owner=OuterRef("name")).order_by().values("owner")
    counted = mine.annotate(count=Count("pk")).values("count")
    return hosts.annotate(running_stages=Coalesce(Subquery(counted), 0))


def is_gone(host: WorkerHost) -> bool:
    """Whether a host has stopped beating."""
    return timezone.now() - host.last_seen > fresh()


def host_state(host: WorkerHost) -> SafeString:
    """Whether a host takes work."""
    if is_gone(host):
        return badge(f"Not seen for {age(host.last_seen)}", "bad")
    return badge("Draining", "attention") if host.draining else badge("Takes work", "good")


FORGET = Confirmation(
    action="forget",
    title="Forget",
    explanation=(
        "These hosts are taken off the list. Nothing that they ran is touched: the reconciler takes "
        "that over by itself. A host that comes back is on the list again."
    ),
    columns=("Host", "Mode", "State", "Running stages"),
    submit_label="Forget them",
)


class Presence(admin.SimpleListFilter):
    """Hosts that are there, or gone."""

    title = "presence"
    parameter_name = "presence"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """By their last heartbeat."""
        return [("there", "There"), ("gone", "Gone")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Those that have been seen lately, or have not."""
        limit = timezone.now() - fresh()
        if self.value() == "there":
            return queryset.filter(last_seen__gte=limit)
        return queryset.filter(last_seen__lt=limit) if self.value() == "gone" else queryset


@admin.register(WorkerHost)
class WorkerHostAdmin(ReadOnlyAdmin):
    """Every host that ever took work."""

    list_display = ["name", "mode", "state", "last_seen", "draining", "stages", "slots"]
    list_filter = [Presence, "mode", "draining"]
    search_fields = ["name"]
    actions = ["forget"]
    fields = ["name", "mode", "state", "last_seen", "draining", "stages", "slots", "running"]

    def offered_actions(self, obj: WorkerHost) -> Collection[str]:
        """Forgetting one that is gone."""
        return {"forget"} if is_gone(obj) else ()

    def get_queryset(self, request: HttpRequest) -> QuerySet[WorkerHost]:
        """With the number of stages that each runs."""
        return with_running_stages(super().get_queryset(request))

    @admin.display(description="state")
    def state(self, host: WorkerHost) -> SafeString:
        """Whether it takes work."""
        return host_state(host)

    @admin.display(description="running stages")
    def stages(self, host: Any) -> int:
        """How many stages it has a claim on."""
        count: int = host.running_stages
        return count

    @admin.display(description="what it runs")
    def running(self, host: WorkerHost) -> SafeString | str:
        """The stages it has a claim on, as links to their tasks."""
        rows = RUNNING.filter(owner=host.name).select_related("task__workspace")
        links = [
            (stage.get_name_display(), admin_link(WorkspaceTask, stage.task_id, str(stage.task)))
            for stage in rows
        ]
        return format_html_join(", ", "{} of {}", links)

    @admin.action(description="Forget", permissions=["operate"])
    def forget(self, request: HttpRequest, queryset: QuerySet[WorkerHost]) -> HttpResponse | None:
        """Takes hosts that are gone for good off the list, after asking."""
        if asked := self.ask_first(request, queryset, FORGET, _cells):
            return asked
        for host in queryset:
            self.attempt(request, partial(self._forget, request, host))
        return None

    def _forget(self, request: HttpRequest, host: Any) -> str:
        forget_host(host)
        self.log_change(request, host, "Forgotten")
        return f"{host} is forgotten"


def _cells(host: Any) -> list[Any]:
    return [object_link(host), host.mode, host_state(host), host.running_stages]
