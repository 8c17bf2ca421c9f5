"""Uploaded configurations."""

from rest_framework import serializers

from workspaces.api.serializers.fields import username_field
from workspaces.models import ConfigurationVersion


class ConfigurationVersionSerializer(serializers.ModelSerializer[ConfigurationVersion]):
    """An archive that was accepted."""

    created_by = username_field()

    class Meta:
        model = ConfigurationVersion
        fields = [
            "configuration_id",
            "description",
            "sha256",
            "size_bytes",
            "unpacked_bytes",
            "file_count",
            "created_by",
            "created_at",
        ]


class UploadSerializer(serializers.Serializer[ConfigurationVersion]):
    """A tar.gz of HCL files."""

    archive = serializers.FileField(allow_empty_file=True)
    description = serializers.CharField(
        max_length=500, required=False, default="", allow_blank=True
    )
