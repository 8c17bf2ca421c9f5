"""What the page of a task says of its drift check (``TASK_PAGE_SECTIONS``)."""

from django.template.loader import render_to_string
from django.utils.safestring import SafeString

from iacplatform.common.presentation import object_link
from workspaces.drift.admin.badges import check_badge, drift_badge
from workspaces.drift.admin.check import found_table
from workspaces.drift.models import CheckStatus, DriftCheck
from workspaces.models import WorkspaceTask


def drift_section(task: WorkspaceTask) -> SafeString | str:
    """What the check has found; empty for a task that is none."""
    check = DriftCheck.objects.filter(task=task).first()
    if check is None:
        return ""
    finished = check.status == CheckStatus.SUCCESS
    shown = {
        "link": object_link(check, check.check_id),
        "check": check,
        "status": check_badge(check.status),
        "drift": drift_badge(check) if finished else "",
        "found": found_table(check) if check.resources else "",
    }
    return render_to_string("admin/drift/task_section.html", shown)
