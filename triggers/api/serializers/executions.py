"""Executions of run triggers."""

from typing import Any

from rest_framework import serializers

from triggers.models import RunTrigger, TaskTriggerExecution
from workspaces.models import Workspace


class TriggerExecutionSerializer(serializers.ModelSerializer[TaskTriggerExecution]):
    """What a trigger does because of a task; without an id, what it would do if the task was applied now."""

    execution_id = serializers.CharField(
        read_only=True,
        allow_null=True,
        help_text="`null` where none is prepared: the triggers of the moment of the apply count",
    )
    run_trigger_id = serializers.SlugRelatedField[RunTrigger](
        slug_field="run_trigger_id",
        source="run_trigger",
        read_only=True,
        allow_null=True,
        help_text="`null` where it was deleted",
    )
    target_workspace_id = serializers.SlugRelatedField[Workspace](
        slug_field="workspace_id",
        source="target_workspace",
        read_only=True,
        allow_null=True,
        help_text="`null` where it was deleted",
    )
    target_workspace_name = serializers.CharField(source="target_name", read_only=True)
    target_auto_apply = serializers.BooleanField(
        source="target_workspace.auto_apply", read_only=True, default=False
    )
    source_task_id = serializers.IntegerField(read_only=True)
    target_task_id = serializers.IntegerField(
        read_only=True, allow_null=True, help_text="The task that was made"
    )

    class Meta:
        model = TaskTriggerExecution
        fields = [
            "execution_id",
            "run_trigger_id",
            "source_task_id",
            "target_workspace_id",
            "target_workspace_name",
            "target_auto_apply",
            "target_task_id",
            "status",
            "message",
            "temporarily_disabled",
            "disabled_by",
            "disabled_at",
            "due_at",
            "completed_at",
            "created_at",
            "updated_at",
        ]
        read_only_fields = fields


class SwitchSerializer(serializers.Serializer[Any]):
    """Whether a trigger is switched off for one task."""

    temporarily_disabled = serializers.BooleanField()
