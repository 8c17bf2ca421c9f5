"""Who is told of an event (reference §6.2)."""

from typing import Any

from django.db.models import Exists, OuterRef, Q, Subquery

from notifications.models import NotificationConfig, WorkspaceNotification
from notifications.models.config import NotificationQuerySet
from workspaces.models import Workspace
from workspaces.task_events import EventName

UNUSED = ("description", "endpoint_url", "recipients", "secret", "custom_headers")


def receivers(workspace_id: int, event: EventName) -> list[Any]:
    """The notifications that are told of an event of the workspace's tasks, in one query.

    Each has the ``attachment_id`` by which it is told, ``None`` for a global one. They are enabled, of the
    workspace's organization or the whole platform's, and without what is secret.
    """
    attachments = WorkspaceNotification.objects.filter(
        workspace=workspace_id, notification=OuterRef("pk")
    )
    told = attachments.filter(enabled=True, events__contains=[event])
    usable = Q(organization=None) | Q(organization__workspaces=workspace_id)
    everywhere = Q(is_global=True, global_events__contains=[event]) & ~Exists(attachments)
    rows = NotificationConfig.objects.filter(usable, enabled=True)
    chosen = rows.annotate(attachment_id=Subquery(told.values("pk")))
    return list(chosen.filter(Q(attachment_id__isnull=False) | everywhere).defer(*UNUSED))


def global_notifications(workspace: Workspace) -> NotificationQuerySet:
    """Enabled global ones that the workspace has no attachment for, not even a disabled one (F38)."""
    rows = NotificationConfig.objects.usable_by(workspace).filter(is_global=True, enabled=True)
    return rows.exclude(attachments__workspace=workspace)
