"""Engine versions: everybody reads them, staff registers them."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer
from rest_framework.viewsets import ModelViewSet

from iacplatform.common.conditional import conditional
from iacplatform.common.idempotency import idempotent_actions
from workspaces.api.filters import EngineVersionFilter
from workspaces.api.serializers.engine_versions import EngineVersionSerializer
from workspaces.models import EngineVersion
from workspaces.services.engine_versions import (
    delete_engine_version,
    save_engine_version,
    set_default,
)


@conditional()
@idempotent_actions("create", "set_default")
class EngineVersionViewSet(ModelViewSet[EngineVersion]):
    """The engines that tasks may be run with."""

    queryset = EngineVersion.objects.all()
    serializer_class = EngineVersionSerializer
    filterset_class = EngineVersionFilter
    lookup_url_kwarg = "engine_version_id"

    def perform_create(self, serializer: BaseSerializer[EngineVersion]) -> None:
        """Registers a version."""
        engine_version = EngineVersion()
        save_engine_version(engine_version, **serializer.validated_data)
        serializer.instance = engine_version

    def perform_update(self, serializer: BaseSerializer[EngineVersion]) -> None:
        """Changes a version."""
        assert serializer.instance is not None  # noqa: S101
        save_engine_version(serializer.instance, **serializer.validated_data)

    def perform_destroy(self, instance: EngineVersion) -> None:
        """Removes a version that nothing uses."""
        delete_engine_version(instance)

    @extend_schema(request=None)
    def set_default(self, request: Request, **_: Any) -> Response:
        """Makes it the engine of all workspaces that name none."""
        engine_version = self.get_object()
        set_default(engine_version)
        return Response(EngineVersionSerializer(engine_version).data)
