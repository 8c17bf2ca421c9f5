"""What the page of a task says of the messages about it (``TASK_PAGE_SECTIONS``)."""

from django.template.loader import render_to_string
from django.utils.safestring import SafeString

from iacplatform.common.presentation import object_link
from notifications.admin.badges import log_badge
from notifications.models import NotificationLog
from workspaces.models import WorkspaceTask

MOST_ROWS = 100


def messages_section(task: WorkspaceTask) -> SafeString | str:
    """A table of the messages about the task; empty where nobody was told."""
    logs = NotificationLog.objects.filter(task=task).defer("request_payload", "response_body")
    rows = [
        {"log": log, "link": object_link(log, log.get_event_display()), "status": log_badge(log)}
        for log in logs.order_by("pk")[:MOST_ROWS]
    ]
    return render_to_string("admin/notifications/task_section.html", {"rows": rows}) if rows else ""
