"""What lists can be narrowed by."""

import django_filters  # type: ignore[import-untyped]
from django.db.models import Q, QuerySet

from iacplatform.common.filtering import FilterSet
from triggers.models import ExecutionStatus, TaskTriggerExecution
from workspaces.models import Workspace


class ExecutionFilter(FilterSet):
    """Executions by how they ended."""

    status = django_filters.ChoiceFilter(choices=ExecutionStatus.choices)

    class Meta:
        model = TaskTriggerExecution
        fields: list[str] = []


class LinkableFilter(FilterSet):
    """Workspaces by text."""

    search = django_filters.CharFilter(method="filter_search", max_length=200)

    class Meta:
        model = Workspace
        fields: list[str] = []

    def filter_search(
        self, queryset: QuerySet[Workspace], name: str, text: str
    ) -> QuerySet[Workspace]:
        """In the name and the id."""
        return queryset.filter(Q(name__icontains=text) | Q(workspace_id__icontains=text))
