"""Resources, hits, numbers and the module tree."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from iacplatform.common.serializers import JSONObjectField
from workspaces.cmdb.models import ResourceIndex, SourceType, WorkspaceSync
from workspaces.cmdb.services.overview import LISTED

MOST_HITS = 100


class IndexedResourceSerializer(serializers.ModelSerializer[ResourceIndex]):
    """A resource without its attributes."""

    workspace_id = serializers.CharField(
        source="workspace.workspace_id", default=None, allow_null=True
    )
    workspace_name = serializers.CharField(source="workspace.name", default=None, allow_null=True)
    external_source_id = serializers.CharField(
        source="external_source.source_id", default=None, allow_null=True
    )
    external_source_name = serializers.CharField(
        source="external_source.name", default=None, allow_null=True
    )
    tags = serializers.DictField(child=serializers.CharField())

    class Meta:
        model = ResourceIndex
        fields = [
            "id",
            "source_type",
            "workspace_id",
            "workspace_name",
            "external_source_id",
            "external_source_name",
            "terraform_address",
            "primary_key_value",
            "resource_type",
            "resource_name",
            "resource_mode",
            "index_key",
            "provider",
            "cloud_resource_id",
            "cloud_resource_name",
            "cloud_resource_arn",
            "cloud_provider",
            "cloud_account_id",
            "cloud_account_name",
            "cloud_region",
            "description",
            "module_path",
            "module_depth",
            "parent_module_path",
            "root_module_name",
            "tags",
            "state_version",
            "created_at",
            "updated_at",
        ]
        read_only_fields = fields


class IndexedResourceDetailSerializer(IndexedResourceSerializer):
    """A resource with its attributes, none of them sensitive."""

    attributes = JSONObjectField()

    class Meta(IndexedResourceSerializer.Meta):
        fields = [*IndexedResourceSerializer.Meta.fields, "attributes"]
        read_only_fields = fields


class HitSerializer(serializers.Serializer[Any]):
    """A resource that a search has found."""

    score = serializers.FloatField(help_text="1.0: its id is what was searched")
    resource = IndexedResourceSerializer()


class SearchAnswerSerializer(serializers.Serializer[Any]):
    """The best hits, the best first; those of Terraform before external ones."""

    query = serializers.CharField()
    items = HitSerializer(many=True)


class ScopeSerializer(serializers.Serializer[Any]):
    """Which resources are meant: those that fit all that is given."""

    workspace_id = serializers.CharField(max_length=50, required=False)
    resource_type = serializers.CharField(max_length=200, required=False)
    provider = serializers.CharField(max_length=200, required=False)
    source = serializers.ChoiceField(  # type: ignore[assignment]
        choices=SourceType.choices, required=False
    )
    tag = serializers.RegexField(
        r"\A[^=]+=",
        max_length=500,
        required=False,
        help_text="`key=value`",
        error_messages={"invalid": "Give a tag as key=value."},
    )


class SearchSerializer(ScopeSerializer):
    """A search."""

    q = serializers.CharField(max_length=500)
    limit = serializers.IntegerField(min_value=1, max_value=MOST_HITS, default=50)


class SuggestSerializer(ScopeSerializer):
    """The beginning of a search."""

    q = serializers.CharField(max_length=500)
    limit = serializers.IntegerField(min_value=1, max_value=50, default=10)


class SuggestionSerializer(serializers.Serializer[Any]):
    """A value that could be meant."""

    value = serializers.CharField()
    kind = serializers.ChoiceField(choices=["name", "id", "type", "address"])


class SuggestionsSerializer(serializers.Serializer[Any]):
    """Values that could be meant, those of the best hits first."""

    suggestions = SuggestionSerializer(many=True)


class TypeCountSerializer(serializers.Serializer[Any]):
    """A resource type and how many there are of it."""

    resource_type = serializers.CharField()
    count = serializers.IntegerField()


class ProviderCountSerializer(serializers.Serializer[Any]):
    """A provider and how many resources it has."""

    provider = serializers.CharField(allow_blank=True)
    count = serializers.IntegerField()


class CMDBStatsSerializer(serializers.Serializer[Any]):
    """Numbers about all that the caller sees."""

    total_resources = serializers.IntegerField()
    terraform_resources = serializers.IntegerField()
    external_resources = serializers.IntegerField()
    workspaces = serializers.IntegerField()
    external_sources = serializers.IntegerField()
    resource_types = serializers.IntegerField()
    last_change_at = serializers.DateTimeField(allow_null=True)
    types = TypeCountSerializer(many=True, help_text=f"The {LISTED} most frequent")
    providers = ProviderCountSerializer(many=True, help_text=f"The {LISTED} most frequent")


class WorkspaceSyncSerializer(serializers.ModelSerializer[WorkspaceSync]):
    """How far the index of a workspace is."""

    workspace_id = serializers.CharField(source="workspace.workspace_id")
    workspace_name = serializers.CharField(source="workspace.name")

    class Meta:
        model = WorkspaceSync
        fields = [
            "workspace_id",
            "workspace_name",
            "status",
            "triggered_by",
            "started_at",
            "completed_at",
            "last_success_at",
            "last_error",
            "synced_version",
            "resource_count",
            "added_count",
            "updated_count",
            "deleted_count",
        ]
        read_only_fields = fields


class WorkspaceCountSerializer(WorkspaceSyncSerializer):
    """A workspace and how many resources the index has of it."""

    class Meta(WorkspaceSyncSerializer.Meta):
        fields = [
            "workspace_id",
            "workspace_name",
            "resource_count",
            "synced_version",
            "last_success_at",
        ]
        read_only_fields = fields


class RequestedSerializer(serializers.Serializer[Any]):
    """That something was asked for, which is done soon."""

    message = serializers.CharField()


class AllRequestedSerializer(RequestedSerializer):
    """The same for many workspaces."""

    workspace_count = serializers.IntegerField()


@extend_schema_field(
    {"type": "array", "items": {"$ref": "#/components/schemas/Module"}},
)
class ModulesField(serializers.ListField):
    """Modules below a module."""


class ModuleSerializer(serializers.Serializer[Any]):
    """A module with those below it; the root's path is empty."""

    module_path = serializers.CharField(allow_blank=True)
    module_name = serializers.CharField(allow_blank=True)
    module_key = serializers.CharField(allow_blank=True)
    parent_path = serializers.CharField(allow_blank=True)
    depth = serializers.IntegerField()
    resource_count = serializers.IntegerField(help_text="In the module itself")
    total_resource_count = serializers.IntegerField(help_text="With the modules below it")
    child_module_count = serializers.IntegerField()
    children = ModulesField()


class TreeSerializer(serializers.Serializer[Any]):
    """The modules of a workspace."""

    workspace_id = serializers.CharField()
    workspace_name = serializers.CharField()
    tree = ModuleSerializer()
