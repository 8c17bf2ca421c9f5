"""Engine versions."""

from urllib.parse import urlsplit

from django.conf import settings
from django.core.validators import RegexValidator
from rest_framework import serializers

from workspaces.models import EngineVersion

VERSION = RegexValidator(
    r"\A[0-9]{1,5}\.[0-9]{1,5}\.[0-9]{1,5}(-[0-9A-Za-z.-]+)?\Z",
    "Give a release such as 1.9.5 or 1.10.0-rc1.",
)
SHA256 = RegexValidator(r"\A[0-9a-fA-F]{64}\Z", "Give a sha256 as 64 hexadecimal digits.")


class EngineVersionSerializer(serializers.ModelSerializer[EngineVersion]):
    """A release of an engine."""

    version = serializers.CharField(max_length=50, validators=[VERSION])
    download_url = serializers.CharField(max_length=1000)
    checksum = serializers.CharField(validators=[SHA256], help_text="sha256 of the zip archive")

    class Meta:
        model = EngineVersion
        fields = [
            "id",
            "engine",
            "version",
            "download_url",
            "checksum",
            "enabled",
            "is_default",
            "deprecated",
            "created_at",
            "updated_at",
        ]
        read_only_fields = ["is_default"]
        validators: list[object] = []

    def validate_download_url(self, url: str) -> str:
        """Refuses what the worker will not download from."""
        try:
            scheme = urlsplit(url).scheme
        except ValueError as error:
            raise serializers.ValidationError("Is no URL.") from error
        if scheme not in settings.ENGINE_URL_SCHEMES:
            allowed = ", ".join(settings.ENGINE_URL_SCHEMES)
            raise serializers.ValidationError(f"The scheme must be one of: {allowed}.")
        return url

    def validate_checksum(self, checksum: str) -> str:
        """Digests are compared in lower case."""
        return checksum.lower()
