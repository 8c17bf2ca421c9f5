"""What is told of an event: the facts that every destination makes its own text of (reference §6.2)."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from django.db.models import F
from django.utils import timezone

from iacplatform.accounts.models import Organization
from notifications.destinations.wording import Message
from workspaces.models import Workspace, WorkspaceTask
from workspaces.pages import task_url, workspace_url
from workspaces.task_events import EventName, TaskEvent
from workspaces.task_status import TaskStatus, TaskType
from workspaces.transitions import SYSTEM

RELATED = ("workspace__organization", "created_by")
USED = (
    "task_type",
    "status",
    "description",
    "changes_add",
    "changes_change",
    "changes_destroy",
    "has_changes",
    "created_at",
    "completed_at",
    "created_by__username",
    "workspace__workspace_id",
    "workspace__name",
    "workspace__organization__name",
)


def message_of(event: TaskEvent) -> Message:
    """The task as it is in the present transaction, and what happened to it: the body of a webhook."""
    rows = WorkspaceTask.objects.select_related(*RELATED).only(*USED)
    version = F("snapshot__engine_version__version")
    task: Any = rows.annotate(terraform_version=version).get(pk=event.task.pk)
    told = _told(task, task.terraform_version, event.name)
    told |= {"actor": event.actor, "reason": event.reason}
    return told | ({"details": dict(event.details)} if event.details else {})


def sample_message(event: EventName, text: str) -> Message:
    """A message about nothing, for a receiver that is tried out."""
    name = "test-workspace"
    task = WorkspaceTask(
        pk=0,
        workspace=Workspace(
            workspace_id=name, name=name, organization=Organization(name="test-org")
        ),
        task_type=TaskType.PLAN_AND_APPLY,
        status=TaskStatus.PENDING,
        description="Nothing has happened: somebody tries this notification.",
        created_at=datetime(2021, 1, 1, tzinfo=UTC),
    )
    tried: Mapping[str, Any] = {
        "actor": SYSTEM,
        "reason": "",
        "test": True,
        "test_message": text,
    }
    return {**_told(task, None, event), **tried}


def _told(task: WorkspaceTask, terraform_version: str | None, event: EventName) -> Message:
    told = {
        "event": event.value,
        "timestamp": timezone.now().isoformat(),
        "task": _task(task),
        "workspace": _workspace(task.workspace, terraform_version),
        "organization": task.workspace.organization.name,
    }
    return told if task.has_changes is None else told | {"changes": _changes(task)}


def _task(task: WorkspaceTask) -> dict[str, Any]:
    completed_at = task.completed_at.isoformat() if task.completed_at else None
    return {
        "id": task.pk,
        "type": task.task_type,
        "status": task.status,
        "description": task.description,
        "created_by": task.created_by.username if task.created_by else SYSTEM,
        "created_at": task.created_at.isoformat(),
        "completed_at": completed_at,
        "app_url": task_url(task),
    }


def _workspace(workspace: Workspace, terraform_version: str | None) -> dict[str, Any]:
    return {
        "id": workspace.workspace_id,
        "name": workspace.name,
        "terraform_version": terraform_version,
        "app_url": workspace_url(workspace),
    }


def _changes(task: WorkspaceTask) -> dict[str, int]:
    return {
        "add": task.changes_add,
        "change": task.changes_change,
        "destroy": task.changes_destroy,
    }
