"""The outbox as an operator sees it: what waits, what died and why, and a button to replay it."""

from collections.abc import Collection
from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.safestring import SafeString

from iacplatform.common.admin import ReadOnlyAdmin
from iacplatform.common.errors import Conflict
from iacplatform.common.models import OutboxEntry, OutboxStatus
from iacplatform.common.outbox.entries import replay
from iacplatform.common.presentation import Tone, badge

TONES: dict[str, Tone] = {
    OutboxStatus.PENDING: "idle",
    OutboxStatus.DELIVERING: "busy",
    OutboxStatus.DELIVERED: "good",
    OutboxStatus.DEAD: "bad",
}


@admin.register(OutboxEntry)
class OutboxEntryAdmin(ReadOnlyAdmin):
    """Entries, newest first, without their payloads."""

    list_display = ["key", "kind", "state", "tries", "next_attempt_at", "destination", "created_at"]
    list_filter = ["status", "kind"]
    search_fields = ["key", "destination"]
    actions = ["replay_dead"]
    fields = [
        ("key", "kind"),
        "state",
        "last_error",
        ("tries", "next_attempt_at", "delivered_at"),
        ("destination", "ordering"),
        "created_at",
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[OutboxEntry]:
        """All of them; what they carry is not even read."""
        return super().get_queryset(request).defer("payload")

    def offered_actions(self, obj: OutboxEntry) -> Collection[str]:
        """Replaying, if it is dead."""
        return {"replay_dead"} if obj.status == OutboxStatus.DEAD else ()

    @admin.display(description="state", ordering="status")
    def state(self, entry: OutboxEntry) -> SafeString:
        """How far it is."""
        return badge(OutboxStatus(entry.status).label, TONES[entry.status])

    @admin.display(description="attempts", ordering="attempts")
    def tries(self, entry: OutboxEntry) -> str:
        """How many of how many."""
        return f"{entry.attempts} of {entry.max_attempts}"

    @admin.action(description="Replay dead entries", permissions=["operate"])
    def replay_dead(
        self, request: HttpRequest, queryset: QuerySet[OutboxEntry]
    ) -> HttpResponse | None:
        """Gives the dead ones of the selected entries all their attempts again."""
        dead = queryset.filter(status=OutboxStatus.DEAD)
        count = sum(self._replay(request, entry) for entry in dead)
        level = messages.SUCCESS if count else messages.ERROR
        self.message_user(request, f"Dead entries that are delivered again: {count}", level)
        return self.back(queryset)

    def _replay(self, request: HttpRequest, entry: Any) -> bool:
        try:
            replay(entry)
        except Conflict:
            return False  # somebody else was faster
        self.log_change(request, entry, "Replayed")
        return True
