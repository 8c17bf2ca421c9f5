"""Logs: the messages of a workspace's tasks, and sending those again that were given up."""

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import mixins
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer

from iacplatform.common.idempotency import idempotent_actions
from notifications.api.filters import LogFilter
from notifications.api.serializers.logs import LogDetailSerializer, LogSerializer
from notifications.models import NotificationLog
from notifications.services.logs import replay_message
from workspaces.api.access import WorkspaceView

LARGE = ("request_payload", "request_headers", "response_body")
UNUSED = (
    "notification__description",
    "notification__endpoint_url",
    "notification__secret",
    "notification__custom_headers",
    "workspace__tf_code",
    "workspace__provider_config",
    "workspace__lock_file",
)


@idempotent_actions("replay")
class LogViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, WorkspaceView[NotificationLog]):
    """The messages about a workspace's tasks, the newest first."""

    queryset = NotificationLog.objects.all()
    filterset_class = LogFilter
    lookup_field = "log_id"

    def get_serializer_class(self) -> type[BaseSerializer[NotificationLog]]:
        """What was sent and answered is shown of one message, not in the list."""
        return LogSerializer if self.action == "list" else LogDetailSerializer

    def rows(self) -> QuerySet[NotificationLog]:
        """Those of the workspace."""
        related = ("workspace", "notification", "workspace_notification")
        rows = self.workspace.notification_logs.select_related(*related).defer(*UNUSED)
        return rows.defer(*LARGE) if self.action == "list" else rows

    @extend_schema(request=None, responses=LogDetailSerializer)
    def replay(self, request: Request, **_: Any) -> Response:
        """Gives a failed message all its attempts again, at once; 409 for any other."""
        log = self.get_object()
        replay_message(log)
        return Response(self.get_serializer(log).data)
