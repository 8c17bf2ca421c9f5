"""Which entries of the audit log are asked for."""

from typing import Any

import django_filters  # type: ignore[import-untyped]
from django import forms
from django.core.validators import RegexValidator
from django.db.models import Q, QuerySet
from django.db.models.expressions import Subquery

from iacplatform.accounts.audit.models import SEARCHED, AuditEntry, Via
from iacplatform.accounts.audit.paging import NEWEST_FIRST, OLDEST_FIRST
from iacplatform.accounts.models import Organization, User
from iacplatform.common.filtering import FilterSet

Rows = QuerySet[AuditEntry]
UNKNOWN = "unknown"
a_status = RegexValidator(rf"^([1-5]\d\d|{UNKNOWN})\Z", f"Must be an HTTP status or {UNKNOWN}.")


class IPAddressFilter(django_filters.Filter):  # type: ignore[misc]
    """An address, in any of its spellings."""

    field_class = forms.GenericIPAddressField


class AuditForm(forms.Form):
    """Refuses what could only be answered by looking at every row."""

    def clean(self) -> dict[str, Any]:
        """An id means something only within its kind."""
        cleaned = super().clean() or {}
        if cleaned.get("object_id") and not cleaned.get("object_type"):
            self.add_error("object_id", "Needs object_type too.")
        return cleaned


class AuditFilter(FilterSet):
    """By who, what, on what, when, from where and how it ended; each has an index."""

    actor = django_filters.CharFilter(
        method="by_actor", max_length=150, help_text="A user's number or present name"
    )
    action = django_filters.CharFilter(max_length=100)
    via = django_filters.ChoiceFilter(choices=Via.choices)
    object_type = django_filters.CharFilter(max_length=50)
    object_id = django_filters.CharFilter(max_length=100, help_text="Together with object_type")
    organization = django_filters.CharFilter(
        method="by_organization", max_length=64, help_text="Its name"
    )
    workspace = django_filters.CharFilter(field_name="workspace_id", max_length=50)
    ip = IPAddressFilter()
    since = django_filters.IsoDateTimeFilter(field_name="at", lookup_expr="gte")
    until = django_filters.IsoDateTimeFilter(
        field_name="at", lookup_expr="lt", help_text="This moment itself is not included"
    )
    status = django_filters.CharFilter(
        method="by_status", validators=[a_status], help_text=f"An HTTP status, or `{UNKNOWN}`"
    )
    search = django_filters.CharFilter(
        method="by_text",
        min_length=3,
        max_length=100,
        help_text="Part of the actor's name, of the object's name or of the path",
    )
    ordering = django_filters.ChoiceFilter(
        method="in_order", choices=[(each, each) for each in (NEWEST_FIRST, OLDEST_FIRST)]
    )

    class Meta:
        model = AuditEntry
        form = AuditForm
        fields: list[str] = []

    def by_actor(self, rows: Rows, _: str, value: str) -> Rows:
        """By the user's number, else by the name a user has now."""
        if value.isascii() and value.isdigit():
            return rows.filter(actor=int(value)) if int(value) < 2**63 else rows.none()
        return rows.filter(actor=Subquery(User.objects.filter(username=value).values("pk")))

    def by_organization(self, rows: Rows, _: str, value: str) -> Rows:
        """By the name an organization has now."""
        named = Organization.objects.filter(name=value).values("pk")
        return rows.filter(organization=Subquery(named))

    def by_status(self, rows: Rows, _: str, value: str) -> Rows:
        """By how it ended, if that is known."""
        return rows.filter(status=None if value == UNKNOWN else int(value))

    def by_text(self, rows: Rows, _: str, value: str) -> Rows:
        """By a part of a name."""
        wanted = Q()
        for field in SEARCHED:
            wanted |= Q(**{f"{field}__icontains": value})
        return rows.filter(wanted)

    def in_order(self, rows: Rows, _: str, __: str) -> Rows:
        """Only checked here: pages and exports put their rows in order themselves."""
        return rows
