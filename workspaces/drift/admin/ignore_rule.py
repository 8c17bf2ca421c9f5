"""Ignore rules; they are made through the API."""

from functools import partial

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.safestring import SafeString

from iacplatform.common.admin import Confirmation, is_confirmed
from iacplatform.common.presentation import badge, moment, object_link
from workspaces.admin.part_of_workspace import PartOfWorkspaceAdmin
from workspaces.drift.models import DriftIgnoreRule
from workspaces.drift.services.configuration import delete_rule


@admin.register(DriftIgnoreRule)
class DriftIgnoreRuleAdmin(PartOfWorkspaceAdmin):
    """Which drift does not count, and why."""

    list_display = [
        "rule_id",
        "workspace_name",
        "address_pattern",
        "attribute_path",
        "reason",
        "validity",
        "created_by",
    ]
    search_fields = ["workspace__name", "workspace__workspace_id", "address_pattern", "reason"]
    actions = ["remove"]
    fields = [
        ("workspace_name", "rule_id"),
        ("address_pattern", "attribute_path"),
        "reason",
        ("validity", "expires_at"),
        ("created_by", "created_at", "updated_at"),
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[DriftIgnoreRule]:
        """With who made it."""
        rows: QuerySet[DriftIgnoreRule] = super().get_queryset(request)
        return rows.select_related("created_by")

    @admin.display(description="valid", ordering="expires_at")
    def validity(self, rule: DriftIgnoreRule) -> SafeString:
        """Whether it counts, and until when."""
        if rule.expires_at is None:
            return badge("For ever", "good")
        expired = rule.expires_at <= timezone.now()
        text = (
            f"Expired {moment(rule.expires_at)}" if expired else f"Until {moment(rule.expires_at)}"
        )
        return badge(text, "idle" if expired else "good")

    @admin.action(description="Remove", permissions=["operate"])
    def remove(
        self, request: HttpRequest, queryset: QuerySet[DriftIgnoreRule]
    ) -> HttpResponse | None:
        """Removes rules, after showing what they hide."""
        if not is_confirmed(request):
            return self.confirmation_page(request, _question(queryset))
        for rule in queryset:
            self.attempt(request, partial(_remove, rule))
        return None


def _question(rules: QuerySet[DriftIgnoreRule]) -> Confirmation:
    rows = [
        (
            rule.pk,
            [
                object_link(rule.workspace),
                rule.address_pattern,
                rule.attribute_path or "everything",
                rule.reason,
            ],
        )
        for rule in rules
    ]
    return Confirmation(
        action="remove",
        title="Remove",
        explanation="What these rules hide is drift again, and is announced.",
        columns=("Workspace", "Addresses", "Attributes", "Reason"),
        rows=rows,
        submit_label="Remove",
    )


def _remove(rule: DriftIgnoreRule) -> str:
    text = f"{rule.workspace}: {rule} counts again"
    delete_rule(rule)
    return text
