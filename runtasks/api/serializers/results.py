"""Results and their outcomes."""

from typing import Any

from rest_framework import serializers

from runtasks.markdown import render_markdown
from runtasks.models import RunTask, RunTaskOutcome, RunTaskResult, WorkspaceRunTask
from workspaces.api.serializers.tasks import ResourceChangeSerializer
from workspaces.models import Workspace


class OutcomeSummarySerializer(serializers.ModelSerializer[RunTaskOutcome]):
    """An outcome without its text."""

    class Meta:
        model = RunTaskOutcome
        fields = ["outcome_id", "description", "url", "tags"]
        read_only_fields = fields


class OutcomeSerializer(OutcomeSummarySerializer):
    """An outcome with its text."""

    body = serializers.CharField(
        help_text="Markdown, as the service sent it: not safe to show as it is"
    )
    body_html = serializers.SerializerMethodField(
        help_text="The same as HTML: without scripts, pictures, and tags of the service's own"
    )

    class Meta(OutcomeSummarySerializer.Meta):
        fields = [*OutcomeSummarySerializer.Meta.fields, "body", "body_html"]
        read_only_fields = fields

    def get_body_html(self, outcome: RunTaskOutcome) -> str:
        """What a page may show."""
        return render_markdown(outcome.body)


class RunTaskResultSerializer(serializers.ModelSerializer[RunTaskResult]):
    """What a RunTask was asked about a task, and how it answered; never the token."""

    run_task_id = serializers.SlugRelatedField[RunTask](
        slug_field="run_task_id", source="run_task", read_only=True, allow_null=True
    )
    workspace_run_task_id = serializers.SlugRelatedField[WorkspaceRunTask](
        slug_field="workspace_run_task_id",
        source="workspace_run_task",
        read_only=True,
        allow_null=True,
        help_text="`null` for a global run task",
    )
    workspace_id = serializers.SlugRelatedField[Workspace](
        slug_field="workspace_id", source="task.workspace", read_only=True
    )
    task_id = serializers.IntegerField(read_only=True)
    is_overridden = serializers.SerializerMethodField()
    outcomes = OutcomeSummarySerializer(many=True, read_only=True)

    class Meta:
        model = RunTaskResult
        fields = [
            "result_id",
            "task_id",
            "workspace_id",
            "run_task_id",
            "workspace_run_task_id",
            "run_task_name",
            "endpoint_url",
            "stage",
            "enforcement_level",
            "priority",
            "status",
            "message",
            "url",
            "timeout_seconds",
            "max_run_seconds",
            "requested_at",
            "started_at",
            "last_heartbeat_at",
            "timeout_at",
            "max_run_timeout_at",
            "completed_at",
            "is_overridden",
            "override_by",
            "override_at",
            "outcomes",
        ]
        read_only_fields = fields

    def get_is_overridden(self, result: RunTaskResult) -> bool:
        """Whether a person has taken it for settled."""
        return result.override_at is not None


class ResourceChangesSerializer(serializers.Serializer[Any]):
    """What a plan does to each resource."""

    resource_changes = ResourceChangeSerializer(many=True)


class OverrideSerializer(serializers.Serializer[Any]):
    """Why results are overridden."""

    comment = serializers.CharField(max_length=1000)


class OverriddenSerializer(serializers.Serializer[Any]):
    """What came of it."""

    message = serializers.CharField()
    overridden = serializers.BooleanField()
    overridden_by = serializers.CharField()
    comment = serializers.CharField()
