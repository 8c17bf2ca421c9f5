"""RunTasks and their attachments."""

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from iacplatform.accounts.models import Organization
from runtasks.api.serializers.fields import LinkField, StagesField
from runtasks.models import (
    EnforcementLevel,
    RunTask,
    RunTaskStage,
    SignatureFormat,
    WorkspaceRunTask,
)
from runtasks.models.run_task import MAX_RUN_SECONDS, TIMEOUT_SECONDS
from workspaces.api.serializers.fields import username_field

PRIORITIES = range(-1000, 1001)


def _seconds(allowed: range, name: str) -> serializers.IntegerField:
    low, high = allowed.start, allowed.stop - 1
    problem = f"{name} must be between {low} and {high}"
    return serializers.IntegerField(
        min_value=low,
        max_value=high,
        required=False,
        error_messages={"min_value": problem, "max_value": problem},
    )


def _priority() -> serializers.IntegerField:
    return serializers.IntegerField(
        min_value=PRIORITIES.start,
        max_value=PRIORITIES.stop - 1,
        required=False,
        help_text="Lower ones are asked first, equal ones at once",
    )


class RunTaskSerializer(serializers.ModelSerializer[RunTask]):
    """A RunTask; its key goes in and never comes out."""

    organization = serializers.SlugRelatedField[Organization](
        slug_field="name", read_only=True, allow_null=True
    )
    name = serializers.RegexField(
        r"\A[a-zA-Z0-9_-]+\Z",
        max_length=100,
        error_messages={
            "invalid": "name can only contain letters, numbers, dashes and underscores"
        },
    )
    description = serializers.CharField(max_length=10_000, required=False, allow_blank=True)
    endpoint_url = LinkField()
    hmac_key = serializers.CharField(
        max_length=500,
        required=False,
        allow_blank=True,
        trim_whitespace=False,
        write_only=True,
        help_text="Signs the webhook; an empty text takes the key away",
    )
    hmac_key_set = serializers.SerializerMethodField()
    timeout_seconds = _seconds(TIMEOUT_SECONDS, "timeout_seconds")
    max_run_seconds = _seconds(MAX_RUN_SECONDS, "max_run_seconds")
    global_stages = StagesField(required=False)
    global_priority = _priority()
    workspace_count = serializers.SerializerMethodField(
        help_text="Workspaces with an attachment for it"
    )
    created_by = username_field()

    class Meta:
        model = RunTask
        fields = [
            "run_task_id",
            "organization",
            "name",
            "description",
            "endpoint_url",
            "hmac_key",
            "hmac_key_set",
            "signature_format",
            "enabled",
            "timeout_seconds",
            "max_run_seconds",
            "is_global",
            "global_stages",
            "global_enforcement_level",
            "global_priority",
            "workspace_count",
            "created_by",
            "created_at",
            "updated_at",
        ]
        # The one for unique names would make the organization required; the service sees to them.
        validators: list[Any] = []

    def get_hmac_key_set(self, run_task: RunTask) -> bool:
        """Whether webhooks are signed."""
        return bool(run_task.hmac_key)

    @extend_schema_field(OpenApiTypes.INT)
    def get_workspace_count(self, run_task: Any) -> int:
        """As the list counts them, or counted now."""
        if hasattr(run_task, "workspace_count"):
            return int(run_task.workspace_count)
        return int(run_task.attachments.values("workspace").distinct().count())


class RunTaskChangeSerializer(RunTaskSerializer):
    """A change of a RunTask."""

    verify = serializers.BooleanField(
        default=True,
        write_only=True,
        help_text="Whether its service must accept a test request first; asked where it is reached anew",
    )

    class Meta(RunTaskSerializer.Meta):
        fields = [*RunTaskSerializer.Meta.fields, "verify"]


class NewRunTaskSerializer(RunTaskChangeSerializer):
    """A RunTask that is to be; its organization may be left out by who has only one."""

    organization = serializers.SlugField(  # type: ignore[assignment]
        max_length=64,
        required=False,
        allow_null=True,
        help_text="`null` makes it the whole platform's, which takes an administrator",
    )


class TrialSerializer(serializers.Serializer[Any]):
    """A service that is tried out before it is saved."""

    endpoint_url = LinkField()
    hmac_key = serializers.CharField(
        max_length=500, default="", allow_blank=True, trim_whitespace=False
    )
    signature_format = serializers.ChoiceField(
        choices=SignatureFormat.choices, default=SignatureFormat.SHA512.value
    )


class TrialReportSerializer(serializers.Serializer[Any]):
    """How a service took a test request."""

    success = serializers.BooleanField()
    message = serializers.CharField(required=False)
    error = serializers.CharField(required=False)
    error_details = serializers.CharField(required=False)
    status_code = serializers.IntegerField(allow_null=True)
    response_body = serializers.CharField(help_text="At most 4 KiB of it")
    duration_ms = serializers.IntegerField()
    hmac_configured = serializers.BooleanField()
    hmac_verified = serializers.BooleanField(
        allow_null=True,
        help_text="`false` where the answer has an `hmac_error`, `null` without a key",
    )
    endpoint_url = serializers.CharField()
    test_url = serializers.CharField()
    run_task_id = serializers.CharField(required=False)


class AttachmentSerializer(serializers.ModelSerializer[WorkspaceRunTask]):
    """A RunTask at one stage of a workspace's tasks."""

    run_task_id = serializers.SlugRelatedField[RunTask](
        slug_field="run_task_id", source="run_task", read_only=True
    )
    run_task_name = serializers.CharField(source="run_task.name", read_only=True)
    run_task_enabled = serializers.BooleanField(source="run_task.enabled", read_only=True)
    priority = _priority()
    created_by = username_field()

    class Meta:
        model = WorkspaceRunTask
        fields = [
            "workspace_run_task_id",
            "run_task_id",
            "run_task_name",
            "run_task_enabled",
            "stage",
            "enforcement_level",
            "priority",
            "enabled",
            "created_by",
            "created_at",
            "updated_at",
        ]
        # A stage that is taken is a conflict; the service sees to it.
        validators: list[Any] = []


class NewAttachmentSerializer(AttachmentSerializer):
    """An attachment that is to be; ``context["run_tasks"]`` are those that may be attached."""

    run_task_id = serializers.CharField(max_length=50)  # type: ignore[assignment]

    def validate_run_task_id(self, reference: str) -> RunTask:
        """The RunTask that is meant."""
        found = self.context["run_tasks"].filter(run_task_id=reference).first()
        if found is None:
            raise serializers.ValidationError(f"There is no run task {reference}.")
        run_task: RunTask = found
        return run_task


class GlobalRunTaskSerializer(serializers.ModelSerializer[RunTask]):
    """A global RunTask as it concerns a workspace that has no attachment for it."""

    stages = serializers.ListField(
        child=serializers.ChoiceField(choices=RunTaskStage.choices), source="global_stages"
    )
    enforcement_level = serializers.ChoiceField(
        choices=EnforcementLevel.choices, source="global_enforcement_level"
    )
    priority = serializers.IntegerField(source="global_priority")

    class Meta:
        model = RunTask
        fields = [
            "run_task_id",
            "name",
            "description",
            "stages",
            "enforcement_level",
            "priority",
        ]
        read_only_fields = fields


class WorkspaceRunTasksSerializer(serializers.Serializer[Any]):
    """All that a workspace's tasks are checked by."""

    workspace_run_tasks = AttachmentSerializer(many=True)
    global_run_tasks = GlobalRunTaskSerializer(many=True)
