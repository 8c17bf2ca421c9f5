"""Definitions of outputs and of remote data."""

from django.db.models import QuerySet
from rest_framework import mixins
from rest_framework.serializers import BaseSerializer

from iacplatform.common.conditional import conditional
from iacplatform.common.idempotency import idempotent_actions
from workspaces.api.access import M, WorkspaceView
from workspaces.api.serializers.outputs import OutputSerializer, RemoteDataSerializer
from workspaces.models import WorkspaceOutput, WorkspaceRemoteData
from workspaces.services.outputs import (
    delete_output,
    delete_remote_data,
    save_output,
    save_remote_data,
)


class DefinitionViewSet(
    mixins.ListModelMixin,
    mixins.CreateModelMixin,
    mixins.RetrieveModelMixin,
    mixins.UpdateModelMixin,
    mixins.DestroyModelMixin,
    WorkspaceView[M],
):
    """Part of a workspace's configuration; nothing of it can be changed while it is locked."""

    filter_backends = []


@conditional()
@idempotent_actions("create")
class OutputViewSet(DefinitionViewSet[WorkspaceOutput]):
    """Outputs that the platform adds to the configuration."""

    queryset = WorkspaceOutput.objects.all()
    serializer_class = OutputSerializer
    lookup_field = "output_id"

    def rows(self) -> QuerySet[WorkspaceOutput]:
        """Those of the workspace."""
        return self.workspace.outputs.all()

    def perform_create(self, serializer: BaseSerializer[WorkspaceOutput]) -> None:
        """Defines an output."""
        output = WorkspaceOutput(workspace=self.workspace)
        save_output(output, **serializer.validated_data)
        serializer.instance = output

    def perform_update(self, serializer: BaseSerializer[WorkspaceOutput]) -> None:
        """Changes an output."""
        assert serializer.instance is not None  # noqa: S101
        save_output(serializer.instance, **serializer.validated_data)

    def perform_destroy(self, instance: WorkspaceOutput) -> None:
        """Removes an output."""
        delete_output(instance)


@conditional()
@idempotent_actions("create")
class RemoteDataViewSet(DefinitionViewSet[WorkspaceRemoteData]):
    """Outputs of other workspaces that this one reads."""

    queryset = WorkspaceRemoteData.objects.all()
    serializer_class = RemoteDataSerializer
    lookup_field = "remote_data_id"

    def rows(self) -> QuerySet[WorkspaceRemoteData]:
        """Those of the workspace."""
        return self.workspace.remote_data.select_related("source_workspace")

    def perform_create(self, serializer: BaseSerializer[WorkspaceRemoteData]) -> None:
        """Defines remote data; its source must share its outputs with this workspace."""
        remote_data = WorkspaceRemoteData(workspace=self.workspace)
        save_remote_data(remote_data, **serializer.validated_data)
        serializer.instance = remote_data

    def perform_update(self, serializer: BaseSerializer[WorkspaceRemoteData]) -> None:
        """Changes remote data."""
        assert serializer.instance is not None  # noqa: S101
        save_remote_data(serializer.instance, **serializer.validated_data)

    def perform_destroy(self, instance: WorkspaceRemoteData) -> None:
        """Removes remote data."""
        delete_remote_data(instance)
