"""Definitions of outputs and of remote data."""

from typing import Any

from django.db.models import QuerySet
from rest_framework import serializers

from workspaces.models import Workspace, WorkspaceOutput, WorkspaceRemoteData
from workspaces.services.outputs import hides_value


class OutputSerializer(serializers.ModelSerializer[WorkspaceOutput]):
    """An output; the literal of a sensitive one is never shown."""

    output_value = serializers.CharField(
        max_length=100_000,
        allow_blank=True,
        trim_whitespace=False,
        help_text="An expression such as ${module.x.y}, or a literal of a static output",
    )

    class Meta:
        model = WorkspaceOutput
        fields = [
            "output_id",
            "resource_name",
            "output_name",
            "output_value",
            "description",
            "sensitive",
            "created_at",
            "updated_at",
        ]

    def to_representation(self, instance: WorkspaceOutput) -> dict[str, Any]:
        """Leaves a sensitive literal out."""
        shown = super().to_representation(instance)
        return {**shown, "output_value": ""} if hides_value(instance) else shown


class VisibleWorkspaceField(serializers.SlugRelatedField[Workspace]):
    """A workspace by its semantic id, looked up among those the caller sees."""

    def get_queryset(self) -> QuerySet[Workspace]:
        """The workspaces that may be named."""
        return Workspace.objects.visible_to(self.context["request"].user)


class RemoteDataSerializer(serializers.ModelSerializer[WorkspaceRemoteData]):
    """Another workspace's outputs under a name."""

    source_workspace = VisibleWorkspaceField(
        slug_field="workspace_id", queryset=Workspace.objects.all()
    )
    description = serializers.CharField(max_length=10_000, required=False, allow_blank=True)

    class Meta:
        model = WorkspaceRemoteData
        fields = [
            "remote_data_id",
            "data_name",
            "source_workspace",
            "description",
            "created_at",
            "updated_at",
        ]
