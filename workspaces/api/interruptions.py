"""Interrupted applies: what is known of one, and the call that resolves it."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from iacplatform.common.idempotency import idempotent_actions
from workspaces.api.access import TaskView
from workspaces.api.serializers.interruptions import (
    InterruptionSerializer,
    ResolveInterruptionSerializer,
)
from workspaces.models import WorkspaceTask
from workspaces.services.interruptions import interruption_of, resolve_interruption


@idempotent_actions("resolve")
class InterruptionViewSet(TaskView[WorkspaceTask]):
    """An apply that was interrupted: its worker died, or its state file could not be read."""

    queryset = WorkspaceTask.objects.all()
    filter_backends = []

    @extend_schema(responses=InterruptionSerializer)
    def retrieve(self, request: Request, **_: Any) -> Response:
        """What happened, how the state has changed, and what to do; 404 if it was not interrupted."""
        return Response(InterruptionSerializer(interruption_of(self.task)).data)

    @extend_schema(request=ResolveInterruptionSerializer, responses=InterruptionSerializer)
    def resolve(self, request: Request, **_: Any) -> Response:
        """Says that somebody has looked: the workspace is unlocked and its queue goes on.

        409 if it is resolved already, if the state is still looked for, or if it is not saved yet.
        """
        serializer = ResolveInterruptionSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        comment = serializer.validated_data["comment"]
        resolved = resolve_interruption(self.task, user=self.user, comment=comment)
        return Response(InterruptionSerializer(resolved).data)
