"""State versions and outputs of the state."""

from rest_framework import serializers

from workspaces.api.serializers.fields import username_field
from workspaces.models import StateVersion


class StateVersionSerializer(serializers.ModelSerializer[StateVersion]):
    """What a state is known by; its content is downloaded."""

    created_by = username_field()
    task_id = serializers.IntegerField(read_only=True, allow_null=True)

    class Meta:
        model = StateVersion
        fields = [
            "id",
            "version",
            "serial",
            "lineage",
            "checksum",
            "size_bytes",
            "terraform_version",
            "resource_count",
            "task_id",
            "rollback_from_version",
            "recovered_from",
            "description",
            "created_by",
            "created_at",
        ]


class RollbackSerializer(serializers.Serializer[StateVersion]):
    """Why a state is taken back."""

    reason = serializers.CharField(max_length=400, required=False, default="", allow_blank=True)


class StateOutputSerializer(serializers.Serializer[StateVersion]):
    """A root output of the current state."""

    value = serializers.JSONField(allow_null=True, help_text="null where it is sensitive")
    type = serializers.JSONField(help_text="As the state file writes it")
    sensitive = serializers.BooleanField()


class StateOutputsSerializer(serializers.Serializer[StateVersion]):
    """The root outputs of the current state by name."""

    version = serializers.IntegerField(
        allow_null=True, help_text="State version; null before the first"
    )
    outputs = serializers.DictField(child=StateOutputSerializer())


class RemoteStateSerializer(serializers.Serializer[StateVersion]):
    """What a task that reads this workspace's outputs gets (reference §2.1)."""

    version = serializers.IntegerField(help_text="Format of the state, 4")
    terraform_version = serializers.CharField(required=False)
    serial = serializers.IntegerField()
    lineage = serializers.CharField()
    outputs = serializers.DictField(child=StateOutputSerializer())
    resources = serializers.ListField(child=serializers.JSONField())
    check_results = serializers.JSONField(allow_null=True, required=False)
