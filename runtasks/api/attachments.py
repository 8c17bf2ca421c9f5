"""Which RunTasks a workspace's tasks are checked by."""

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import mixins
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer

from iacplatform.accounts.rules import ADMIN
from iacplatform.common.conditional import conditional
from iacplatform.common.idempotency import idempotent_actions
from runtasks.api.serializers.run_tasks import (
    AttachmentSerializer,
    NewAttachmentSerializer,
    WorkspaceRunTasksSerializer,
)
from runtasks.models import EnforcementLevel, RunTask, WorkspaceRunTask
from runtasks.services.configuration import attach, detach, update_attachment
from runtasks.services.selection import global_run_tasks
from workspaces.api.access import WorkspaceView


@conditional()
@idempotent_actions("create")
class AttachmentViewSet(
    mixins.RetrieveModelMixin,
    mixins.UpdateModelMixin,
    mixins.DestroyModelMixin,
    WorkspaceView[WorkspaceRunTask],
):
    """The attachments of a workspace."""

    queryset = WorkspaceRunTask.objects.all()
    serializer_class = AttachmentSerializer
    filter_backends = []
    lookup_field = "workspace_run_task_id"

    def rows(self) -> QuerySet[WorkspaceRunTask]:
        """Those of the workspace, in the order in which they are asked."""
        return self.workspace.run_tasks.select_related("run_task", "created_by")

    @extend_schema(
        operation_id="workspaces_run_tasks_overview", responses=WorkspaceRunTasksSerializer
    )
    def overview(self, request: Request, **_: Any) -> Response:
        """The workspace's attachments, and the global RunTasks that none of them replaces."""
        shown = {
            "workspace_run_tasks": self.rows(),
            "global_run_tasks": global_run_tasks(self.workspace),
        }
        return Response(WorkspaceRunTasksSerializer(shown).data)

    @extend_schema(request=NewAttachmentSerializer, responses={201: AttachmentSerializer})
    def create(self, request: Request, **_: Any) -> Response:
        """Attaches a RunTask to a stage. In this workspace it replaces the RunTask's global configuration."""
        context = {"run_tasks": RunTask.objects.usable_by(self.workspace)}
        serializer = NewAttachmentSerializer(data=request.data, context=context)
        serializer.is_valid(raise_exception=True)
        fields = serializer.validated_data
        self._require_for(fields["run_task_id"])
        attachment = attach(self.workspace, fields.pop("run_task_id"), user=self.user, **fields)
        return Response(AttachmentSerializer(attachment).data, status=201)

    def perform_update(self, serializer: BaseSerializer[WorkspaceRunTask]) -> None:
        """Changes an attachment; tasks that wait already keep the terms they came with."""
        assert serializer.instance is not None  # noqa: S101
        self._require_for(serializer.instance.run_task)
        update_attachment(serializer.instance, **serializer.validated_data)

    def perform_destroy(self, instance: WorkspaceRunTask) -> None:
        """Removes an attachment."""
        self._require_for(instance.run_task)
        detach(instance)

    def _require_for(self, run_task: RunTask) -> None:
        """What every workspace must be asked about is replaced by administrators only; raises ``Forbidden``."""
        mandatory = run_task.global_enforcement_level == EnforcementLevel.MANDATORY
        if run_task.is_global and mandatory:
            self.require(ADMIN)
