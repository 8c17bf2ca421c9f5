"""Uploaded configurations."""

from typing import Any

from django.conf import settings
from django.db.models import QuerySet
from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import mixins
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from iacplatform.common.errors import InvalidInput
from iacplatform.common.idempotency import idempotent_actions
from workspaces.api.access import WorkspaceView
from workspaces.api.downloads import attachment
from workspaces.api.serializers.configurations import (
    ConfigurationVersionSerializer,
    UploadSerializer,
)
from workspaces.models import ConfigurationVersion
from workspaces.services.configurations import upload_configuration

# What a form adds to the archive in it: boundaries, headers and the description.
FORM_BYTES = 64 * 1024


@idempotent_actions("create")
class ConfigurationVersionViewSet(
    mixins.ListModelMixin, mixins.RetrieveModelMixin, WorkspaceView[ConfigurationVersion]
):
    """The archives that were uploaded to a workspace, newest first."""

    queryset = ConfigurationVersion.objects.all()
    serializer_class = ConfigurationVersionSerializer
    filter_backends = []
    parser_classes = [MultiPartParser]
    lookup_field = "configuration_id"

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Refuses a form that is too large before anybody reads it."""
        super().initial(request, *args, **kwargs)
        _refuse_large(request)

    def rows(self) -> QuerySet[ConfigurationVersion]:
        """All of them; only a download reads the archive."""
        versions = self.workspace.configuration_versions.select_related("created_by")
        return versions if self.action == "download" else versions.defer("archive")

    @extend_schema(
        request={"multipart/form-data": UploadSerializer},
        responses={201: ConfigurationVersionSerializer},
    )
    def create(self, request: Request, **_: Any) -> Response:
        """Takes a tar.gz of HCL; from now on it is the workspace's configuration.

        `configuration_source` of the workspace becomes `archive`, and can be set back to `resources`.
        """
        serializer = UploadSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        version = upload_configuration(self.workspace, user=self.user, **serializer.validated_data)
        return Response(ConfigurationVersionSerializer(version).data, status=201)

    @extend_schema(responses={(200, "application/gzip"): OpenApiTypes.BINARY})
    def download(self, request: Request, **_: Any) -> HttpResponse:
        """The archive as it was uploaded."""
        version = self.get_object()
        return attachment(
            version.archive,
            filename=f"{version.configuration_id}.tar.gz",
            content_type="application/gzip",
        )


def _refuse_large(request: Request) -> None:
    """Looks at the announced length before the form is read, which may fill a disk."""
    announced = request.META.get("CONTENT_LENGTH") or "0"
    if announced.isdigit() and int(announced) > settings.ARCHIVE_MAX_BYTES + FORM_BYTES:
        raise InvalidInput("archive", f"is larger than {settings.ARCHIVE_MAX_BYTES:,} bytes")
