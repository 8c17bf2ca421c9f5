"""What lists can be narrowed by."""

import django_filters  # type: ignore[import-untyped]
from django.db.models import Q, QuerySet

from runtasks.models import ResultStatus, RunTask, RunTaskResult, RunTaskStage
from workspaces.api.filters import FilterSet, yes_or_no


class RunTaskFilter(FilterSet):
    """RunTasks by name, organization and whether they are asked."""

    search = django_filters.CharFilter(method="filter_search", max_length=200)
    enabled = yes_or_no()
    is_global = yes_or_no()
    organization = django_filters.CharFilter(field_name="organization__name")

    class Meta:
        model = RunTask
        fields: list[str] = []

    def filter_search(self, queryset: QuerySet[RunTask], name: str, text: str) -> QuerySet[RunTask]:
        """In the name and the description."""
        return queryset.filter(Q(name__icontains=text) | Q(description__icontains=text))


class ResultFilter(FilterSet):
    """Results by stage and status."""

    stage = django_filters.ChoiceFilter(choices=RunTaskStage.choices)
    status = django_filters.ChoiceFilter(choices=ResultStatus.choices)

    class Meta:
        model = RunTaskResult
        fields: list[str] = []
