"""The outbox as an operator sees it: what waits, what died and why, and a button to replay it."""

from collections.abc import Collection
from functools import partial
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.safestring import SafeString

from iacplatform.common.admin import Confirmation, ReadOnlyAdmin
from iacplatform.common.models import OutboxEntry, OutboxStatus
from iacplatform.common.outbox.entries import replay
from iacplatform.common.presentation import Tone, badge, object_link

TONES: dict[str, Tone] = {
    OutboxStatus.PENDING: "idle",
    OutboxStatus.DELIVERING: "busy",
    OutboxStatus.DELIVERED: "good",
    OutboxStatus.DEAD: "bad",
}


REPLAY = Confirmation(
    action="replay_dead",
    title="Replay dead entries",
    explanation=(
        "Each is delivered again, with all its attempts, at once. Its receiver knows it by its key and "
        "may have got it already. Look first whether what it died of is mended."
    ),
    columns=("Entry", "Kind", "Destination", "State", "Last error"),
    submit_label="Deliver them again",
)


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
        """Gives dead entries all their attempts again, after showing why they died."""
        if asked := self.ask_first(request, queryset, REPLAY, _cells):
            return asked
        for entry in queryset:
            self.attempt(request, partial(self._replay, request, entry))
        return self.back(queryset)

    def _replay(self, request: HttpRequest, entry: Any) -> str:
        replay(entry)
        self.log_change(request, entry, "Replayed")
        return f"{entry} is delivered again"


def _cells(entry: OutboxEntry) -> list[Any]:
    state = badge(OutboxStatus(entry.status).label, TONES[entry.status])
    return [object_link(entry), entry.kind, entry.destination, state, entry.last_error]
