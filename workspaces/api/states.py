"""State versions, and the outputs of the current one."""

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import mixins
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from iacplatform.accounts.authentication import bearer_token
from iacplatform.common.idempotency import idempotent_actions
from iacplatform.terraform.state import state_outputs
from workspaces.api.access import WorkspaceView
from workspaces.api.filters import StateVersionFilter
from workspaces.api.serializers.state_comparison import (
    ComparisonQuerySerializer,
    StateComparisonSerializer,
)
from workspaces.api.serializers.states import (
    RemoteStateSerializer,
    RollbackSerializer,
    RollbackToSerializer,
    StateOutputsSerializer,
    StateVersionSerializer,
)
from workspaces.models import StateVersion, Workspace
from workspaces.services.remote_data import TokenInvalid, read_outputs
from workspaces.services.secrets import holds_secret, sensitive_values
from workspaces.services.state import delete_state_version, roll_back
from workspaces.services.state_comparison import compare_versions


@idempotent_actions("rollback", "rollback_to")
class StateVersionViewSet(
    mixins.ListModelMixin, mixins.RetrieveModelMixin, WorkspaceView[StateVersion]
):
    """The states of a workspace, newest first."""

    queryset = StateVersion.objects.all()
    serializer_class = StateVersionSerializer
    filterset_class = StateVersionFilter
    lookup_field = "version"

    def rows(self) -> QuerySet[StateVersion]:
        """All of them; only the outputs are read from the content."""
        versions = self.workspace.state_versions.select_related("created_by")
        return versions if self.action == "outputs" else versions.without_content()

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, version: int, **_: Any) -> Response:
        """Removes a version for good; 409 for the newest, and for what a live task needs."""
        delete_state_version(self.workspace, version=version)
        return Response(status=204)

    @extend_schema(responses=StateVersionSerializer)
    def current(self, request: Request, **_: Any) -> Response:
        """The newest version; 404 before the first."""
        return Response(StateVersionSerializer(newest_of(self.rows())).data)

    @extend_schema(parameters=[ComparisonQuerySerializer], responses=StateComparisonSerializer)
    def compare(self, request: Request, **_: Any) -> Response:
        """How the version `to` differs from the version `from`, without secrets."""
        serializer = ComparisonQuerySerializer(data=request.query_params)
        serializer.is_valid(raise_exception=True)
        asked = serializer.validated_data
        comparison = compare_versions(self.workspace, asked["from"], asked["to"])
        return Response(StateComparisonSerializer(comparison).data)

    @extend_schema(request=RollbackSerializer, responses={201: StateVersionSerializer})
    def rollback(self, request: Request, version: int, **_: Any) -> Response:
        """Makes an older state the newest again, with a serial that the engine accepts.

        409 while a plan-and-apply is live, 423 while the workspace is locked.
        """
        serializer = RollbackSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        return self._roll_back(version, serializer.validated_data["reason"])

    @extend_schema(request=RollbackToSerializer, responses={201: StateVersionSerializer})
    def rollback_to(self, request: Request, **_: Any) -> Response:
        """Makes an older state the newest again, as the operation on that version does."""
        serializer = RollbackToSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        asked = serializer.validated_data
        return self._roll_back(asked["target_version"], asked["reason"])

    @extend_schema(responses=StateOutputsSerializer, filters=False)
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

    def _roll_back(self, version: int, reason: str) -> Response:
        saved = roll_back(self.workspace, version=version, user=self.user, reason=reason)
        return Response(StateVersionSerializer(saved).data, status=201)


def newest_of(versions: QuerySet[StateVersion]) -> StateVersion:
    """The first of a workspace's versions; raises ``NotFound`` where there is none."""
    newest = versions.first()
    if newest is None:
        raise NotFound("The workspace has no state yet.")
    return newest


class RemoteStateView(APIView):
    """What the engine of another workspace's task reads, with the token in its files."""

    authentication_classes = []

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
