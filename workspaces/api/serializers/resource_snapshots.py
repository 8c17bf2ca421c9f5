"""Named snapshots of resources."""

from typing import Any

from rest_framework import serializers

from workspaces.api.serializers.fields import username_field
from workspaces.models import ResourceSnapshot
from workspaces.services.resource_snapshots import SnapshotDifference

LARGEST_ID = 2**63 - 1


class ResourceSnapshotSummarySerializer(serializers.ModelSerializer[ResourceSnapshot]):
    """A snapshot in a list: everything but its versions."""

    task_id = serializers.IntegerField(read_only=True, allow_null=True)
    state_version = serializers.IntegerField(
        source="state_version.version", read_only=True, allow_null=True, default=None
    )
    created_by = username_field()

    class Meta:
        model = ResourceSnapshot
        fields = [
            "id",
            "name",
            "description",
            "resource_count",
            "task_id",
            "state_version",
            "created_by",
            "created_at",
        ]
        read_only_fields = fields


class ResourceSnapshotSerializer(ResourceSnapshotSummarySerializer):
    """A snapshot with the versions that it names."""

    versions = serializers.DictField(
        child=serializers.IntegerField(),
        read_only=True,
        help_text="Id of each resource → id of its code version",
    )

    class Meta(ResourceSnapshotSummarySerializer.Meta):
        fields = [*ResourceSnapshotSummarySerializer.Meta.fields, "versions"]
        read_only_fields = fields


class NewResourceSnapshotSerializer(serializers.Serializer[ResourceSnapshot]):
    """A snapshot that is to be taken."""

    name = serializers.CharField(max_length=100)
    description = serializers.CharField(
        max_length=10_000, required=False, allow_blank=True, default=""
    )
    task_id = serializers.IntegerField(
        min_value=1,
        max_value=LARGEST_ID,
        required=False,
        help_text="A task whose versions are written down; left out, those of now",
    )

    def to_representation(self, instance: ResourceSnapshot) -> dict[str, Any]:
        """The snapshot as it was taken."""
        return dict(ResourceSnapshotSerializer(instance).data)


class SnapshotDifferenceSerializer(serializers.Serializer[SnapshotDifference]):
    """How resources differ from a snapshot, or, after a restore, what it has changed."""

    changed = serializers.SerializerMethodField(help_text="Ids of those with other code")
    deleted = serializers.SerializerMethodField(help_text="Ids of those deleted since")
    added = serializers.SerializerMethodField(help_text="Ids of those that came since")
    unchanged_count = serializers.IntegerField()

    def get_changed(self, difference: SnapshotDifference) -> list[str]:
        """By their ids."""
        return [version.resource.resource_id for version in difference.changed]

    def get_deleted(self, difference: SnapshotDifference) -> list[str]:
        """By their ids."""
        return [version.resource.resource_id for version in difference.deleted]

    def get_added(self, difference: SnapshotDifference) -> list[str]:
        """By their ids."""
        return [resource.resource_id for resource in difference.added]


class RestoredSerializer(serializers.Serializer[SnapshotDifference]):
    """What a restore has done."""

    changed = serializers.ListField(
        child=serializers.CharField(), help_text="Have the snapshot's code again"
    )
    restored = serializers.ListField(child=serializers.CharField(), help_text="Were deleted")
    removed = serializers.ListField(
        child=serializers.CharField(), help_text="Were not in the snapshot and are deleted now"
    )
    unchanged_count = serializers.IntegerField()
