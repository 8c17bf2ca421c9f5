"""Named snapshots of a workspace's resources."""

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import mixins
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer

from iacplatform.common.idempotency import idempotent_actions
from workspaces.api.access import WorkspaceView
from workspaces.api.filters import ResourceSnapshotFilter
from workspaces.api.serializers.resource_snapshots import (
    NewResourceSnapshotSerializer,
    ResourceSnapshotSerializer,
    ResourceSnapshotSummarySerializer,
    RestoredSerializer,
    SnapshotDifferenceSerializer,
)
from workspaces.models import ResourceSnapshot
from workspaces.services.resource_snapshots import (
    compare_resource_snapshot,
    restore_resource_snapshot,
    take_resource_snapshot,
)


@idempotent_actions("create", "restore")
class ResourceSnapshotViewSet(
    mixins.ListModelMixin,
    mixins.RetrieveModelMixin,
    mixins.DestroyModelMixin,
    WorkspaceView[ResourceSnapshot],
):
    """The snapshots of a workspace, newest first (F52)."""

    queryset = ResourceSnapshot.objects.all()
    serializer_class = ResourceSnapshotSerializer
    filterset_class = ResourceSnapshotFilter
    lookup_url_kwarg = "snapshot_id"

    def rows(self) -> QuerySet[ResourceSnapshot]:
        """All of them; lists leave the versions in the database."""
        snapshots = self.workspace.resource_snapshots.select_related("created_by", "state_version")
        snapshots = snapshots.defer("state_version__content")
        return snapshots.without_versions() if self.action == "list" else snapshots

    def get_serializer_class(self) -> type[BaseSerializer[ResourceSnapshot]]:
        """Lists are without the versions."""
        if self.action == "list":
            return ResourceSnapshotSummarySerializer
        return ResourceSnapshotSerializer

    @extend_schema(
        request=NewResourceSnapshotSerializer, responses={201: ResourceSnapshotSerializer}
    )
    def create(self, request: Request, **_: Any) -> Response:
        """Writes down the version of each resource as it is now, or as a task has it."""
        serializer = NewResourceSnapshotSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        snapshot = take_resource_snapshot(
            self.workspace, user=self.user, **serializer.validated_data
        )
        return Response(ResourceSnapshotSerializer(snapshot).data, status=201)

    @extend_schema(responses=SnapshotDifferenceSerializer)
    def compare(self, request: Request, **_: Any) -> Response:
        """How the resources are now differs from the snapshot: what a restore would undo."""
        difference = compare_resource_snapshot(self.get_object())
        return Response(SnapshotDifferenceSerializer(difference).data)

    @extend_schema(request=None, responses=RestoredSerializer)
    def restore(self, request: Request, **_: Any) -> Response:
        """Makes the resources what the snapshot says, all or none; 423 while the workspace is locked."""
        difference = restore_resource_snapshot(self.get_object(), user=self.user)
        undone = SnapshotDifferenceSerializer(difference).data
        return Response(
            {
                "changed": undone["changed"],
                "restored": undone["deleted"],
                "removed": undone["added"],
                "unchanged_count": undone["unchanged_count"],
            }
        )
