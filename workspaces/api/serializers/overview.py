"""A workspace at a glance."""

from collections.abc import Iterator
from typing import Any

from django.db.models import Count
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from iacplatform.common.counting import count_each
from iacplatform.common.pagination import COUNT_CAP
from workspaces.api.filters import COUNTS_CAPPED_AT
from workspaces.api.serializers.states import StateVersionSerializer
from workspaces.api.serializers.tasks import TaskSerializer
from workspaces.models import Workspace
from workspaces.task_status import TaskStatus

LAST_TASKS = 5
MOST_TYPES = 20


def _newest_tasks(workspace: Workspace, number: int) -> Iterator[dict[str, Any]]:
    tasks = workspace.tasks.filter(is_background=False).select_related("created_by")
    return (dict(TaskSerializer(task).data) for task in tasks[:number])


class DriftSummarySerializer(serializers.Serializer[Any]):
    """What is known of a workspace's drift."""

    has_drift = serializers.BooleanField()
    drift_count = serializers.IntegerField()
    severity = serializers.CharField(allow_blank=True)
    check_status = serializers.CharField(allow_blank=True)
    last_check_at = serializers.DateTimeField(allow_null=True)


class OverviewSerializer(serializers.ModelSerializer[Workspace]):
    """Counters, the lock, the last tasks that people started, drift, and the current state."""

    lock_task_id = serializers.IntegerField(read_only=True, allow_null=True)
    resource_types = serializers.SerializerMethodField(
        help_text=f"Type → number of its resources, the {MOST_TYPES} most frequent"
    )
    last_tasks = serializers.SerializerMethodField(help_text="Newest first, at most 5")
    drift = serializers.SerializerMethodField(help_text="null before the first state")
    resource_count = serializers.SerializerMethodField(
        help_text=f"Resources of the configuration, at most {COUNT_CAP}"
    )
    variable_count = serializers.SerializerMethodField()
    task_counts = serializers.SerializerMethodField(help_text="Status → number of tasks")
    task_counts_capped_at = serializers.SerializerMethodField(
        help_text="A count of so many stands for so many or more"
    )
    last_task = serializers.SerializerMethodField()
    current_state = serializers.SerializerMethodField()

    class Meta:
        model = Workspace
        fields = [
            "workspace_id",
            "name",
            "is_locked",
            "locked_by",
            "locked_at",
            "lock_reason",
            "lock_task_id",
            "lock_kept",
            "last_plan_at",
            "last_apply_at",
            "resource_count",
            "resource_types",
            "variable_count",
            "task_counts",
            "task_counts_capped_at",
            "last_task",
            "last_tasks",
            "drift",
            "current_state",
        ]

    def get_resource_count(self, workspace: Workspace) -> int:
        """Active resources."""
        return workspace.resources.filter(is_active=True)[:COUNT_CAP].count()

    def get_variable_count(self, workspace: Workspace) -> int:
        """Current variables."""
        return workspace.variables.current()[:COUNT_CAP].count()

    def get_task_counts(self, workspace: Workspace) -> dict[str, int]:
        """Tasks by status, background ones too."""
        # Both by name rather than no condition: the index `task_counts` has the status behind it.
        tasks = workspace.tasks.filter(is_background__in=[False, True])
        groups = {status: tasks.filter(status=status) for status in TaskStatus.values}
        counts = count_each(groups, at_most=COUNTS_CAPPED_AT)
        return {status: count for status, count in counts.items() if count}

    def get_task_counts_capped_at(self, workspace: Workspace) -> int:
        """So far tasks are counted."""
        return COUNTS_CAPPED_AT

    def get_resource_types(self, workspace: Workspace) -> dict[str, int]:
        """Active resources by type."""
        active = workspace.resources.filter(is_active=True).order_by()
        counts = active.values_list("resource_type").annotate(number=Count("pk"))
        return dict(counts.order_by("-number", "resource_type")[:MOST_TYPES])

    @extend_schema_field(TaskSerializer(allow_null=True))
    def get_last_task(self, workspace: Workspace) -> dict[str, Any] | None:
        """The newest task that is not a background one."""
        return next(_newest_tasks(workspace, 1), None)

    @extend_schema_field(TaskSerializer(many=True))
    def get_last_tasks(self, workspace: Workspace) -> list[dict[str, Any]]:
        """The newest tasks that are not background ones."""
        return list(_newest_tasks(workspace, LAST_TASKS))

    @extend_schema_field(DriftSummarySerializer(allow_null=True))
    def get_drift(self, workspace: Workspace) -> dict[str, Any] | None:
        """What drift's own app knows; the core reads it by its relation and imports nothing of it."""
        status = getattr(workspace, "drift_status", None)
        return None if status is None else dict(DriftSummarySerializer(status).data)

    @extend_schema_field(StateVersionSerializer(allow_null=True))
    def get_current_state(self, workspace: Workspace) -> dict[str, Any] | None:
        """The newest state version."""
        versions = workspace.state_versions.without_content().select_related("created_by")
        newest = versions.first()
        return None if newest is None else dict(StateVersionSerializer(newest).data)
