"""Addresses below ``/api/v1``."""

from typing import Any

from django.urls import path

from iacplatform.common import converters  # noqa: F401  # registers `pk`, `sid` and `ref`
from runtasks.api.attachments import AttachmentViewSet
from runtasks.api.callbacks import (
    CallbackView,
    JSONOutputView,
    PlanJSONView,
    ResourceChangesView,
)
from runtasks.api.results import OutcomeViewSet, ResultViewSet, TaskResultViewSet
from runtasks.api.run_tasks import RunTaskViewSet

Actions = dict[str, Any]
LIST: Actions = {"get": "list"}
READ: Actions = {"get": "retrieve"}
COLLECTION: Actions = {"get": "list", "post": "create"}
ITEM: Actions = {"get": "retrieve", "put": "update", "patch": "partial_update", "delete": "destroy"}

RUN_TASK = "run-tasks/<sid:run_task_id>"
WORKSPACE = "workspaces/<ref:workspace_id>"
ATTACHMENTS = f"{WORKSPACE}/run-tasks"
TASK = f"{WORKSPACE}/tasks/<pk:task_id>"
RESULT = "run-task-results/<sid:result_id>"

attachments = AttachmentViewSet.as_view({"get": "overview", "post": "create"})
override = TaskResultViewSet.as_view({"post": "override"})

urlpatterns = [
    path("run-tasks", RunTaskViewSet.as_view(COLLECTION)),
    path("run-tasks/test", RunTaskViewSet.as_view({"post": "try_out"})),
    path(RUN_TASK, RunTaskViewSet.as_view(ITEM)),
    path(f"{RUN_TASK}/test", RunTaskViewSet.as_view({"post": "test"})),
    path(ATTACHMENTS, attachments),
    path(f"{ATTACHMENTS}/<sid:workspace_run_task_id>", AttachmentViewSet.as_view(ITEM)),
    path(f"{TASK}/run-task-results", TaskResultViewSet.as_view(LIST)),
    path(f"{TASK}/override-run-tasks", override),
    path(RESULT, ResultViewSet.as_view(READ)),
    path(f"{RESULT}/outcomes", OutcomeViewSet.as_view(LIST)),
    path(f"{RESULT}/callback", CallbackView.as_view()),
    path(f"{RESULT}/plan-json", PlanJSONView.as_view()),
    path(f"{RESULT}/json-output", JSONOutputView.as_view()),
    path(f"{RESULT}/resource-changes", ResourceChangesView.as_view()),
]
