"""When a workspace is checked, and what of its drift is ignored."""

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import mixins
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer

from iacplatform.common.conditional import conditional
from iacplatform.common.idempotency import idempotent_actions
from workspaces.api.access import WorkspaceView
from workspaces.drift.api.serializers.settings import (
    DriftIgnoreRuleSerializer,
    DriftSettingsSerializer,
)
from workspaces.drift.models import DriftIgnoreRule, DriftSettings, settings_of
from workspaces.drift.services.configuration import (
    create_rule,
    delete_rule,
    update_rule,
    update_settings,
)


@conditional()
class DriftSettingsViewSet(WorkspaceView[DriftSettings]):
    """When a workspace is checked by itself."""

    queryset = DriftSettings.objects.all()
    serializer_class = DriftSettingsSerializer
    filter_backends = []

    def retrieve(self, request: Request, **_: Any) -> Response:
        """The workspace's settings, or the defaults."""
        return Response(DriftSettingsSerializer(settings_of(self.workspace)).data)

    @extend_schema(request=DriftSettingsSerializer)
    def update(self, request: Request, **_: Any) -> Response:
        """Changes the given fields."""
        serializer = DriftSettingsSerializer(data=request.data, partial=True)
        serializer.is_valid(raise_exception=True)
        settings = update_settings(self.workspace, **serializer.validated_data)
        return Response(DriftSettingsSerializer(settings).data)


@conditional()
@idempotent_actions("create")
class IgnoreRuleViewSet(
    mixins.ListModelMixin,
    mixins.CreateModelMixin,
    mixins.RetrieveModelMixin,
    mixins.UpdateModelMixin,
    mixins.DestroyModelMixin,
    WorkspaceView[DriftIgnoreRule],
):
    """The ignore rules of a workspace; a change counts for what is known already too."""

    queryset = DriftIgnoreRule.objects.all()
    serializer_class = DriftIgnoreRuleSerializer
    filter_backends = []
    lookup_field = "rule_id"

    def rows(self) -> QuerySet[DriftIgnoreRule]:
        """Those of the workspace, expired ones too."""
        rules = DriftIgnoreRule.objects.filter(workspace=self.workspace)
        return rules.select_related("created_by")

    def perform_create(self, serializer: BaseSerializer[DriftIgnoreRule]) -> None:
        """Adds a rule."""
        fields = serializer.validated_data
        serializer.instance = create_rule(self.workspace, user=self.user, **fields)

    def perform_update(self, serializer: BaseSerializer[DriftIgnoreRule]) -> None:
        """Changes a rule."""
        assert serializer.instance is not None  # noqa: S101
        update_rule(serializer.instance, **serializer.validated_data)

    def perform_destroy(self, instance: DriftIgnoreRule) -> None:
        """Removes a rule."""
        delete_rule(instance)
