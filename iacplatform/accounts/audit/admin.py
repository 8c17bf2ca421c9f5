"""The audit log as an operator reads it."""

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.contrib.admin import SimpleListFilter
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString

from iacplatform.accounts.audit.models import SEARCHED, AuditEntry
from iacplatform.common.admin import ReadOnlyAdmin
from iacplatform.common.presentation import badge

if TYPE_CHECKING:
    from django.utils.functional import _StrOrPromise

OUTCOMES: dict[str, tuple[str, Q]] = {
    "done": ("Done", Q(status__lt=400)),
    "refused": ("Refused or failed", Q(status__gte=400)),
    "unknown": ("Unknown", Q(status=None)),
}


class OutcomeFilter(SimpleListFilter):
    """Entries by how they ended."""

    title = "outcome"
    parameter_name = "outcome"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, "_StrOrPromise"]]:
        """The choices."""
        return [(name, label) for name, (label, _) in OUTCOMES.items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """The entries of the chosen one."""
        chosen = OUTCOMES.get(self.value() or "")
        return queryset.filter(chosen[1]) if chosen else queryset


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnlyAdmin):
    """Entries, the newest first."""

    list_display = ["at", "who", "action", "what", "workspace_id", "ip", "outcome"]
    list_filter = ["via", OutcomeFilter]
    search_fields = SEARCHED
    search_help_text = "Part of a user's name, of an object's name or of a path"
    fields = [
        "at",
        ("actor_name", "actor_id", "token_hint"),
        ("action", "outcome"),
        ("method", "path"),
        ("object_type", "object_id", "object_name"),
        ("organization", "workspace_id"),
        ("via", "ip", "user_agent"),
        "request_id",
        "details",
    ]
    readonly_fields = ["at", "actor_id"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[AuditEntry]:
        """With the organization, if there still is one."""
        return super().get_queryset(request).select_related("organization")

    @admin.display(description="who", ordering="actor_name")
    def who(self, entry: AuditEntry) -> str:
        """The name, as it was."""
        return entry.actor_name or "nobody"

    @admin.display(description="on what")
    def what(self, entry: AuditEntry) -> str:
        """The object's kind and name."""
        return f"{entry.object_type} {entry.object_name or entry.object_id}".strip()

    @admin.display(description="outcome", ordering="status")
    def outcome(self, entry: AuditEntry) -> SafeString:
        """How it ended."""
        if entry.status is None:
            return badge("Unknown", "idle")
        return badge(str(entry.status), "good" if entry.status < 400 else "bad")
