"""Checks, what they found, and where a workspace stands."""

from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from workspaces.drift.models import CheckStatus, DriftCheck, DriftStatus, Severity, settings_of
from workspaces.drift.services.schedule import Hindrance, hindrance
from workspaces.models import Workspace, WorkspaceResource

SYNCED, DRIFTED, UNAPPLIED = "synced", "drifted", "unapplied"
RESOURCE_STATUSES = [
    (DRIFTED, "Drifted"),
    (SYNCED, "Synced"),
    (UNAPPLIED, "Never applied"),
]
SEVERITY_OR_NONE = [*Severity.choices, ("", "None")]
STATUS_OR_NONE = [*CheckStatus.choices, ("", "Never checked")]


class DriftedValueSerializer(serializers.Serializer[Any]):
    """A value as the state has it, and as it is; a sensitive one is masked."""

    before = serializers.JSONField()
    after = serializers.JSONField()


class DriftedChildSerializer(serializers.Serializer[Any]):
    """An object that is not as the state has it."""

    address = serializers.CharField()
    type = serializers.CharField()
    name = serializers.CharField()
    action = serializers.CharField(help_text="What was done to it: `update`, `delete` …")
    severity = serializers.ChoiceField(choices=Severity.choices)
    changes = serializers.DictField(
        child=DriftedValueSerializer(), help_text="Path, such as `tags.owner` → both values"
    )
    ignored_paths = serializers.ListField(child=serializers.CharField())
    ignored_by = serializers.CharField(help_text="The rule that ignores the whole object, or empty")
    is_ignored = serializers.BooleanField()


class DriftedResourceSerializer(serializers.Serializer[Any]):
    """A resource of the configuration with drift below it."""

    address = serializers.CharField(help_text="In the root module")
    resource_id = serializers.CharField(
        allow_null=True, help_text="`null` where it is no resource of the workspace"
    )
    resource_type = serializers.CharField()
    resource_name = serializers.CharField()
    has_drift = serializers.BooleanField(help_text="`false` where all of it is ignored")
    severity = serializers.ChoiceField(choices=SEVERITY_OR_NONE)
    drifted_children = DriftedChildSerializer(many=True)


class DriftCheckSerializer(serializers.ModelSerializer[DriftCheck]):
    """A check in the history."""

    task_id = serializers.IntegerField(read_only=True)
    severity = serializers.ChoiceField(choices=SEVERITY_OR_NONE, read_only=True)
    severities = serializers.DictField(
        child=serializers.IntegerField(), read_only=True, help_text="Severity → number of objects"
    )

    class Meta:
        model = DriftCheck
        fields = [
            "check_id",
            "task_id",
            "is_scheduled",
            "status",
            "message",
            "has_drift",
            "drift_count",
            "total_resources",
            "severity",
            "severities",
            "ignored_count",
            "state_version",
            "created_at",
            "started_at",
            "completed_at",
        ]
        read_only_fields = fields


class DriftCheckDetailSerializer(DriftCheckSerializer):
    """A check with all that it found."""

    resources = serializers.SerializerMethodField()

    class Meta(DriftCheckSerializer.Meta):
        fields = [*DriftCheckSerializer.Meta.fields, "resources"]
        read_only_fields = fields

    @extend_schema_field(DriftedResourceSerializer(many=True))
    def get_resources(self, check: DriftCheck) -> list[dict[str, Any]]:
        """Those with drift, ignored or not."""
        return check.resources or []


class DriftStatusSerializer(serializers.ModelSerializer[DriftStatus]):
    """Where a workspace stands; the queryset must load ``workspace``, ``last_check`` and ``result``."""

    workspace_id = serializers.SlugRelatedField[Workspace](
        slug_field="workspace_id", source="workspace", read_only=True
    )
    workspace_name = serializers.CharField(source="workspace.name", read_only=True)
    severity = serializers.ChoiceField(choices=SEVERITY_OR_NONE, read_only=True)
    check_status = serializers.ChoiceField(
        choices=STATUS_OR_NONE, read_only=True, help_text="Of the last check"
    )
    check_id = serializers.SlugRelatedField[DriftCheck](
        slug_field="check_id",
        source="result",
        read_only=True,
        allow_null=True,
        help_text="The check that the drift is known from",
    )
    current_task_id = serializers.IntegerField(
        source="last_check.task_id", read_only=True, default=None, allow_null=True
    )

    class Meta:
        model = DriftStatus
        fields = [
            "workspace_id",
            "workspace_name",
            "has_drift",
            "drift_count",
            "total_resources",
            "severity",
            "drifted_since",
            "check_status",
            "message",
            "last_check_at",
            "looked_at",
            "current_task_id",
            "check_id",
        ]
        read_only_fields = fields


class DriftStatusDetailSerializer(DriftStatusSerializer):
    """Where a workspace stands, and why it is not checked by itself right now."""

    not_checked_because = serializers.SerializerMethodField()

    class Meta(DriftStatusSerializer.Meta):
        fields = [*DriftStatusSerializer.Meta.fields, "not_checked_because"]
        read_only_fields = fields

    @extend_schema_field(serializers.ChoiceField(choices=Hindrance.choices, allow_null=True))
    def get_not_checked_because(self, status: DriftStatus) -> str | None:
        """`null`: it is due, and checked as soon as there is room and nothing else is under way."""
        return hindrance(settings_of(status.workspace), status, timezone.now())


class CheckStartedSerializer(serializers.Serializer[Any]):
    """A check that was asked for."""

    message = serializers.CharField()
    task_id = serializers.IntegerField()
    check_id = serializers.CharField()


class ChecksCancelledSerializer(serializers.Serializer[Any]):
    """What cancelling did."""

    message = serializers.CharField()
    tasks_updated = serializers.IntegerField()


class ResourceDriftSerializer(serializers.ModelSerializer[WorkspaceResource]):
    """A resource of a workspace; ``context["found"]`` maps its id to what was found below it.

    The queryset annotates ``drift_status``.
    """

    drift_status = serializers.ChoiceField(choices=RESOURCE_STATUSES, read_only=True)
    severity = serializers.SerializerMethodField()
    drifted_children = serializers.SerializerMethodField()

    class Meta:
        model = WorkspaceResource
        fields = [
            "resource_id",
            "resource_type",
            "resource_name",
            "last_applied_at",
            "drift_status",
            "severity",
            "drifted_children",
        ]
        read_only_fields = fields

    def _found(self, resource: WorkspaceResource) -> dict[str, Any]:
        found: dict[str, Any] = self.context["found"].get(resource.resource_id, {})
        return found

    @extend_schema_field(serializers.ChoiceField(choices=SEVERITY_OR_NONE))
    def get_severity(self, resource: WorkspaceResource) -> str:
        """The worst of what is below it."""
        severity: str = self._found(resource).get("severity", "")
        return severity

    @extend_schema_field(DriftedChildSerializer(many=True))
    def get_drifted_children(self, resource: WorkspaceResource) -> list[dict[str, Any]]:
        """The objects that differ, ignored ones too."""
        children: list[dict[str, Any]] = self._found(resource).get("drifted_children", [])
        return children
