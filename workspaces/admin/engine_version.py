"""Engine versions, and which of them is the platform's default."""

from collections.abc import Collection
from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.safestring import SafeString

from iacplatform.common.admin import Confirmation, ReadOnlyAdmin
from iacplatform.common.presentation import badge, object_link, public_url
from workspaces.models import EngineVersion
from workspaces.services.engine_versions import set_default

MAKE_DEFAULT = Confirmation(
    action="make_default",
    title="Make it the default",
    explanation=(
        "Every workspace that names no engine plans with it from the next task on. A newer engine may "
        "write states that an older one cannot read."
    ),
    columns=("New default", "Present default"),
    submit_label="Make it the default",
)


@admin.register(EngineVersion)
class EngineVersionAdmin(ReadOnlyAdmin):
    """Every registered engine; they are registered through the API."""

    list_display = ["name", "state", "address", "updated_at"]
    list_filter = ["engine", "enabled", "deprecated"]
    search_fields = ["version", "download_url"]
    actions = ["make_default"]
    fields = [
        ("engine", "version"),
        "state",
        "address",
        "checksum",
        ("created_at", "updated_at"),
    ]

    def offered_actions(self, obj: EngineVersion) -> Collection[str]:
        """Becoming the default, unless it is."""
        return () if obj.is_default else {"make_default"}

    @admin.display(description="engine", ordering="version")
    def name(self, engine_version: EngineVersion) -> str:
        """Engine and version."""
        return str(engine_version)

    @admin.display(description="state")
    def state(self, engine_version: EngineVersion) -> SafeString:
        """What new tasks may do with it."""
        if not engine_version.enabled:
            return badge("Disabled", "idle")
        if engine_version.is_default:
            return badge("Default", "good")
        if engine_version.deprecated:
            return badge("Deprecated", "attention")
        return badge("Enabled", "idle")

    @admin.display(description="download URL", ordering="download_url")
    def address(self, engine_version: EngineVersion) -> str:
        """Where it comes from, without what may be a password in it."""
        return public_url(engine_version.download_url)

    @admin.action(description="Make it the default", permissions=["operate"])
    def make_default(
        self, request: HttpRequest, queryset: QuerySet[EngineVersion]
    ) -> HttpResponse | None:
        """Makes the selected version the platform's default."""
        chosen = list(queryset[:2])
        if len(chosen) != 1:
            self.message_user(request, "Select one version", messages.ERROR)
            return None
        if asked := self.ask_first(request, queryset, MAKE_DEFAULT, _cells):
            return asked
        self.attempt(request, lambda: self._make_default(request, chosen[0]))
        return self.back(queryset)

    def _make_default(self, request: HttpRequest, engine_version: Any) -> str:
        set_default(engine_version)
        message = f"{engine_version} is the platform's default now"
        self.log_change(request, engine_version, message)
        return message


def _cells(engine_version: EngineVersion) -> list[Any]:
    now = EngineVersion.objects.filter(is_default=True).first()
    return [object_link(engine_version), object_link(now) or "none"]
