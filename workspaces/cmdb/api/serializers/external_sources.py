"""External sources, their trials and their logs."""

from typing import Any

from rest_framework import serializers

from iacplatform.accounts.models import Organization
from workspaces.api.serializers.fields import username_field
from workspaces.cmdb.models import ExternalSource, SyncLog
from workspaces.cmdb.models.external_source import INTERVAL_MINUTES, PullStatus
from workspaces.cmdb.services.mapping import MAPPED


class AuthHeaderSerializer(serializers.Serializer[Any]):
    """A header that is sent along; its value goes in and never comes out."""

    key = serializers.CharField(max_length=100)
    value = serializers.CharField(
        max_length=5000,
        required=False,
        write_only=True,
        trim_whitespace=False,
        help_text="Left out: the value that is there is kept",
    )
    has_value = serializers.BooleanField(read_only=True)


class AuthHeadersField(serializers.ListField):
    """All headers. One without a value keeps it, one that is missing is removed."""

    child = AuthHeaderSerializer()

    def to_representation(self, data: Any) -> list[dict[str, Any]]:
        """Of those that are stored, only that they are there."""
        return [{"key": key, "has_value": bool(value)} for key, value in data.items()]


class MappingField(serializers.DictField):
    """Field of the index → JSONPath within an item."""

    child = serializers.CharField(max_length=500)
    default_error_messages = {"unknown": "{name!r} is none of the fields: {known}."}

    def to_internal_value(self, data: Any) -> Any:
        """Refuses fields that cannot be mapped."""
        value = super().to_internal_value(data)
        for name in value:
            if name not in MAPPED:
                self.fail("unknown", name=name[:100], known=", ".join(MAPPED))
        return value


class ExternalSourceSerializer(serializers.ModelSerializer[ExternalSource]):
    """An external source."""

    organization = serializers.SlugRelatedField[Organization](slug_field="name", read_only=True)
    description = serializers.CharField(max_length=10_000, required=False, allow_blank=True)
    request_body = serializers.CharField(
        max_length=100_000, required=False, allow_blank=True, trim_whitespace=False
    )
    auth_headers = AuthHeadersField(required=False)
    field_mapping = MappingField(required=False)
    sync_interval_minutes = serializers.IntegerField(
        min_value=INTERVAL_MINUTES.start,
        max_value=INTERVAL_MINUTES.stop - 1,
        required=False,
        help_text="0: only when somebody asks",
    )
    # Empty until the first pull, which the model's own field would not say of what nobody edits.
    last_sync_status = serializers.ChoiceField(
        choices=PullStatus.choices, allow_blank=True, read_only=True
    )
    created_by = username_field()

    class Meta:
        model = ExternalSource
        fields = [
            "source_id",
            "organization",
            "name",
            "description",
            "api_endpoint",
            "http_method",
            "request_body",
            "auth_headers",
            "response_path",
            "field_mapping",
            "primary_key_field",
            "cloud_provider",
            "account_id",
            "account_name",
            "region",
            "resource_type_filter",
            "sync_interval_minutes",
            "is_enabled",
            "last_sync_at",
            "last_sync_status",
            "last_sync_message",
            "last_sync_count",
            "created_by",
            "created_at",
            "updated_at",
        ]
        read_only_fields = [
            "last_sync_at",
            "last_sync_status",
            "last_sync_message",
            "last_sync_count",
        ]
        # The one for unique names would make the organization required; the service sees to them.
        validators: list[Any] = []


class NewExternalSourceSerializer(ExternalSourceSerializer):
    """A source that is to be; its organization may be left out by who has only one."""

    organization = serializers.SlugField(max_length=64, required=False)  # type: ignore[assignment]


class ExternalSourceTrialSerializer(serializers.Serializer[Any]):
    """How a source answers now; nothing of it is kept."""

    success = serializers.BooleanField()
    message = serializers.CharField()
    sample_count = serializers.IntegerField(help_text="Resources that a pull would have")
    sample_data = serializers.ListField(
        child=serializers.DictField(), help_text="The first five of them"
    )


class ExternalSyncLogSerializer(serializers.ModelSerializer[SyncLog]):
    """One pull of a source."""

    class Meta:
        model = SyncLog
        fields = [
            "id",
            "status",
            "started_at",
            "completed_at",
            "resources_synced",
            "resources_added",
            "resources_updated",
            "resources_deleted",
            "message",
            "error_message",
        ]
        read_only_fields = fields
