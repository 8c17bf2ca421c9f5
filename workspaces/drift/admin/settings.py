"""When workspaces are checked; changed through the API, but for the switch."""

from collections.abc import Collection
from functools import partial

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.safestring import SafeString

from iacplatform.common.presentation import badge
from workspaces.admin.part_of_workspace import PartOfWorkspaceAdmin
from workspaces.drift.models import DriftSettings
from workspaces.drift.services.configuration import update_settings


@admin.register(DriftSettings)
class DriftSettingsAdmin(PartOfWorkspaceAdmin):
    """The workspaces that do not go by the defaults."""

    list_display = [
        "name",
        "state",
        "window",
        "drift_check_interval",
        "continue_on_failure",
        "continue_on_success",
    ]
    list_filter = ["drift_check_enabled"]
    search_fields = ["workspace__name", "workspace__workspace_id"]
    ordering = ["workspace__name"]
    actions = ["switch_on", "switch_off"]
    fields = [
        ("workspace_name", "state"),
        "window",
        "drift_check_interval",
        ("continue_on_failure", "continue_on_success"),
        "updated_at",
    ]

    def offered_actions(self, obj: DriftSettings) -> Collection[str]:
        """The switch that changes something."""
        return {"switch_off" if obj.drift_check_enabled else "switch_on"}

    @admin.display(description="workspace", ordering="workspace__name")
    def name(self, settings: DriftSettings) -> str:
        """The workspace's name; its link leads here."""
        return settings.workspace.name

    @admin.display(description="scheduled checks", ordering="drift_check_enabled")
    def state(self, settings: DriftSettings) -> SafeString:
        """Whether it is checked by itself."""
        return badge("On", "good") if settings.drift_check_enabled else badge("Off", "idle")

    @admin.display(description="window")
    def window(self, settings: DriftSettings) -> str:
        """When it may be checked, in whose time."""
        start, end = settings.drift_check_start_time, settings.drift_check_end_time
        return f"{start:%H:%M} to {end:%H:%M} {settings.zone.key}"

    @admin.action(description="Switch scheduled checks on", permissions=["operate"])
    def switch_on(
        self, request: HttpRequest, queryset: QuerySet[DriftSettings]
    ) -> HttpResponse | None:
        """Lets the workspaces be checked by themselves."""
        return self._switch(request, queryset, on=True)

    @admin.action(description="Switch scheduled checks off", permissions=["operate"])
    def switch_off(
        self, request: HttpRequest, queryset: QuerySet[DriftSettings]
    ) -> HttpResponse | None:
        """Leaves checking them to people."""
        return self._switch(request, queryset, on=False)

    def _switch(
        self, request: HttpRequest, queryset: QuerySet[DriftSettings], *, on: bool
    ) -> HttpResponse | None:
        for settings in queryset:
            self.attempt(request, partial(self._switch_one, request, settings, on=on))
        return self.back(queryset)

    def _switch_one(self, request: HttpRequest, settings: DriftSettings, *, on: bool) -> str:
        update_settings(settings.workspace, drift_check_enabled=on)
        message = f"{settings.workspace}: scheduled checks are {'on' if on else 'off'}"
        self.log_change(request, settings, message)
        return message
