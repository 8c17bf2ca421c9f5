"""A workspace at a glance."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from iacplatform.common.counting import count_each
from iacplatform.common.pagination import COUNT_CAP
from workspaces.api.filters import COUNTS_CAPPED_AT
from workspaces.api.serializers.states import StateVersionSerializer
from workspaces.api.serializers.tasks import TaskSerializer
from workspaces.models import Workspace
from workspaces.task_status import TaskStatus


class OverviewSerializer(serializers.ModelSerializer[Workspace]):
    """Counters, the last task that a person started, and the current state."""

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
            "lock_reason",
            "lock_kept",
            "last_plan_at",
            "last_apply_at",
            "resource_count",
            "variable_count",
            "task_counts",
            "task_counts_capped_at",
            "last_task",
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

    @extend_schema_field(TaskSerializer(allow_null=True))
    def get_last_task(self, workspace: Workspace) -> dict[str, Any] | None:
        """The newest task that is not a background one."""
        tasks = workspace.tasks.filter(is_background=False).select_related("created_by")
        newest = tasks.first()
        return None if newest is None else dict(TaskSerializer(newest).data)

    @extend_schema_field(StateVersionSerializer(allow_null=True))
    def get_current_state(self, workspace: Workspace) -> dict[str, Any] | None:
        """The newest state version."""
        versions = workspace.state_versions.without_content().select_related("created_by")
        newest = versions.first()
        return None if newest is None else dict(StateVersionSerializer(newest).data)
