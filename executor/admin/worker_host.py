"""Worker hosts: who takes work, who stopped beating, what each runs."""

from typing import Any

from django.contrib import admin
from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html_join
from django.utils.safestring import SafeString

from executor.models import WorkerHost, fresh
from iacplatform.common.admin import ReadOnlyAdmin
from iacplatform.common.presentation import admin_link, age, badge
from workspaces.models import TaskStage, WorkspaceTask
from workspaces.task_status import StageStatus

RUNNING = TaskStage.objects.filter(status=StageStatus.RUNNING)


def with_running_stages(hosts: QuerySet[WorkerHost]) -> QuerySet[Any]:
    """Adds ``running_stages``: how many stages each host has a claim on."""
    mine = RUNNING.filter(owner=OuterRef("name")).order_by().values("owner")
    counted = mine.annotate(count=Count("pk")).values("count")
    return hosts.annotate(running_stages=Coalesce(Subquery(counted), 0))


def host_state(host: WorkerHost) -> SafeString:
    """Whether a host takes work."""
    if timezone.now() - host.last_seen > fresh():
        return badge(f"Not seen for {age(host.last_seen)}", "bad")
    return badge("Draining", "attention") if host.draining else badge("Takes work", "good")


@admin.register(WorkerHost)
class WorkerHostAdmin(ReadOnlyAdmin):
    """Every host that ever took work."""

    list_display = ["name", "mode", "state", "last_seen", "draining", "stages"]
    list_filter = ["mode", "draining"]
    search_fields = ["name"]
    fields = ["name", "mode", "state", "last_seen", "draining", "stages", "running"]

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
