"""Searching the index, counting it, and reading one resource."""

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import mixins
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from iacplatform.accounts.api import signed_in_user
from workspaces.api.access import find_workspace
from workspaces.cmdb.api.serializers.resources import (
    CMDBStatsSerializer,
    IndexedResourceDetailSerializer,
    ScopeSerializer,
    SearchAnswerSerializer,
    SearchSerializer,
    SuggestionsSerializer,
    SuggestSerializer,
    TypeCountSerializer,
)
from workspaces.cmdb.models import ResourceIndex
from workspaces.cmdb.services.overview import counts, stats, suggest
from workspaces.cmdb.services.search import search

UNSHOWN = ("attributes", "digest")
UNUSED = (
    "workspace__tf_code",
    "workspace__provider_config",
    "workspace__lock_file",
    "external_source__auth_headers",
)


def with_names(rows: QuerySet[ResourceIndex]) -> QuerySet[ResourceIndex]:
    """With what an answer says of where the resources are, without what may be large."""
    return rows.select_related("workspace", "external_source").defer(*UNUSED)


class ResourceViewSet(mixins.RetrieveModelMixin, GenericViewSet[ResourceIndex]):
    """The resources of all that the caller sees."""

    queryset = ResourceIndex.objects.all()
    serializer_class = IndexedResourceDetailSerializer
    filter_backends = []

    def get_queryset(self) -> QuerySet[ResourceIndex]:
        """Those of the workspaces and external sources that the caller sees (F44)."""
        if getattr(self, "swagger_fake_view", False):
            return super().get_queryset()
        return with_names(ResourceIndex.objects.visible_to(signed_in_user(self.request)))

    @extend_schema(
        operation_id="cmdb_search", parameters=[SearchSerializer], responses=SearchAnswerSerializer
    )
    def search(self, request: Request) -> Response:
        """The best hits for `q` among ids, names, ARNs, descriptions and addresses."""
        given = _given(SearchSerializer, request)
        rows = self._scope(given).defer(*UNSHOWN, *UNUSED)
        hits = search(rows, given["q"], limit=given["limit"])
        return Response(SearchAnswerSerializer({"query": given["q"], "items": hits}).data)

    @extend_schema(
        operation_id="cmdb_suggestions",
        parameters=[SuggestSerializer],
        responses=SuggestionsSerializer,
    )
    def suggestions(self, request: Request) -> Response:
        """Values that `q` could be the beginning or a part of."""
        given = _given(SuggestSerializer, request)
        found = suggest(self._scope(given), given["q"], limit=given["limit"])
        return Response({"suggestions": found})

    @extend_schema(
        operation_id="cmdb_stats", parameters=[ScopeSerializer], responses=CMDBStatsSerializer
    )
    def stats(self, request: Request) -> Response:
        """Numbers about the resources."""
        scope = self._scope(_given(ScopeSerializer, request))
        return Response(CMDBStatsSerializer(stats(scope)).data)

    @extend_schema(
        operation_id="cmdb_resource_types_list",
        parameters=[ScopeSerializer],
        responses=TypeCountSerializer(many=True),
    )
    def resource_types(self, request: Request) -> Response:
        """Every resource type with the number of its resources, the most frequent first."""
        scope = self._scope(_given(ScopeSerializer, request))
        page = self.paginate_queryset(counts(scope, "resource_type"))
        return self.get_paginated_response(TypeCountSerializer(page, many=True).data)

    def _scope(self, given: dict[str, Any]) -> QuerySet[ResourceIndex]:
        rows = self.get_queryset()
        if "workspace_id" in given:
            user = signed_in_user(self.request)
            rows = rows.filter(workspace=find_workspace(user, given["workspace_id"]))
        if "source" in given:
            rows = rows.filter(source_type=given["source"])
        if "tag" in given:
            key, _, value = given["tag"].partition("=")
            rows = rows.filter(tags__contains={key: value})
        same = {name: given[name] for name in ("resource_type", "provider") if name in given}
        return rows.filter(**same)


def _given(serializer_class: type[ScopeSerializer], request: Request) -> dict[str, Any]:
    serializer = serializer_class(data=request.query_params)
    serializer.is_valid(raise_exception=True)
    given: dict[str, Any] = serializer.validated_data
    return given
