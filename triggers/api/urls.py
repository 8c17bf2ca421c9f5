"""Addresses below ``/api/v1``."""

from typing import Any

from django.urls import path

from iacplatform.common import converters  # noqa: F401  # registers `pk`, `sid` and `ref`
from triggers.api.executions import TriggerExecutionViewSet
from triggers.api.run_triggers import LinkableWorkspaceViewSet, RunTriggerViewSet

Actions = dict[str, Any]
LIST: Actions = {"get": "list"}
ITEM: Actions = {"get": "retrieve", "put": "update", "patch": "partial_update", "delete": "destroy"}

WORKSPACE = "workspaces/<ref:workspace_id>"
TRIGGERS = f"{WORKSPACE}/run-triggers"
EXECUTIONS = f"{WORKSPACE}/tasks/<pk:task_id>/trigger-executions"

outbound = RunTriggerViewSet.as_view({"get": "outbound", "post": "create"})
inbound = RunTriggerViewSet.as_view({"get": "inbound", "post": "create_inbound"})
targets = LinkableWorkspaceViewSet.as_view(LIST, other_end="target")
sources = LinkableWorkspaceViewSet.as_view(LIST, other_end="source")
execution = TriggerExecutionViewSet.as_view({"get": "retrieve", "put": "update"})

urlpatterns = [
    path(TRIGGERS, outbound),
    path(f"{TRIGGERS}/inbound", inbound),
    path(f"{TRIGGERS}/available-targets", targets),
    path(f"{TRIGGERS}/available-sources", sources),
    path(f"{TRIGGERS}/<sid:run_trigger_id>", RunTriggerViewSet.as_view(ITEM)),
    path(EXECUTIONS, TriggerExecutionViewSet.as_view(LIST)),
    path(f"{EXECUTIONS}/<sid:execution_id>", execution),
]
