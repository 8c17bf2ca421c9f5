"""The index of one workspace, and bringing it up to date."""

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import mixins
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from iacplatform.accounts.api import signed_in_user
from iacplatform.common.idempotency import idempotent_actions
from workspaces.api.access import WorkspaceView
from workspaces.cmdb.api.filters import ResourceFilter
from workspaces.cmdb.api.resources import UNSHOWN, with_names
from workspaces.cmdb.api.serializers.resources import (
    AllRequestedSerializer,
    IndexedResourceSerializer,
    RequestedSerializer,
    TreeSerializer,
    WorkspaceCountSerializer,
    WorkspaceSyncSerializer,
)
from workspaces.cmdb.models import ResourceIndex, WorkspaceSync
from workspaces.cmdb.services.module_tree import module_tree
from workspaces.cmdb.services.sync_requests import request_all, request_sync
from workspaces.models import Workspace


@idempotent_actions("sync")
class WorkspaceResourceViewSet(mixins.ListModelMixin, WorkspaceView[ResourceIndex]):
    """The resources of a workspace's newest state."""

    queryset = ResourceIndex.objects.all()
    serializer_class = IndexedResourceSerializer
    filterset_class = ResourceFilter

    def rows(self) -> QuerySet[ResourceIndex]:
        """In the order of their addresses."""
        resources = ResourceIndex.objects.filter(workspace=self.workspace)
        return with_names(resources).defer(*UNSHOWN).order_by("terraform_address")

    @extend_schema(operation_id="cmdb_workspaces_tree", responses=TreeSerializer)
    def tree(self, request: Request, **_: Any) -> Response:
        """The modules of the workspace, each with those below it."""
        return Response(
            {
                "workspace_id": self.workspace.workspace_id,
                "workspace_name": self.workspace.name,
                "tree": module_tree(self.workspace),
            }
        )

    @extend_schema(operation_id="cmdb_workspaces_sync_state", responses=WorkspaceSyncSerializer)
    def sync_state(self, request: Request, **_: Any) -> Response:
        """How far the index of the workspace is."""
        sync = WorkspaceSync.objects.filter(workspace=self.workspace).first()
        shown = sync or WorkspaceSync(workspace=self.workspace)
        return Response(WorkspaceSyncSerializer(shown).data)

    @extend_schema(
        operation_id="cmdb_workspaces_sync", request=None, responses={202: RequestedSerializer}
    )
    def sync(self, request: Request, **_: Any) -> Response:
        """Asks for a sync with the newest state, which is done in the background."""
        request_sync(self.workspace)
        return Response({"message": "A sync was asked for"}, status=202)


@idempotent_actions("sync_all")
class SyncViewSet(mixins.ListModelMixin, GenericViewSet[WorkspaceSync]):
    """The workspaces that the index knows."""

    queryset = WorkspaceSync.objects.all()
    serializer_class = WorkspaceCountSerializer
    filter_backends = []

    def get_queryset(self) -> QuerySet[WorkspaceSync]:
        """Those that the caller sees, the largest first."""
        if getattr(self, "swagger_fake_view", False):
            return super().get_queryset()
        visible = Workspace.objects.visible_to(signed_in_user(self.request))
        rows = WorkspaceSync.objects.filter(workspace__in=visible).select_related("workspace")
        return rows.order_by("-resource_count", "pk")

    @extend_schema(
        operation_id="cmdb_sync_all", request=None, responses={202: AllRequestedSerializer}
    )
    def sync_all(self, request: Request) -> Response:
        """Asks for a sync of every workspace with a state that the caller sees; administrators only."""
        count = request_all(signed_in_user(request))
        answer = {"message": f"{count} syncs were asked for", "workspace_count": count}
        return Response(answer, status=202)
