"""What lists can be narrowed by."""

import django_filters  # type: ignore[import-untyped]
from django.db.models import Q, QuerySet
from drf_spectacular.utils import extend_schema_field

from iacplatform.accounts.levels import LEVEL_WORDS, Level
from iacplatform.common.counting import count_each
from iacplatform.common.filtering import FilterSet, OrderingFilter, TextFilter, yes_or_no
from iacplatform.common.searching import holds, narrowed
from workspaces.models import (
    AccessGrant,
    Engine,
    Project,
    ResourceChange,
    ResourceSnapshot,
    SetVariable,
    StateImportSource,
    StateVersion,
    VariableSet,
    VariableSetScope,
    VariableType,
    Workspace,
    WorkspaceResource,
    WorkspaceTask,
    WorkspaceVariable,
)
from workspaces.models.engine_version import EngineVersion
from workspaces.models.resource_change import ApplyStatus, ChangeAction
from workspaces.models.workspace import SEARCHED_IN
from workspaces.task_status import ExecutionMode, TaskStatus, TaskType

ALL = "all"
LARGEST_ID_DIGITS = 18
COUNTS_CAPPED_AT = 1_000
"""Tasks: further nobody counts them, and a workspace may have 100,000."""
# What a person looks for (reference §2.3); every single status can be asked for as well.
STATUS_GROUPS: dict[str, frozenset[str]] = {
    "needs_attention": frozenset({TaskStatus.APPLY_PENDING}),
    "errored": frozenset({TaskStatus.FAILED}),
    "success": frozenset({TaskStatus.SUCCESS, TaskStatus.APPLIED}),
    "cancelled": frozenset({TaskStatus.CANCELLED}),
    "running": frozenset({TaskStatus.RUNNING}),
    "on_hold": frozenset({TaskStatus.PENDING, TaskStatus.APPLY_PENDING}),
}
STATUS_CHOICES = {status: frozenset({status}) for status in TaskStatus.values} | STATUS_GROUPS


class WorkspaceFilter(FilterSet):
    """Workspaces by name, mode, tags and lock."""

    execution_mode = django_filters.ChoiceFilter(choices=ExecutionMode.choices)
    is_locked = yes_or_no()
    tags = django_filters.BaseCSVFilter(method="filter_tags", help_text="All of them, by comma")
    organization = django_filters.CharFilter(field_name="organization__name")
    project = django_filters.CharFilter(field_name="project__project_id", max_length=50)
    # After the others: it looks for what they have left.
    search = django_filters.CharFilter(method="filter_search", max_length=200)
    ordering = OrderingFilter(
        fields=["name", "created_at", "updated_at", "last_plan_at", "last_apply_at"]
    )

    class Meta:
        model = Workspace
        fields: list[str] = []

    def filter_search(
        self, queryset: QuerySet[Workspace], name: str, text: str
    ) -> QuerySet[Workspace]:
        """In the name, the description and the id."""
        return narrowed(queryset, holds(text, *SEARCHED_IN))

    def filter_tags(
        self, queryset: QuerySet[Workspace], name: str, tags: list[str]
    ) -> QuerySet[Workspace]:
        """Workspaces that have all the tags."""
        return queryset.filter(tags__contains=tags)


class TaskFilter(FilterSet):
    """Tasks by status, type, time and text; background tasks only on request (reference §2.3)."""

    status = django_filters.ChoiceFilter(
        method="filter_status", choices=[(name, name) for name in [ALL, *STATUS_CHOICES]]
    )
    task_type = django_filters.ChoiceFilter(choices=TaskType.choices)
    search = django_filters.CharFilter(method="filter_search", max_length=200)
    start_date = django_filters.IsoDateTimeFilter(field_name="created_at", lookup_expr="gte")
    end_date = django_filters.IsoDateTimeFilter(field_name="created_at", lookup_expr="lte")
    show_background = yes_or_no(field_name="is_background", method="filter_background")

    class Meta:
        model = WorkspaceTask
        fields: list[str] = []

    def filter_queryset(self, queryset: QuerySet[WorkspaceTask]) -> QuerySet[WorkspaceTask]:
        """Leaves background tasks out unless they are asked for."""
        shown = [False, True] if self.form.cleaned_data["show_background"] else [False]
        # Both by name rather than no condition: the index `task_counts` has the status behind it.
        queryset = queryset.filter(is_background__in=shown)
        narrowed: QuerySet[WorkspaceTask] = super().filter_queryset(queryset)
        return narrowed

    def filter_background(
        self, queryset: QuerySet[WorkspaceTask], name: str, show: bool
    ) -> QuerySet[WorkspaceTask]:
        """Already done: no value means something here too."""
        return queryset

    def filter_status(
        self, queryset: QuerySet[WorkspaceTask], name: str, group: str
    ) -> QuerySet[WorkspaceTask]:
        """By a group of statuses or a single one."""
        return queryset if group == ALL else queryset.filter(status__in=STATUS_CHOICES[group])

    def filter_search(
        self, queryset: QuerySet[WorkspaceTask], name: str, text: str
    ) -> QuerySet[WorkspaceTask]:
        """In the description and the type, or the number of the task."""
        types = [name for name in TaskType.values if text.lower() in name]
        found = holds(text, "description") | Q(task_type__in=types)
        number = text.removeprefix("#")
        if number.isascii() and number.isdigit() and len(number) <= LARGEST_ID_DIGITS:
            found |= Q(pk=int(number))
        return queryset.filter(found)

    def counts(self) -> dict[str, int]:
        """How many tasks each group has under the other filters, at most :data:`COUNTS_CAPPED_AT`."""
        data = {name: value for name, value in self.data.items() if name != "status"}
        others = TaskFilter(data, queryset=self.queryset).qs
        groups = {
            name: others.filter(status__in=statuses) for name, statuses in STATUS_GROUPS.items()
        }
        return count_each({ALL: others, **groups}, at_most=COUNTS_CAPPED_AT)


