"""Resources and the versions of their code."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from iacplatform.common.serializers import JSONObjectField
from workspaces.api.serializers.fields import username_field
from workspaces.models import ResourceCodeVersion, WorkspaceResource
from workspaces.services.code_versions import CodeDifference
from workspaces.services.resource_dependencies import Dependency
from workspaces.services.resources import LONGEST_NAME, LONGEST_TYPE

MAX_SUMMARY_LENGTH = 10_000
MAX_DEPLOYED = 1000
MAX_DEPENDENCIES = 1000
LARGEST_ID = 2**63 - 1
LAST_VERSION = 2**31 - 1


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
    version = serializers.IntegerField(
        min_value=1,
        max_value=LAST_VERSION,
        required=False,
        help_text="The version that the author saw; 409 where it is not the current one any more",
    )

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


class DifferenceSerializer(serializers.Serializer[Any]):
    """A value before and after; ``null`` where there is none."""

    before = serializers.JSONField(allow_null=True)
    after = serializers.JSONField(allow_null=True)


class CodeDifferenceSerializer(serializers.Serializer[CodeDifference]):
    """Where two versions of a resource's code differ: path → value before and after."""

    from_version = serializers.IntegerField()
    to_version = serializers.IntegerField()
    tf_code = serializers.DictField(child=DifferenceSerializer())
    variables = serializers.DictField(child=DifferenceSerializer())


class DependencySerializer(serializers.Serializer[Dependency]):
    """The resource at the other end of a dependency."""

    id = serializers.IntegerField(source="resource.pk")
    resource_id = serializers.CharField(source="resource.resource_id")
    dependency_type = serializers.ChoiceField(
        choices=["explicit", "implicit"],
        help_text="Said by somebody, or computed from what the code refers to",
    )


class DependenciesSerializer(serializers.Serializer[Any]):
    """What a resource needs, and what needs it."""

    depends_on = DependencySerializer(many=True)
    dependents = DependencySerializer(many=True)


class DependenciesRequestSerializer(serializers.Serializer[Any]):
    """The whole list of what a resource explicitly depends on."""

    depends_on = serializers.ListField(
        child=serializers.IntegerField(min_value=1, max_value=LARGEST_ID),
        max_length=MAX_DEPENDENCIES,
        help_text="Numbers of resources of the workspace",
    )


@extend_schema_field(
    {
        "oneOf": [
            {"type": "object", "additionalProperties": {}},
            {"type": "string", "description": "HCL"},
        ]
    }
)
class CodeField(JSONObjectField):
    """Blocks in Terraform's JSON syntax, or a text in HCL."""

    default_error_messages = {"not_an_object": "Must be an object, or a text in HCL."}

    def to_internal_value(self, data: Any) -> Any:
        """Leaves a text as it is; the service reads it."""
        return data if isinstance(data, str) else super().to_internal_value(data)


class ImportSerializer(serializers.Serializer[WorkspaceResource]):
    """Resource and module blocks, in Terraform's JSON syntax or as a text in HCL."""

    tf_code = CodeField()


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
