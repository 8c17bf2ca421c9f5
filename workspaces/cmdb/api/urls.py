"""Addresses below ``/api/v1``."""

from typing import Any

from django.urls import path

from iacplatform.common import converters  # noqa: F401  # registers `pk` and `ref`
from workspaces.cmdb.api.external_sources import ExternalSourceViewSet, SyncLogViewSet
from workspaces.cmdb.api.resources import ResourceViewSet
from workspaces.cmdb.api.workspaces import SyncViewSet, WorkspaceResourceViewSet

Actions = dict[str, Any]
LIST: Actions = {"get": "list"}
READ: Actions = {"get": "retrieve"}
COLLECTION: Actions = {"get": "list", "post": "create"}
ITEM: Actions = {"get": "retrieve", "put": "update", "patch": "partial_update", "delete": "destroy"}
SYNC: Actions = {"get": "sync_state", "post": "sync"}

WORKSPACE = "cmdb/workspaces/<ref:workspace_id>"
SOURCES = "cmdb/external-sources"
SOURCE = f"{SOURCES}/<slug:source_id>"

urlpatterns = [
    path("cmdb/search", ResourceViewSet.as_view({"get": "search"})),
    path("cmdb/suggestions", ResourceViewSet.as_view({"get": "suggestions"})),
    path("cmdb/stats", ResourceViewSet.as_view({"get": "stats"})),
    path("cmdb/resource-types", ResourceViewSet.as_view({"get": "resource_types"})),
    path("cmdb/resources/<pk:pk>", ResourceViewSet.as_view(READ)),
    path("cmdb/workspace-counts", SyncViewSet.as_view(LIST)),
    path("cmdb/sync-all", SyncViewSet.as_view({"post": "sync_all"})),
    path(f"{WORKSPACE}/tree", WorkspaceResourceViewSet.as_view({"get": "tree"})),
    path(f"{WORKSPACE}/resources", WorkspaceResourceViewSet.as_view(LIST)),
    path(f"{WORKSPACE}/sync", WorkspaceResourceViewSet.as_view(SYNC)),
    path(SOURCES, ExternalSourceViewSet.as_view(COLLECTION)),
    path(SOURCE, ExternalSourceViewSet.as_view(ITEM)),
    path(f"{SOURCE}/sync", ExternalSourceViewSet.as_view({"post": "sync"})),
    path(f"{SOURCE}/test", ExternalSourceViewSet.as_view({"post": "test"})),
    path(f"{SOURCE}/sync-logs", SyncLogViewSet.as_view(LIST)),
]
