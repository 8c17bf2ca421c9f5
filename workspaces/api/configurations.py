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

from iacplatform.common.idempotency import idempotent_actions
from workspaces.api.access import WorkspaceView
from workspaces.api.downloads import attachment
from workspaces.api.serializers.configurations import (
    ConfigurationVersionSerializer,
    UploadSerializer,
)
from workspaces.api.uploads import refuse_large
from workspaces.models import ConfigurationVersion
from workspaces.services.configurations import upload_configuration


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
        refuse_large(request, "archive", settings.ARCHIVE_MAX_BYTES)

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
