"""A workspace at a glance."""

from typing import Any

from django.db.models import Count
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from workspaces.api.serializers.states import StateVersionSerializer
from workspaces.api.serializers.tasks import TaskSerializer
from workspaces.models import Workspace


class OverviewSerializer(serializers.ModelSerializer[Workspace]):
    """Counters, the last task that a person started, and the current state."""

    resource_count = serializers.SerializerMethodField(help_text="Resources of the configuration")
    variable_count = serializers.SerializerMethodField()
    task_counts = serializers.SerializerMethodField(help_text="Status → number of tasks")
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
            "last_task",
            "current_state",
        ]

    def get_resource_count(self, workspace: Workspace) -> int:
        """Active resources."""
        return workspace.resources.filter(is_active=True).count()

    def get_variable_count(self, workspace: Workspace) -> int:
        """Current variables."""
        return workspace.variables.current().count()

    def get_task_counts(self, workspace: Workspace) -> dict[str, int]:
        """Tasks by status, background ones too."""
        counts = workspace.tasks.order_by().values_list("status").annotate(Count("pk"))
        return dict(counts)

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
