"""The addresses of workspaces and tasks that others are told, and where they lead."""

from django.conf import settings
from django.http import HttpRequest, HttpResponseRedirect
from django.urls import reverse

from workspaces.models import Workspace, WorkspaceTask


def workspace_url(workspace: Workspace) -> str:
    """The page of a workspace, as webhooks name it."""
    return f"{settings.BASE_URL}/workspaces/{workspace.workspace_id}"


def task_url(task: WorkspaceTask) -> str:
    """The page of a task, as webhooks name it."""
    return f"{workspace_url(task.workspace)}/tasks/{task.pk}"


def workspace_page(request: HttpRequest, workspace_id: str) -> HttpResponseRedirect:
    """``/workspaces/<id>``: leads to the workspace in the admin, which asks who is there."""
    found = reverse("admin:workspaces_workspace_changelist", query={"q": workspace_id})
    return HttpResponseRedirect(found)


def task_page(request: HttpRequest, workspace_id: str, task_id: int) -> HttpResponseRedirect:
    """``/workspaces/<id>/tasks/<id>``: leads to the task in the admin, which asks who is there."""
    return HttpResponseRedirect(reverse("admin:workspaces_workspacetask_change", args=[task_id]))
