"""Workspaces: the list, one of them, its overview and its lock."""

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import mixins
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer
from rest_framework.viewsets import GenericViewSet

from iacplatform.accounts.api import signed_in_user
from iacplatform.accounts.rules import ADMIN
from iacplatform.common.conditional import conditional
from iacplatform.common.idempotency import idempotent_actions
from workspaces.api.access import RELATED, WorkspaceView
from workspaces.api.filters import WorkspaceFilter
from workspaces.api.serializers.overview import OverviewSerializer
from workspaces.api.serializers.queries import ForceQuerySerializer
from workspaces.api.serializers.workspaces import (
    LockSerializer,
    NewWorkspaceSerializer,
    OutputsSharingSerializer,
    UnlockSerializer,
    WorkspaceSerializer,
    WorkspaceSummarySerializer,
)
from workspaces.models import Workspace
from workspaces.services.locks import lock_workspace, unlock_workspace
from workspaces.services.workspaces import (
    create_workspace,
    delete_workspace,
    share_outputs,
    update_workspace,
)

LARGE = ("tf_code", "provider_config", "lock_file")


@idempotent_actions("create")
class WorkspaceListViewSet(
    mixins.ListModelMixin, mixins.CreateModelMixin, GenericViewSet[Workspace]
):
    """The workspaces that the caller sees."""

    queryset = Workspace.objects.all()
    serializer_class = WorkspaceSummarySerializer
    filterset_class = WorkspaceFilter

    def get_queryset(self) -> QuerySet[Workspace]:
        """Without what only one of them is asked for."""
        if getattr(self, "swagger_fake_view", False):
            return super().get_queryset()
        visible = Workspace.objects.visible_to(signed_in_user(self.request))
        related = visible.select_related(*RELATED)
        return related.defer(*LARGE).order_by("name", "pk")

    def get_serializer_class(self) -> type[BaseSerializer[Workspace]]:
        """A new one is given with its configuration."""
        return NewWorkspaceSerializer if self.action == "create" else WorkspaceSummarySerializer

    @extend_schema(request=NewWorkspaceSerializer, responses={201: WorkspaceSerializer})
    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Creates a workspace in one of the caller's organizations."""
        return super().create(request, *args, **kwargs)

    def perform_create(self, serializer: BaseSerializer[Workspace]) -> None:
        """Creates what was asked for."""
        user = signed_in_user(self.request)
        serializer.instance = create_workspace(user=user, **serializer.validated_data)


@conditional()
@conditional("outputs_sharing", ("share_outputs",))
@idempotent_actions("lock", "unlock")
class WorkspaceViewSet(WorkspaceView[Workspace]):
    """One workspace."""

    queryset = Workspace.objects.all()
    serializer_class = WorkspaceSerializer
    filter_backends = []

    def retrieve(self, request: Request, **_: Any) -> Response:
        """The workspace with its configuration."""
        return self._shown()

    def update(self, request: Request, *, partial: bool = False, **_: Any) -> Response:
        """Changes the given fields. Under a lock, what tasks are planned from stays as it is."""
        serializer = self.get_serializer(self.workspace, data=request.data, partial=partial)
        serializer.is_valid(raise_exception=True)
        update_workspace(self.workspace, **serializer.validated_data)
        return self._shown()

    def partial_update(self, request: Request, **kwargs: Any) -> Response:
        """Changes the given fields. Under a lock, what tasks are planned from stays as it is."""
        return self.update(request, partial=True, **kwargs)

    @extend_schema(parameters=[ForceQuerySerializer], responses={204: None})
    def destroy(self, request: Request, **_: Any) -> Response:
        """Deletes the workspace with its history and states; never while it has live tasks.

        409 `workspace_in_use` while it has resources or its state has some, unless `force` is true.
        """
        query = ForceQuerySerializer(data=request.query_params)
        query.is_valid(raise_exception=True)
        delete_workspace(self.workspace, **query.validated_data)
        return Response(status=204)

    @extend_schema(responses=OverviewSerializer)
    def overview(self, request: Request, **_: Any) -> Response:
        """Counters, the lock, the last tasks, drift and the current state."""
        return Response(OverviewSerializer(self.workspace).data)

    @extend_schema(request=LockSerializer)
    def lock(self, request: Request, **_: Any) -> Response:
        """Keeps new tasks and changes of the configuration out."""
        serializer = LockSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        lock_workspace(self.workspace, user=self.user, **serializer.validated_data)
        return self._shown()

    @extend_schema(request=UnlockSerializer)
    def unlock(self, request: Request, **_: Any) -> Response:
        """Removes a lock; somebody else's only with `force`, a live task's never."""
        serializer = UnlockSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        may_force = self.may(ADMIN)
        options = serializer.validated_data
        unlock_workspace(self.workspace, user=self.user, may_force=may_force, **options)
        return self._shown()

    @extend_schema(responses=OutputsSharingSerializer)
    def outputs_sharing(self, request: Request, **_: Any) -> Response:
        """Who may read the outputs of the workspace's state."""
        allowed = self.workspace.outputs_allowed.order_by("workspace_id")
        return Response(
            {
                "sharing_mode": self.workspace.outputs_sharing,
                "allowed_workspace_ids": list(allowed.values_list("workspace_id", flat=True)),
            }
        )

    @extend_schema(request=OutputsSharingSerializer, responses=OutputsSharingSerializer)
    def share_outputs(self, request: Request, **kwargs: Any) -> Response:
        """Says who may read the outputs of the workspace's state."""
        serializer = OutputsSharingSerializer(data=request.data, context={"user": self.user})
        serializer.is_valid(raise_exception=True)
        share_outputs(
            self.workspace,
            mode=serializer.validated_data["sharing_mode"],
            allowed=serializer.validated_data["allowed_workspace_ids"],
        )
        return self.outputs_sharing(request, **kwargs)

    def _shown(self) -> Response:
        return Response(WorkspaceSerializer(self.workspace).data)
