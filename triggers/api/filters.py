"""What lists can be narrowed by."""

import django_filters  # type: ignore[import-untyped]

from iacplatform.common.filtering import FilterSet, TextFilter
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

    search = TextFilter("name", "workspace_id")

    class Meta:
        model = Workspace
        fields: list[str] = []
