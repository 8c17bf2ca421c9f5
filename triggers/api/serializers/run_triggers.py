"""Run triggers and the workspaces that can be linked by one."""

from typing import Any

from rest_framework import serializers

from triggers.models import RunTrigger
from workspaces.api.serializers.fields import username_field
from workspaces.models import Workspace


class RunTriggerSerializer(serializers.ModelSerializer[RunTrigger]):
    """A run trigger with both of its ends; only ``enabled`` can be changed."""

    source_workspace_id = serializers.CharField(source="source.workspace_id", read_only=True)
    source_workspace_name = serializers.CharField(source="source.name", read_only=True)
    target_workspace_id = serializers.CharField(source="target.workspace_id", read_only=True)
    target_workspace_name = serializers.CharField(source="target.name", read_only=True)
    target_auto_apply = serializers.BooleanField(
        source="target.auto_apply",
        read_only=True,
        help_text="Whether what is triggered is applied without anybody's approval",
    )
    created_by = username_field()

    class Meta:
        model = RunTrigger
        fields = [
            "run_trigger_id",
            "source_workspace_id",
            "source_workspace_name",
            "target_workspace_id",
            "target_workspace_name",
            "target_auto_apply",
            "enabled",
            "trigger_condition",
            "created_by",
            "created_at",
            "updated_at",
        ]
        read_only_fields = [name for name in fields if name != "enabled"]


class NewRunTriggerSerializer(serializers.Serializer[Any]):
    """The other end of a trigger that is to be; ``context["visible"]`` are those to choose from."""

    enabled = serializers.BooleanField(default=True)

    def find(self, reference: str) -> Workspace:
        """The workspace that is meant."""
        found = self.context["visible"].filter(workspace_id=reference).first()
        if found is None:
            raise serializers.ValidationError(f"There is no workspace {reference}.")
        workspace: Workspace = found
        return workspace


class NewOutboundTriggerSerializer(NewRunTriggerSerializer):
    """A trigger of this workspace."""

    target_workspace_id = serializers.CharField(max_length=50)

    def validate_target_workspace_id(self, reference: str) -> Workspace:
        """The workspace that is triggered."""
        return self.find(reference)


class NewInboundTriggerSerializer(NewRunTriggerSerializer):
    """A trigger that leads to this workspace."""

    source_workspace_id = serializers.CharField(max_length=50)

    def validate_source_workspace_id(self, reference: str) -> Workspace:
        """The workspace whose applies trigger."""
        return self.find(reference)


class OutboundTriggersSerializer(serializers.Serializer[Any]):
    """What the applies of a workspace start."""

    run_triggers = RunTriggerSerializer(many=True)
    auto_apply_warnings = serializers.ListField(
        child=serializers.CharField(),
        help_text="A sentence for each enabled trigger whose target applies by itself",
    )


class InboundTriggersSerializer(serializers.Serializer[Any]):
    """What starts tasks of a workspace."""

    inbound_triggers = RunTriggerSerializer(many=True)


class CreatedTriggerSerializer(serializers.Serializer[Any]):
    """A new trigger."""

    message = serializers.CharField()
    run_trigger = RunTriggerSerializer()
    warning = serializers.CharField(
        allow_blank=True, help_text="Empty unless the target applies by itself"
    )


class LinkableWorkspaceSerializer(serializers.ModelSerializer[Workspace]):
    """A workspace that can be the other end of a trigger."""

    class Meta:
        model = Workspace
        fields = ["workspace_id", "name", "description", "auto_apply"]
        read_only_fields = fields