class VariableFilter(FilterSet):
    """Variables by type and key."""

    type = django_filters.ChoiceFilter(
        method="filter_type", choices=[(ALL, ALL), *VariableType.choices]
    )
    search = django_filters.CharFilter(field_name="key", lookup_expr="icontains", max_length=100)

    class Meta:
        model = WorkspaceVariable
        fields: list[str] = []

    def filter_type(
        self, queryset: QuerySet[WorkspaceVariable], name: str, value: str
    ) -> QuerySet[WorkspaceVariable]:
        """By type; ``all`` is the same as none."""
        return queryset if value == ALL else queryset.filter(variable_type=value)


class SetVariableFilter(VariableFilter):
    """Variables of a set by type and key."""

    class Meta:
        model = SetVariable
        fields: list[str] = []


class VariableSetFilter(FilterSet):
    """Variable sets by name, organization, scope and priority."""

    search = django_filters.CharFilter(field_name="name", lookup_expr="icontains", max_length=100)
    organization = django_filters.CharFilter(field_name="organization__name", max_length=64)
    scope = django_filters.ChoiceFilter(choices=VariableSetScope.choices)
    priority = yes_or_no()

    class Meta:
        model = VariableSet
        fields: list[str] = []


class ResourceFilter(FilterSet):
    """Resources by text; deleted ones only on request."""

    search = TextFilter("resource_id", "description")
    include_inactive = yes_or_no(field_name="is_active", method="filter_inactive")
    ordering = OrderingFilter(
        fields=["resource_id", "resource_type", "created_at", "updated_at", "last_applied_at"]
    )

    class Meta:
        model = WorkspaceResource
        fields: list[str] = []

    def filter_queryset(self, queryset: QuerySet[WorkspaceResource]) -> QuerySet[WorkspaceResource]:
        """Leaves deleted resources out unless they are asked for."""
        if self.form.cleaned_data["include_inactive"] is not True:
            queryset = queryset.filter(is_active=True)
        narrowed: QuerySet[WorkspaceResource] = super().filter_queryset(queryset)
        return narrowed

    def filter_inactive(
        self, queryset: QuerySet[WorkspaceResource], name: str, include: bool
    ) -> QuerySet[WorkspaceResource]:
        """Already done: no value means something here too."""
        return queryset


class ResourceSnapshotFilter(FilterSet):
    """Snapshots by text."""

    search = TextFilter("name", "description")

    class Meta:
        model = ResourceSnapshot
        fields: list[str] = []


class ResourceChangeFilter(FilterSet):
    """Changes by what is done and how far it has come."""

    action = django_filters.ChoiceFilter(choices=ChangeAction.choices)
    apply_status = django_filters.ChoiceFilter(choices=ApplyStatus.choices)
    search = django_filters.CharFilter(
        field_name="resource_address", lookup_expr="icontains", max_length=500
    )

    class Meta:
        model = ResourceChange
        fields: list[str] = []


class StateVersionFilter(FilterSet):
    """State versions by who, how, when and what for."""

    search = django_filters.CharFilter(
        field_name="description", lookup_expr="icontains", max_length=200
    )
    created_by = django_filters.CharFilter(field_name="created_by__username", max_length=150)
    task_id = django_filters.NumberFilter(
        field_name="task", min_value=1, max_value=10**LARGEST_ID_DIGITS, decimal_places=0
    )
    import_source = django_filters.ChoiceFilter(choices=StateImportSource.choices)
    is_imported = yes_or_no()
    is_rollback = yes_or_no()
    lineage = django_filters.CharFilter(max_length=100)
    start_date = django_filters.IsoDateTimeFilter(field_name="created_at", lookup_expr="gte")
    end_date = django_filters.IsoDateTimeFilter(field_name="created_at", lookup_expr="lte")
    ordering = django_filters.OrderingFilter(
        fields=["version", "created_at", "serial", "size_bytes", "resource_count"]
    )

    class Meta:
        model = StateVersion
        fields: list[str] = []


class EngineVersionFilter(FilterSet):
    """Engine versions by engine, and those that may be used."""

    engine = django_filters.ChoiceFilter(choices=Engine.choices)
    enabled = yes_or_no()

    class Meta:
        model = EngineVersion
        fields: list[str] = []


class ProjectFilter(FilterSet):
    """Projects by name and organization."""

    search = TextFilter("name", "description")
    organization = django_filters.CharFilter(field_name="organization__name", max_length=64)

    class Meta:
        model = Project
        fields: list[str] = []


class GrantFilter(FilterSet):
    """Grants by who has them, where and how much."""

    team_id = django_filters.CharFilter(field_name="team__team_id", max_length=50)
    username = django_filters.CharFilter(
        field_name="user__username", max_length=150, help_text="Who created the workspace"
    )
    project_id = django_filters.CharFilter(field_name="project__project_id", max_length=50)
    workspace_id = django_filters.CharFilter(field_name="workspace__workspace_id", max_length=50)
    level = django_filters.TypedChoiceFilter(choices=LEVEL_WORDS, coerce=Level.of_word)
    # The column holds numbers.
    extend_schema_field({"type": "string", "enum": [word for word, _ in LEVEL_WORDS]})(level)

    class Meta:
        model = AccessGrant
        fields: list[str] = []
