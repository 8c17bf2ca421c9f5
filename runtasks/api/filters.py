"""What lists can be narrowed by."""

import django_filters  # type: ignore[import-untyped]

from iacplatform.common.filtering import FilterSet, TextFilter, yes_or_no
from runtasks.models import ResultStatus, RunTask, RunTaskResult, RunTaskStage


class RunTaskFilter(FilterSet):
    """RunTasks by name, organization and whether they are asked."""

    search = TextFilter("name", "description")
    enabled = yes_or_no()
    is_global = yes_or_no()
    organization = django_filters.CharFilter(field_name="organization__name")

    class Meta:
        model = RunTask
        fields: list[str] = []


class ResultFilter(FilterSet):
    """Results by stage and status."""

    stage = django_filters.ChoiceFilter(choices=RunTaskStage.choices)
    status = django_filters.ChoiceFilter(choices=ResultStatus.choices)

    class Meta:
        model = RunTaskResult
        fields: list[str] = []
