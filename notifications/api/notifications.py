"""Notifications: the list, one of them, and trying its receiver."""

from typing import Any

from django.db.models import Count, Q, QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer
from rest_framework.viewsets import ModelViewSet

from iacplatform.accounts.api import signed_in_user
from iacplatform.accounts.permissions import check_platform_wide
from iacplatform.common.conditional import conditional
from iacplatform.common.idempotency import idempotent_actions
from notifications.api.filters import NotificationFilter
from notifications.api.serializers.notifications import (
    AvailableNotificationSerializer,
    NewNotificationSerializer,
    NotificationChangeSerializer,
    NotificationSerializer,
    TestMessageSerializer,
    TestReportSerializer,
)
from notifications.models import NotificationConfig
from notifications.services.configuration import (
    check_administrator,
    create_notification,
    delete_notification,
    update_notification,
)
from notifications.services.trial import report, try_out
from workspaces.models import Workspace
from workspaces.task_events import EventName


@conditional()
@idempotent_actions("create")
class NotificationViewSet(ModelViewSet[NotificationConfig]):
    """The notifications of the caller's organizations, and those of the whole platform.

    Those of an organization are written by who has the role ``notifications`` there, the platform's by staff.
    """

    queryset = NotificationConfig.objects.all()
    filterset_class = NotificationFilter
    lookup_field = "notification_id"

    def get_queryset(self) -> QuerySet[NotificationConfig]:
        """Those that the caller sees, by name."""
        if getattr(self, "swagger_fake_view", False):
            return super().get_queryset()
        user = signed_in_user(self.request)
        visible = NotificationConfig.objects.visible_to(user)
        visible = visible.select_related("organization", "created_by").order_by("name", "pk")
        if self.action == "available":
            return visible.filter(enabled=True)
        seen = Q(attachments__workspace__in=Workspace.objects.visible_to(user))
        return visible.annotate(workspace_count=Count("attachments", filter=seen))

    def get_serializer_class(self) -> type[BaseSerializer[NotificationConfig]]:
        """What an action shows."""
        if self.action == "available":
            return AvailableNotificationSerializer
        return NotificationSerializer

    @extend_schema(
        operation_id="notifications_available",
        responses=AvailableNotificationSerializer(many=True),
    )
    def available(self, request: Request, **_: Any) -> Response:
        """The enabled ones, to choose from."""
        return super().list(request)

    @extend_schema(request=NewNotificationSerializer, responses={201: NotificationSerializer})
    def create(self, request: Request, *_: Any, **__: Any) -> Response:
        """Creates a notification."""
        serializer = NewNotificationSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        fields = serializer.validated_data
        platform_wide = "organization" in fields and fields["organization"] is None
        check_platform_wide(request, platform_wide)
        config = create_notification(
            user=signed_in_user(request),
            platform_wide=platform_wide,
            **fields,
        )
        return Response(NotificationSerializer(config).data, status=201)

    @extend_schema(request=NotificationChangeSerializer, responses=NotificationSerializer)
    def update(self, request: Request, *_: Any, partial: bool = False, **__: Any) -> Response:
        """Changes a notification. Messages that wait go to where it leads then."""
        config = self.get_object()
        serializer = NotificationChangeSerializer(config, data=request.data, partial=partial)
        serializer.is_valid(raise_exception=True)
        update_notification(config, user=signed_in_user(request), **serializer.validated_data)
        return Response(NotificationSerializer(config).data)

    @extend_schema(request=NotificationChangeSerializer, responses=NotificationSerializer)
    def partial_update(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """The same as PUT, for some of the fields."""
        return super().partial_update(request, *args, **kwargs)

    def perform_destroy(self, instance: NotificationConfig) -> None:
        """Removes a notification; 409 while a workspace has an attachment for it."""
        delete_notification(instance, user=signed_in_user(self.request))

    @extend_schema(
        operation_id="notifications_test",
        request=TestMessageSerializer,
        responses=TestReportSerializer,
    )
    def test(self, request: Request, **_: Any) -> Response:
        """Sends a test message, at once and only once; 200 whatever comes of it."""
        config = self.get_object()
        check_administrator(config, signed_in_user(request))
        serializer = TestMessageSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        asked = serializer.validated_data
        answer = try_out(config, EventName(asked["event"]), asked["test_message"])
        return Response(report(answer))
