"""Addresses below ``/api/v1``."""

from typing import Any

from django.urls import path

from iacplatform.common import converters  # noqa: F401  # registers `sid` and `ref`
from workspaces.drift.api.checks import (
    CheckViewSet,
    DriftListViewSet,
    ResourceDriftViewSet,
    StatusViewSet,
)
from workspaces.drift.api.settings import DriftSettingsViewSet, IgnoreRuleViewSet

Actions = dict[str, Any]
LIST: Actions = {"get": "list"}
READ: Actions = {"get": "retrieve"}
COLLECTION: Actions = {"get": "list", "post": "create"}
ITEM: Actions = {"get": "retrieve", "put": "update", "patch": "partial_update", "delete": "destroy"}

WORKSPACE = "workspaces/<ref:workspace_id>"
RULES = f"{WORKSPACE}/drift-ignore-rules"

config = DriftSettingsViewSet.as_view({"get": "retrieve", "put": "update"})
check = CheckViewSet.as_view({"post": "start", "delete": "cancel"})

urlpatterns = [
    path("drift", DriftListViewSet.as_view(LIST)),
    path(f"{WORKSPACE}/drift-config", config),
    path(f"{WORKSPACE}/drift-status", StatusViewSet.as_view(READ)),
    path(f"{WORKSPACE}/drift-check", check),
    path(f"{WORKSPACE}/drift-checks", CheckViewSet.as_view(LIST)),
    path(f"{WORKSPACE}/drift-checks/<sid:check_id>", CheckViewSet.as_view(READ)),
    path(f"{WORKSPACE}/resources-drift", ResourceDriftViewSet.as_view(LIST)),
    path(RULES, IgnoreRuleViewSet.as_view(COLLECTION)),
    path(f"{RULES}/<sid:rule_id>", IgnoreRuleViewSet.as_view(ITEM)),
]
