"""The content of states: given out with all secrets, each time on record, and taken in."""

import json
from typing import Any

from django.conf import settings
from django.db.models import QuerySet
from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from iacplatform.common.idempotency import idempotent_actions
from iacplatform.common.parsers import StrictJSONParser
from workspaces.api.access import WorkspaceView
from workspaces.api.downloads import NO_STORE, attachment
from workspaces.api.serializers.states import (
    RetrievedStateSerializer,
    StateFileUploadSerializer,
    StateUploadSerializer,
    UploadedStateSerializer,
)
from workspaces.api.states import newest_of
from workspaces.api.uploads import FORM_BYTES, refuse_large
from workspaces.models import StateVersion
from workspaces.services.state_access import record_state_access
from workspaces.services.state_upload import Upload, as_file, upload_state

UPLOADED = "The state was uploaded as version {}"
STAYS_LOCKED = f"{UPLOADED}; the workspace stays locked until you have verified it and unlock it"


class StateContentViewSet(WorkspaceView[StateVersion]):
    """States with their secrets."""

    queryset = StateVersion.objects.all()
    filter_backends = []
    lookup_field = "version"

    def rows(self) -> QuerySet[StateVersion]:
        """All of them, with their content."""
        return self.workspace.state_versions.select_related("workspace")

    @extend_schema(responses=RetrievedStateSerializer)
    def retrieve_content(self, request: Request, **_: Any) -> HttpResponse:
        """The state as JSON, secrets included; that it was read is recorded."""
        version = self.get_object()
        accessed_at = record_state_access(version, self.user, "retrieve")
        audit = {"accessed_at": accessed_at.isoformat(), "accessed_by": self.user.get_username()}
        # The content as it is: reading numbers and writing them again may change them.
        body = b'{"data": {"version": %d, "content": %b}, "audit": %b}' % (
            version.version,
            version.content.strip(),
            json.dumps(audit).encode(),
        )
        return HttpResponse(body, content_type="application/json", headers=NO_STORE)

    @extend_schema(responses={(200, "application/octet-stream"): OpenApiTypes.BINARY})
    def download(self, request: Request, **_: Any) -> HttpResponse:
        """The state file as the engine wrote it, secrets included; that it was read is recorded."""
        return self._file(self.get_object())

    @extend_schema(responses={(200, "application/octet-stream"): OpenApiTypes.BINARY})
    def download_current(self, request: Request, **_: Any) -> HttpResponse:
        """The newest state file, secrets included; that it was read is recorded."""
        return self._file(newest_of(self.rows()))

    def _file(self, version: StateVersion) -> HttpResponse:
        record_state_access(version, self.user, "download")
        return attachment(
            version.content,
            filename=f"{self.workspace.workspace_id}-v{version.version}.tfstate",
            content_type="application/octet-stream",
        )


class StateParser(StrictJSONParser):
    """JSON that may be as large as a state."""

    @property
    def max_bytes(self) -> int:
        """The largest body that is read."""
        return int(settings.STATE_MAX_BYTES) + FORM_BYTES


@idempotent_actions("upload")
class StateUploadViewSet(WorkspaceView[StateVersion]):
    """Taking states in: of two at once one succeeds, and none while a change is live (409, 423)."""

    queryset = StateVersion.objects.all()
    filter_backends = []
    parser_classes = [StateParser]

    def rows(self) -> QuerySet[StateVersion]:
        """Nothing is read here."""
        return self.workspace.state_versions.none()

    @extend_schema(request=StateUploadSerializer, responses={201: UploadedStateSerializer})
    def upload(self, request: Request, **_: Any) -> Response:
        """Makes a state the newest version: of the same lineage and with a higher serial.

        With `force` the lineage may be another and the serial lower; the workspace stays locked then.
        """
        serializer = StateUploadSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        options = dict(serializer.validated_data)
        return self._take(as_file(options.pop("state")), field="state", **options)

    def _take(self, content: bytes, **options: Any) -> Response:
        upload = upload_state(self.workspace, content, user=self.user, **options)
        body = _said(upload, forced=options["force"])
        return Response(UploadedStateSerializer(body).data, status=201)


@idempotent_actions("upload_file")
class StateFileUploadViewSet(StateUploadViewSet):
    """The same with a file, which is kept as it is."""

    parser_classes = [MultiPartParser]

    @extend_schema(
        request={"multipart/form-data": StateFileUploadSerializer},
        responses={201: UploadedStateSerializer},
    )
    def upload_file(self, request: Request, **_: Any) -> Response:
        """Makes a state file the newest version: of the same lineage and with a higher serial.

        With `force` the lineage may be another and the serial lower; the workspace stays locked then.
        """
        refuse_large(request, "file", settings.STATE_MAX_BYTES)
        serializer = StateFileUploadSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        options = dict(serializer.validated_data)
        content = options.pop("file").read(settings.STATE_MAX_BYTES + 1)
        return self._take(content, field="file", **options)


def _said(upload: Upload, *, forced: bool) -> dict[str, Any]:
    number = upload.version.version
    return {
        "message": (STAYS_LOCKED if forced else UPLOADED).format(number),
        "version": number,
        "warnings": upload.warnings,
        "state_version": upload.version,
    }
