"""Workspaces and their locks."""

from typing import Any

from rest_framework import serializers

from iacplatform.accounts.models import Organization
from iacplatform.common.serializers import JSONObjectField
from workspaces.api.serializers.fields import EngineVersionField, username_field
from workspaces.models import OutputsSharing, Project, Workspace

MAX_RETRIES = 10
MAX_TAGS = 50
MAX_TAG_LENGTH = 100
LONGEST_LIMIT = 2**31 - 1
MOST_KEPT = {"state_keep_versions": 1_000_000, "state_keep_days": 36_500}


def without_comma(tag: str) -> None:
    """Refuses a tag that the filter ``tags=a,b`` could not name."""
    if "," in tag:
        raise serializers.ValidationError("A tag has no comma.")


def without_double(tags: list[str]) -> None:
    """Refuses a tag that is there twice."""
    seen: set[str] = set()
    for tag in tags:
        if tag in seen:
            raise serializers.ValidationError(f"The tag {tag} is there twice.")
        seen.add(tag)


def seconds_field(help_text: str) -> serializers.IntegerField:
    """A time limit in seconds; ``null`` is none of its own."""
    return serializers.IntegerField(
        min_value=1,
        max_value=LONGEST_LIMIT,
        allow_null=True,
        required=False,
        help_text=help_text,
    )


def kept_field(name: str, help_text: str) -> serializers.IntegerField:
    """A limit of what is kept; ``null`` is none of its own, 0 none at all."""
    return serializers.IntegerField(
        min_value=0,
        max_value=MOST_KEPT[name],
        allow_null=True,
        required=False,
        help_text=help_text,
    )


class WorkspaceSummarySerializer(serializers.ModelSerializer[Workspace]):
    """A workspace in a list: everything but its configuration."""

    organization = serializers.SlugRelatedField[Organization](slug_field="name", read_only=True)
    project_id = serializers.SlugRelatedField[Project](
        source="project", slug_field="project_id", read_only=True, allow_null=True
    )
    engine_version = EngineVersionField(allow_null=True, required=False)
    tags = serializers.ListField(
        child=serializers.CharField(max_length=MAX_TAG_LENGTH, validators=[without_comma]),
        max_length=MAX_TAGS,
        required=False,
        validators=[without_double],
        help_text="Texts without a comma, none of them twice",
    )
    max_retries = serializers.IntegerField(min_value=0, max_value=MAX_RETRIES, required=False)
    plan_timeout_seconds = seconds_field(
        "How long an engine command of a plan may take; null: the platform's limit, which is the most"
    )
    apply_timeout_seconds = seconds_field(
        "How long `apply` may take; null: the platform's limit, which is the most"
    )
    silence_timeout_seconds = seconds_field(
        "How long the engine may say nothing; null: the platform's limit, which is the most"
    )
    approval_timeout_seconds = seconds_field(
        "How long a plan waits for approval before it is cancelled; null: for ever"
    )
    state_keep_versions = kept_field(
        "state_keep_versions",
        "How many state versions are kept; 0: all; null: the platform's limit",
    )
    state_keep_days = kept_field(
        "state_keep_days",
        "How many days state versions are kept; 0: for ever; null: the platform's limit",
    )
    lock_task_id = serializers.IntegerField(
        read_only=True, allow_null=True, help_text="The task that owns the lock"
    )
    created_by = username_field()

    class Meta:
        model = Workspace
        fields = [
            "id",
            "workspace_id",
            "organization",
            "project_id",
            "name",
            "description",
            "tags",
            "execution_mode",
            "auto_apply",
            "engine_version",
            "configuration_source",
            "max_retries",
            "plan_timeout_seconds",
            "apply_timeout_seconds",
            "silence_timeout_seconds",
            "approval_timeout_seconds",
            "state_keep_versions",
            "state_keep_days",
            "is_locked",
            "locked_by",
            "locked_at",
            "lock_reason",
            "lock_task_id",
            "lock_kept",
            "outputs_sharing",
            "created_by",
            "last_plan_at",
            "last_apply_at",
            "created_at",
            "updated_at",
        ]
        read_only_fields = ["outputs_sharing", "last_plan_at", "last_apply_at"]


class WorkspaceSerializer(WorkspaceSummarySerializer):
    """A workspace with its configuration."""

    tf_code = JSONObjectField(allow_null=True, required=False)
    provider_config = JSONObjectField(required=False)

    class Meta(WorkspaceSummarySerializer.Meta):
        fields = [*WorkspaceSummarySerializer.Meta.fields, "tf_code", "provider_config"]


class NewWorkspaceSerializer(WorkspaceSerializer):
    """A workspace that is to be; its organization may be left out by who has only one."""

    organization = serializers.SlugField(  # type: ignore[assignment]
        max_length=64, required=False, write_only=True
    )
    project_id = serializers.CharField(  # type: ignore[assignment]
        max_length=50, required=False, allow_null=True, write_only=True
    )

    class Meta(WorkspaceSerializer.Meta):
        # The one for unique names would make the organization required; the service sees to them.
        validators: list[Any] = []

    def to_representation(self, instance: Workspace) -> dict[str, Any]:
        """The workspace as it is from now on."""
        return dict(WorkspaceSerializer(instance).data)


class LockSerializer(serializers.Serializer[Workspace]):
    """Why somebody locks a workspace."""

    reason = serializers.CharField(max_length=1000, required=False, default="", allow_blank=True)


class UnlockSerializer(serializers.Serializer[Workspace]):
    """Whether somebody else's lock is to be removed."""

    force = serializers.BooleanField(required=False, default=False)


class OutputsSharingSerializer(serializers.Serializer[Workspace]):
    """Who may read a workspace's outputs; ``context["user"]`` must see the workspaces it names."""

    sharing_mode = serializers.ChoiceField(choices=OutputsSharing.choices)
    allowed_workspace_ids = serializers.ListField(
        child=serializers.CharField(max_length=50), max_length=1000, required=False, default=list
    )

    def validate_allowed_workspace_ids(self, references: list[str]) -> list[Workspace]:
        """The workspaces that are meant."""
        visible = Workspace.objects.visible_to(self.context["user"])
        found = {each.workspace_id: each for each in visible.filter(workspace_id__in=references)}
        if missing := sorted(set(references) - set(found)):
            raise serializers.ValidationError(f"There is no workspace {missing[0]}.")
        return list(found.values())
