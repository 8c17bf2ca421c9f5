"""Who is told of a workspace's tasks."""

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import mixins
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer

from iacplatform.common.conditional import conditional
from iacplatform.common.idempotency import idempotent_actions
from notifications.api.serializers.notifications import (
    NewWorkspaceNotificationSerializer,
    WorkspaceNotificationSerializer,
    WorkspaceNotificationsSerializer,
)
from notifications.models import NotificationConfig, WorkspaceNotification
from notifications.services.configuration import attach, detach, update_attachment
from notifications.services.selection import global_notifications
from workspaces.api.access import WorkspaceView


@conditional()
@idempotent_actions("create")
class AttachmentViewSet(
    mixins.RetrieveModelMixin,
    mixins.UpdateModelMixin,
    mixins.DestroyModelMixin,
    WorkspaceView[WorkspaceNotification],
):
    """The attachments of a workspace."""

    queryset = WorkspaceNotification.objects.all()
    serializer_class = WorkspaceNotificationSerializer
    filter_backends = []
    lookup_field = "workspace_notification_id"

    def rows(self) -> QuerySet[WorkspaceNotification]:
        """Those of the workspace, the oldest first."""
        return self.workspace.notifications.select_related("notification", "created_by")

    @extend_schema(
        operation_id="workspaces_notifications_overview",
        responses=WorkspaceNotificationsSerializer,
    )
    def overview(self, request: Request, **_: Any) -> Response:
        """The workspace's attachments, and the global notifications that none of them replaces."""
        shown = {
            "workspace_notifications": self.rows(),
            "global_notifications": global_notifications(self.workspace),
        }
        return Response(WorkspaceNotificationsSerializer(shown).data)

    @extend_schema(
        request=NewWorkspaceNotificationSerializer, responses={201: WorkspaceNotificationSerializer}
    )
    def create(self, request: Request, **_: Any) -> Response:
        """Attaches a notification. In this workspace it replaces the notification's global configuration."""
        context = {"notifications": NotificationConfig.objects.usable_by(self.workspace)}
        serializer = NewWorkspaceNotificationSerializer(data=request.data, context=context)
        serializer.is_valid(raise_exception=True)
        fields = serializer.validated_data
        config = fields.pop("notification_id")
        attachment = attach(self.workspace, config, user=self.user, **fields)
        return Response(WorkspaceNotificationSerializer(attachment).data, status=201)

    def perform_update(self, serializer: BaseSerializer[WorkspaceNotification]) -> None:
        """Changes an attachment; what has happened already is told all the same."""
        assert serializer.instance is not None  # noqa: S101
        update_attachment(serializer.instance, **serializer.validated_data)

    def perform_destroy(self, instance: WorkspaceNotification) -> None:
        """Removes an attachment."""
        detach(instance)
