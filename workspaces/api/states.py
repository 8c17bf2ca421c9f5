"""State versions, and the outputs of the current one."""

from typing import Any

from django.db.models import QuerySet
from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import mixins
from rest_framework.exceptions import NotFound
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from iacplatform.accounts.authentication import bearer_token
from iacplatform.common.idempotency import idempotent_actions
from iacplatform.terraform.state import state_outputs
from workspaces.api.access import WorkspaceView
from workspaces.api.downloads import attachment
from workspaces.api.serializers.states import (
    RemoteStateSerializer,
    RollbackSerializer,
    StateOutputsSerializer,
    StateVersionSerializer,
)
from workspaces.models import StateVersion, Workspace
from workspaces.services.remote_data import TokenInvalid, read_outputs
from workspaces.services.secrets import holds_secret, sensitive_values
from workspaces.services.state import roll_back


@idempotent_actions("rollback")
class StateVersionViewSet(
    mixins.ListModelMixin, mixins.RetrieveModelMixin, WorkspaceView[StateVersion]
):
    """The states of a workspace, newest first."""

    queryset = StateVersion.objects.all()
    serializer_class = StateVersionSerializer
    filter_backends = []
    lookup_field = "version"

    def rows(self) -> QuerySet[StateVersion]:
        """All of them; only a download reads the content."""
        versions = self.workspace.state_versions.select_related("created_by")
        return versions if self.action in CONTENT_ACTIONS else versions.without_content()

    @extend_schema(responses=StateVersionSerializer)
    def current(self, request: Request, **_: Any) -> Response:
        """The newest version; 404 before the first."""
        return Response(StateVersionSerializer(self._newest()).data)

    @extend_schema(responses={(200, "application/octet-stream"): OpenApiTypes.BINARY})
    def download(self, request: Request, **_: Any) -> HttpResponse:
        """The state file as the engine wrote it, secrets included."""
        return self._file(self.get_object())

    @extend_schema(responses={(200, "application/octet-stream"): OpenApiTypes.BINARY})
    def download_current(self, request: Request, **_: Any) -> HttpResponse:
        """The newest state file as the engine wrote it, secrets included."""
        return self._file(self._newest())

    @extend_schema(request=RollbackSerializer, responses={201: StateVersionSerializer})
    def rollback(self, request: Request, version: int, **_: Any) -> Response:
        """Makes an older state the newest again, with a serial that the engine accepts.

        409 while a plan-and-apply is live, 423 while the workspace is locked.
        """
        serializer = RollbackSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        saved = roll_back(
            self.workspace, version=version, user=self.user, **serializer.validated_data
        )
        return Response(StateVersionSerializer(saved).data, status=201)

    @extend_schema(responses=StateOutputsSerializer)
    def outputs(self, request: Request, **_: Any) -> Response:
        """The root outputs of the current state; the values of sensitive ones are null.

        So are values in which a sensitive variable of the workspace occurs, however it got there.
        """
        newest = self.rows().first()
        if newest is None:
            return Response({"version": None, "outputs": {}})
        secrets = sensitive_values(self.workspace)
        outputs = {
            name: {**output, "value": None}
            if output["sensitive"] or holds_secret(output["value"], secrets)
            else output
            for name, output in state_outputs(newest.content, mask=True).items()
        }
        return Response({"version": newest.version, "outputs": outputs})

    def _newest(self) -> StateVersion:
        newest = self.rows().first()
        if newest is None:
            raise NotFound("The workspace has no state yet.")
        return newest

    def _file(self, version: StateVersion) -> HttpResponse:
        return attachment(
            version.content,
            filename=f"{self.workspace.workspace_id}-v{version.version}.tfstate",
            content_type="application/octet-stream",
        )


CONTENT_ACTIONS = frozenset({"download", "download_current", "outputs"})


class RemoteStateView(APIView):
    """What the engine of another workspace's task reads, with the token in its files."""

    authentication_classes = []
    permission_classes = [AllowAny]

    @extend_schema(
        operation_id="workspaces_state_outputs_full",
        responses=RemoteStateSerializer,
        auth=[],
    )
    def get(self, request: Request, workspace_id: str) -> Response:
        """The outputs of the current state, sensitive ones too.

        The bearer is a remote data token: 401 for one that opens nothing (any more), 403 for one of
        another workspace.
        """
        token = bearer_token(request)
        source = Workspace.objects.filter(workspace_id=workspace_id).first()
        if not token or source is None:
            raise TokenInvalid("The token is unknown, expired or used up")
        return Response(read_outputs(source, token), headers={"Cache-Control": "no-store"})
