"""Addresses of task logs below ``/api/v1/``."""

from django.urls import path

from iacplatform.common import converters  # noqa: F401

from workspaces.api.logs import TaskLogDownloadView, TaskLogView, WorkspaceTaskLogView

urlpatterns = [
    path("tasks/<pk:task_id>/logs", TaskLogView.as_view()),
    path("tasks/<pk:task_id>/logs/download", TaskLogDownloadView.as_view()),
    path("workspaces/<sid:workspace_id>/tasks/<pk:task_id>/logs", WorkspaceTaskLogView.as_view()),
]
