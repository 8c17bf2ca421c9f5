"""State versions and outputs of the state."""

from typing import Any

from rest_framework import serializers

from iacplatform.common.serializers import JSONObjectField
from workspaces.api.serializers.fields import username_field
from workspaces.models import StateVersion


class StateVersionSerializer(serializers.ModelSerializer[StateVersion]):
    """What a state is known by; its content is downloaded."""

    created_by = username_field()
    task_id = serializers.IntegerField(read_only=True, allow_null=True)
    # What the database computes has no field of its own in the framework.
    is_imported = serializers.BooleanField(read_only=True, help_text="A person has uploaded it")
    is_rollback = serializers.BooleanField(read_only=True, help_text="It was taken back")

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
            "output_count",
            "task_id",
            "import_source",
            "is_imported",
            "is_rollback",
            "rollback_from_version",
            "recovered_from",
            "description",
            "created_by",
            "created_at",
        ]


class RollbackSerializer(serializers.Serializer[StateVersion]):
    """Why a state is taken back."""

    reason = serializers.CharField(max_length=400, required=False, default="", allow_blank=True)


class RollbackToSerializer(RollbackSerializer):
    """Which state is taken back, and why."""

    target_version = serializers.IntegerField(min_value=1, max_value=2**31 - 1)


class UploadOptionsSerializer(serializers.Serializer[StateVersion]):
    """What both ways of uploading have in common."""

    force = serializers.BooleanField(
        required=False,
        default=False,
        help_text="Takes another lineage or a lower serial too; the workspace stays locked after it",
    )
    description = serializers.CharField(
        max_length=500, required=False, default="", allow_blank=True
    )


class StateUploadSerializer(UploadOptionsSerializer):
    """A state as JSON."""

    state = JSONObjectField(help_text="What is in the state file, format version 4")


class StateFileUploadSerializer(UploadOptionsSerializer):
    """A state file."""

    file = serializers.FileField(allow_empty_file=True)


class UploadedStateSerializer(serializers.Serializer[Any]):
    """A state that was taken."""

    message = serializers.CharField()
    version = serializers.IntegerField()
    warnings = serializers.ListField(
        child=serializers.CharField(), help_text="The rules that `force` has set aside"
    )
    state_version = StateVersionSerializer()


class StateContentSerializer(serializers.Serializer[StateVersion]):
    """A version and what is in it, secrets included."""

    version = serializers.IntegerField()
    content = JSONObjectField()


class AccessSerializer(serializers.Serializer[StateVersion]):
    """What the audit log has of this."""

    accessed_at = serializers.DateTimeField()
    accessed_by = serializers.CharField()


class RetrievedStateSerializer(serializers.Serializer[StateVersion]):
    """A state with its secrets, and who was given it."""

    data = StateContentSerializer()  # type: ignore[assignment]
    audit = AccessSerializer()


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
