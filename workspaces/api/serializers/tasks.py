"""Tasks with their timeline, comments and changes."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from iacplatform.terraform.addresses import is_target
from workspaces.api.serializers.fields import username_field
from workspaces.models import (
    AppliedState,
    ResourceChange,
    StateSource,
    TaskComment,
    TaskSnapshot,
    TaskStage,
    TaskTransition,
    Workspace,
    WorkspaceTask,
)
from workspaces.task_status import TaskType

# `plan` is the old name of `plan_only`.
PLAN = "plan"
REQUESTED_TYPES = [(PLAN, "Plan only"), *TaskType.choices]
MAX_TARGETS = 1000
RESCUED = [choice for choice in StateSource.choices if choice[0] != StateSource.ENGINE]


class TaskSerializer(serializers.ModelSerializer[WorkspaceTask]):
    """A task in a list. The plan file is in no answer at all."""

    workspace_id = serializers.SlugRelatedField[Workspace](
        slug_field="workspace_id", source="workspace", read_only=True
    )
    created_by = username_field()
    duration_seconds = serializers.SerializerMethodField()

    class Meta:
        model = WorkspaceTask
        fields = [
            "id",
            "workspace_id",
            "task_type",
            "description",
            "status",
            "stage",
            "execution_mode",
            "auto_apply",
            "is_background",
            "targets",
            "error_message",
            "changes_add",
            "changes_change",
            "changes_destroy",
            "has_changes",
            "log_lines",
            "apply_description",
            "apply_confirmed_by",
            "apply_confirmed_at",
            "created_by",
            "created_at",
            "started_at",
            "completed_at",
            "duration_seconds",
        ]
        read_only_fields = fields

    def get_duration_seconds(self, task: WorkspaceTask) -> float | None:
        """From the first stage to the end, waiting for approval included."""
        return None if task.duration is None else task.duration.total_seconds()


class StageSerializer(serializers.ModelSerializer[TaskStage]):
    """One line of a task's timeline."""

    worker = serializers.CharField(source="owner", help_text="Who ran its last attempt")
    duration_ms = serializers.SerializerMethodField()

    class Meta:
        model = TaskStage
        fields = [
            "name",
            "phase",
            "status",
            "started_at",
            "finished_at",
            "duration_ms",
            "worker",
            "attempts",
            "skipped",
            "message",
        ]

    def get_duration_ms(self, stage: TaskStage) -> int | None:
        """Length of the last attempt."""
        return None if stage.duration is None else round(stage.duration.total_seconds() * 1000)


class TaskDetailSerializer(TaskSerializer):
    """A task with its timeline, its engine and the outputs of its apply (sensitive ones masked).

    The timeline has a line for each stage; that of an attempt whose worker died while it applied is
    `lost`, and `rescue` follows it.
    """

    stages = StageSerializer(many=True, read_only=True)
    engine = serializers.SerializerMethodField(help_text="Such as `terraform 1.9.5`")
    interruption_source = serializers.SerializerMethodField(
        help_text="Where the state was found if the apply was interrupted; else null"
    )

    class Meta(TaskSerializer.Meta):
        fields = [
            *TaskSerializer.Meta.fields,
            "engine",
            "cancel_requested_at",
            "cancel_requested_by",
            "cancel_reason",
            "cancel_force",
            "interruption_source",
            "plan_hash",
            "plan_host",
            "last_host",
            "outputs",
            "stages",
        ]
        read_only_fields = fields

    def get_engine(self, task: WorkspaceTask) -> str:
        """The engine version that the snapshot names."""
        names = ("engine_version__engine", "engine_version__version")
        found = TaskSnapshot.objects.filter(task=task).values_list(*names).first()
        return " ".join(name for name in found or () if name)

    @extend_schema_field(serializers.ChoiceField(choices=RESCUED, allow_null=True))
    def get_interruption_source(self, task: WorkspaceTask) -> str | None:
        """What the rescue has found."""
        rescued = AppliedState.objects.filter(task=task).exclude(source=StateSource.ENGINE)
        return rescued.values_list("source", flat=True).first()


class NewTaskSerializer(serializers.Serializer[WorkspaceTask]):
    """What a task is to do. ``run_type`` and ``task_type`` are two names of one thing."""

    description = serializers.CharField(
        max_length=10_000, required=False, default="", allow_blank=True
    )
    run_type = serializers.ChoiceField(choices=REQUESTED_TYPES, required=False)
    task_type = serializers.ChoiceField(
        choices=REQUESTED_TYPES, required=False, default=TaskType.PLAN_ONLY.value
    )
    targets = serializers.ListField(
        child=serializers.CharField(max_length=1000), max_length=MAX_TARGETS, required=False
    )

    def validate_targets(self, targets: list[str]) -> list[str]:
        """Refuses what the engine would not take for an address."""
        wrong = {
            str(index): [f"{target!r} is not the address of a resource or module."]
            for index, target in enumerate(targets)
            if not is_target(target)
        }
        if wrong:
            raise serializers.ValidationError(wrong)
        return targets

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Leaves one type, under the name the services use."""
        name = attrs.pop("run_type", None) or attrs["task_type"]
        return {**attrs, "task_type": TaskType.PLAN_ONLY if name == PLAN else TaskType(name)}


class CancelSerializer(serializers.Serializer[WorkspaceTask]):
    """Why a task is cancelled; ``force`` also interrupts an engine that is applying."""

    reason = serializers.CharField(max_length=1000, required=False, default="", allow_blank=True)
    force = serializers.BooleanField(
        required=False,
        default=False,
        help_text=(
            "Also while the engine applies. It is told to stop, is given the platform's "
            "`FORCE_GRACE_SECONDS`, and is then killed: what it was making may be left half made. "
            "Its state is saved even so"
        ),
    )


class CancelledCountSerializer(serializers.Serializer[WorkspaceTask]):
    """How many tasks were cancelled."""

    cancelled_count = serializers.IntegerField()


class ConfirmApplySerializer(serializers.Serializer[WorkspaceTask]):
    """What the one who approves has to say."""

    apply_description = serializers.CharField(
        max_length=10_000, required=False, default="", allow_blank=True
    )


class TransitionSerializer(serializers.ModelSerializer[TaskTransition]):
    """One change of a task's status."""

    class Meta:
        model = TaskTransition
        fields = ["id", "from_status", "to_status", "stage", "actor", "reason", "created_at"]


class CommentSerializer(serializers.ModelSerializer[TaskComment]):
    """What somebody said."""

    comment = serializers.CharField(max_length=10_000)

    class Meta:
        model = TaskComment
        fields = ["id", "username", "comment", "action_type", "created_at"]
        read_only_fields = ["username", "action_type"]


class ResourceChangeSerializer(serializers.ModelSerializer[ResourceChange]):
    """One resource of a plan, and how far its apply has come."""

    class Meta:
        model = ResourceChange
        fields = [
            "id",
            "resource_address",
            "resource_type",
            "resource_name",
            "module_address",
            "action",
            "changes_before",
            "changes_after",
            "apply_status",
            "apply_started_at",
            "apply_completed_at",
            "apply_error",
            "resource_id",
        ]
        read_only_fields = fields
