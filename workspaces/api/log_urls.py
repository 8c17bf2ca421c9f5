"""Addresses of task logs below ``/api/v1/``."""

from django.urls import path

from iacplatform.common import converters  # noqa: F401  # registers `pk` and `ref`
from workspaces.api.logs import TaskLogDownloadView, TaskLogView, WorkspaceTaskLogView

urlpatterns = [
    path("tasks/<pk:task_id>/logs", TaskLogView.as_view()),
    path("tasks/<pk:task_id>/logs/download", TaskLogDownloadView.as_view()),
    path("workspaces/<ref:workspace_id>/tasks/<pk:task_id>/logs", WorkspaceTaskLogView.as_view()),
]
