"""Resources and the versions of their code."""

from typing import Any

from rest_framework import serializers

from iacplatform.common.serializers import JSONObjectField
from workspaces.api.serializers.fields import username_field
from workspaces.models import ResourceCodeVersion, WorkspaceResource
from workspaces.services.resources import LONGEST_NAME, LONGEST_TYPE

MAX_SUMMARY_LENGTH = 10_000
MAX_DEPLOYED = 1000
LARGEST_ID = 2**63 - 1


def _text() -> serializers.CharField:
    return serializers.CharField(max_length=MAX_SUMMARY_LENGTH, required=False, allow_blank=True)


class ResourceSummarySerializer(serializers.ModelSerializer[WorkspaceResource]):
    """A resource in a list: everything but its code."""

    version = serializers.IntegerField(source="current_version.version", read_only=True)
    created_by = username_field()

    class Meta:
        model = WorkspaceResource
        fields = [
            "id",
            "resource_id",
            "resource_type",
            "resource_name",
            "description",
            "tags",
            "is_active",
            "version",
            "last_applied_at",
            "created_by",
            "created_at",
            "updated_at",
        ]
        read_only_fields = fields


class ResourceSerializer(ResourceSummarySerializer):
    """A resource with its current code."""

    tf_code = JSONObjectField(source="current_version.tf_code", read_only=True)
    variables = JSONObjectField(source="current_version.variables", read_only=True)

    class Meta(ResourceSummarySerializer.Meta):
        fields = [*ResourceSummarySerializer.Meta.fields, "tf_code", "variables"]
        read_only_fields = fields


class NewResourceSerializer(serializers.Serializer[WorkspaceResource]):
    """A resource that is to be."""

    resource_type = serializers.CharField(max_length=LONGEST_TYPE)
    resource_name = serializers.CharField(max_length=LONGEST_NAME)
    tf_code = JSONObjectField()
    variables = JSONObjectField(required=False)
    description = _text()
    tags = JSONObjectField(required=False)

    def to_representation(self, instance: WorkspaceResource) -> dict[str, Any]:
        """The resource as it is from now on."""
        return dict(ResourceSerializer(instance).data)


class ResourceChangeRequestSerializer(serializers.Serializer[WorkspaceResource]):
    """The next version of a resource's code."""

    tf_code = JSONObjectField()
    variables = JSONObjectField(required=False)
    change_summary = _text()
    description = _text()
    tags = JSONObjectField(required=False)

    def to_representation(self, instance: WorkspaceResource) -> dict[str, Any]:
        """The resource as it is from now on."""
        return dict(ResourceSerializer(instance).data)


class ResourceVersionSerializer(serializers.ModelSerializer[ResourceCodeVersion]):
    """A version of a resource's code."""

    created_by = username_field()

    class Meta:
        model = ResourceCodeVersion
        fields = [
            "id",
            "version",
            "tf_code",
            "variables",
            "change_summary",
            "change_type",
            "created_by",
            "created_at",
        ]


class ImportSerializer(serializers.Serializer[WorkspaceResource]):
    """Resource and module blocks in Terraform's JSON syntax."""

    tf_code = JSONObjectField()


class ImportedSerializer(serializers.Serializer[WorkspaceResource]):
    """What an import did."""

    message = serializers.CharField()
    count = serializers.IntegerField()


class DeploySerializer(serializers.Serializer[WorkspaceResource]):
    """Which resources are to be planned."""

    resource_ids = serializers.ListField(
        child=serializers.IntegerField(min_value=1, max_value=LARGEST_ID),
        allow_empty=False,
        max_length=MAX_DEPLOYED,
    )
    description = serializers.CharField(
        max_length=MAX_SUMMARY_LENGTH, required=False, allow_blank=True, default=""
    )
