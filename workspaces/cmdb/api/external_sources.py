"""External sources: administrators create, try and pull them."""

from typing import Any

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import mixins
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer
from rest_framework.viewsets import GenericViewSet, ModelViewSet

from iacplatform.accounts.api import signed_in_user
from iacplatform.common.conditional import conditional
from iacplatform.common.idempotency import idempotent_actions
from workspaces.cmdb.api.serializers.external_sources import (
    ExternalSourceSerializer,
    ExternalSourceTrialSerializer,
    ExternalSyncLogSerializer,
    NewExternalSourceSerializer,
)
from workspaces.cmdb.api.serializers.resources import RequestedSerializer
from workspaces.cmdb.models import ExternalSource, SyncLog
from workspaces.cmdb.services.external_sources import (
    create_source,
    delete_source,
    update_source,
)
from workspaces.cmdb.services.fetching import try_out
from workspaces.cmdb.services.pulling import request_pull


@conditional()
@idempotent_actions("create", "sync")
class ExternalSourceViewSet(ModelViewSet[ExternalSource]):
    """The external sources of the caller's organizations; for administrators only."""

    queryset = ExternalSource.objects.all()
    serializer_class = ExternalSourceSerializer
    filter_backends = []
    lookup_field = "source_id"

    def get_queryset(self) -> QuerySet[ExternalSource]:
        """By name."""
        if getattr(self, "swagger_fake_view", False):
            return super().get_queryset()
        visible = ExternalSource.objects.visible_to(signed_in_user(self.request))
        return visible.select_related("organization", "created_by").order_by("name", "pk")

    @extend_schema(request=NewExternalSourceSerializer, responses={201: ExternalSourceSerializer})
    def create(self, request: Request, *_: Any, **__: Any) -> Response:
        """Creates a source. It is pulled at its interval from now on, the first time at once."""
        serializer = NewExternalSourceSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        source = create_source(user=signed_in_user(request), **serializer.validated_data)
        return Response(ExternalSourceSerializer(source).data, status=201)

    def perform_update(self, serializer: BaseSerializer[ExternalSource]) -> None:
        """Changes a source; the next pull replaces its resources."""
        assert serializer.instance is not None  # noqa: S101
        user = signed_in_user(self.request)
        update_source(serializer.instance, user=user, **serializer.validated_data)

    def perform_destroy(self, instance: ExternalSource) -> None:
        """Removes a source with its resources and logs."""
        delete_source(instance, user=signed_in_user(self.request))

    @extend_schema(
        operation_id="cmdb_external_sources_sync",
        request=None,
        responses={202: RequestedSerializer},
    )
    def sync(self, request: Request, **_: Any) -> Response:
        """Asks for a pull, which is done in the background; 409 where the source is disabled."""
        request_pull(self.get_object(), user=signed_in_user(request))
        return Response({"message": "A pull was asked for"}, status=202)

    @extend_schema(
        operation_id="cmdb_external_sources_test",
        request=None,
        responses=ExternalSourceTrialSerializer,
    )
    def test(self, request: Request, **_: Any) -> Response:
        """Asks the source now and shows what a pull would have; 200 whatever comes of it."""
        trial = try_out(self.get_object())
        count = len(trial.inventory.rows)
        return Response(
            {
                "success": not trial.problem,
                "message": trial.problem or trial.inventory.message or f"{count} resources",
                "sample_count": count,
                "sample_data": trial.samples,
            }
        )


class SyncLogViewSet(mixins.ListModelMixin, GenericViewSet[SyncLog]):
    """The pulls of a source, the newest first."""

    queryset = SyncLog.objects.all()
    serializer_class = ExternalSyncLogSerializer
    filter_backends = []

    def get_queryset(self) -> QuerySet[SyncLog]:
        """Those of the source in the address."""
        if getattr(self, "swagger_fake_view", False):
            return super().get_queryset()
        visible = ExternalSource.objects.visible_to(signed_in_user(self.request))
        return get_object_or_404(visible, source_id=self.kwargs["source_id"]).sync_logs.all()
