"""What lists can be narrowed by."""

import django_filters  # type: ignore[import-untyped]
from django.db.models import QuerySet

from iacplatform.common.filtering import FilterSet, yes_or_no
from workspaces.drift.api.serializers.checks import RESOURCE_STATUSES
from workspaces.drift.models import CheckStatus, DriftCheck, DriftStatus, Severity
from workspaces.models import WorkspaceResource


class CheckFilter(FilterSet):
    """Checks by how they ended and what they found."""

    status = django_filters.ChoiceFilter(choices=CheckStatus.choices)
    severity = django_filters.ChoiceFilter(choices=Severity.choices)
    has_drift = yes_or_no()
    is_scheduled = yes_or_no()

    class Meta:
        model = DriftCheck
        fields: list[str] = []


class StatusFilter(FilterSet):
    """Workspaces by what is known of their drift; those with drift unless the others are asked for."""

    has_drift = yes_or_no(method="filter_drift")
    severity = django_filters.ChoiceFilter(choices=Severity.choices)
    check_status = django_filters.ChoiceFilter(choices=CheckStatus.choices)
    organization = django_filters.CharFilter(field_name="workspace__organization__name")
    search = django_filters.CharFilter(
        field_name="workspace__name", lookup_expr="icontains", max_length=200
    )

    class Meta:
        model = DriftStatus
        fields: list[str] = []

    def filter_queryset(self, queryset: QuerySet[DriftStatus]) -> QuerySet[DriftStatus]:
        """Leaves workspaces without drift out unless they are asked for."""
        wanted = self.form.cleaned_data["has_drift"] is not False
        narrowed: QuerySet[DriftStatus] = super().filter_queryset(queryset)
        return narrowed.filter(has_drift=wanted)

    def filter_drift(
        self, queryset: QuerySet[DriftStatus], name: str, wanted: bool
    ) -> QuerySet[DriftStatus]:
        """Already done: no value means something here too."""
        return queryset


class ResourceDriftFilter(FilterSet):
    """Resources by whether they drifted."""

    status = django_filters.ChoiceFilter(field_name="drift_status", choices=RESOURCE_STATUSES)
    search = django_filters.CharFilter(
        field_name="resource_id", lookup_expr="icontains", max_length=200
    )

    class Meta:
        model = WorkspaceResource
        fields: list[str] = []
