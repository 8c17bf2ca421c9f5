"""Where workspaces stand; a check is started and cancelled from here."""

from collections.abc import Callable, Collection
from functools import partial
from typing import Any, cast

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.html import format_html_join
from django.utils.safestring import SafeString

from iacplatform.accounts.models import User
from iacplatform.common.admin import Confirmation
from iacplatform.common.presentation import list_link, moment, object_link
from workspaces.admin.part_of_workspace import PartOfWorkspaceAdmin
from workspaces.drift.admin.badges import check_badge, drift_badge, severity_badge
from workspaces.drift.models import DriftCheck, DriftIgnoreRule, DriftStatus, settings_of
from workspaces.drift.models.check import OPEN
from workspaces.drift.services.checks import cancel_checks, check_now
from workspaces.drift.services.schedule import hindrance
from workspaces.models import Workspace

Verb = Callable[[Workspace, User], str]
RELATED = {DriftCheck: "checks", DriftIgnoreRule: "ignore rules"}


CANCEL = Confirmation(
    action="cancel_check",
    title="Cancel the check",
    explanation="The checks of these workspaces end without a result; what is known of drift stays.",
    columns=("Workspace", "Last check", "Check"),
    submit_label="Cancel the checks",
)


@admin.register(DriftStatus)
class DriftStatusAdmin(PartOfWorkspaceAdmin):
    """Every workspace with a state."""

    list_display = [
        "name",
        "drift",
        "worst",
        "drifted_since",
        "last_status",
        "checked",
    ]
    list_filter = ["has_drift", "severity", "check_status", "workspace__organization"]
    search_fields = ["workspace__name", "workspace__workspace_id"]
    ordering = ["-has_drift", "workspace__name"]
    actions = ["check_now", "cancel_check"]
    fields = [
        "workspace_name",
        ("drift", "worst", "total_resources", "drifted_since"),
        "known_from",
        ("last_status", "message"),
        ("checked", "looked"),
        "next_check",
        "related",
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[DriftStatus]:
        """With the checks, without what they found."""
        rows: QuerySet[DriftStatus] = super().get_queryset(request)
        related = rows.select_related("last_check", "result", "workspace__drift_settings")
        return related.defer("last_check__resources", "result__resources")

    def offered_actions(self, obj: DriftStatus) -> Collection[str]:
        """The action that makes sense now."""
        return {"cancel_check" if obj.check_status in OPEN else "check_now"}

    @admin.display(description="workspace", ordering="workspace__name")
    def name(self, status: DriftStatus) -> str:
        """The workspace's name; its link leads here."""
        return status.workspace.name

    @admin.display(description="drift", ordering="drift_count")
    def drift(self, status: DriftStatus) -> SafeString:
        """How much drifted."""
        return drift_badge(status)

    @admin.display(description="worst", ordering="severity")
    def worst(self, status: DriftStatus) -> SafeString | str:
        """The worst severity."""
        return severity_badge(status.severity)

    @admin.display(description="known from")
    def known_from(self, status: DriftStatus) -> SafeString | str:
        """The check that found it."""
        return object_link(status.result)

    @admin.display(description="last check", ordering="check_status")
    def last_status(self, status: DriftStatus) -> SafeString | str:
        """How it ended."""
        return check_badge(status.check_status)

    @admin.display(description="last check at", ordering="last_check_at")
    def checked(self, status: DriftStatus) -> str:
        """When it was asked for."""
        return moment(status.last_check_at)

    @admin.display(description="last compared")
    def looked(self, status: DriftStatus) -> str:
        """When state and world were last seen to agree or differ."""
        return moment(status.looked_at)

    @admin.display(description="next check")
    def next_check(self, status: DriftStatus) -> str:
        """Why it is not checked by itself right now."""
        reason = hindrance(settings_of(status.workspace), status, timezone.now())
        return reason.label if reason else "Due: as soon as there is room"

    @admin.display(description="lists")
    def related(self, status: DriftStatus) -> SafeString:
        """Checks and ignore rules of the workspace."""
        links = (
            (list_link(model, label, workspace__id__exact=status.pk),)
            for model, label in RELATED.items()
        )
        return format_html_join(" · ", "{}", links)

    @admin.action(description="Check now", permissions=["operate"])
    def check_now(
        self, request: HttpRequest, queryset: QuerySet[DriftStatus]
    ) -> HttpResponse | None:
        """Starts a check of each workspace, whatever its schedule says."""
        return self._each(request, queryset, _check)

    @admin.action(description="Cancel the check", permissions=["operate"])
    def cancel_check(
        self, request: HttpRequest, queryset: QuerySet[DriftStatus]
    ) -> HttpResponse | None:
        """Cancels the checks that have not ended, after showing whose they are."""
        if asked := self.ask_first(request, queryset, CANCEL, _cells):
            return asked
        return self._each(request, queryset, _cancel)

    def _each(
        self, request: HttpRequest, queryset: QuerySet[DriftStatus], verb: Verb
    ) -> HttpResponse | None:
        for status in queryset:
            self.attempt(request, partial(verb, status.workspace, cast("User", request.user)))
        return self.back(queryset)


def _cells(status: DriftStatus) -> list[Any]:
    return [
        object_link(status.workspace),
        check_badge(status.check_status),
        object_link(status.last_check),
    ]


def _check(workspace: Workspace, user: User) -> str:
    return f"{workspace}: check #{check_now(workspace, user=user).pk} was started"


def _cancel(workspace: Workspace, user: User) -> str:
    count = cancel_checks(workspace, user=user)
    return f"{workspace}: {count} checks are being cancelled"
