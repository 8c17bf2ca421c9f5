"""What the page of a task says of its RunTasks (``TASK_PAGE_SECTIONS``)."""

from django.db.models import Count
from django.template.loader import render_to_string
from django.utils.safestring import SafeString

from iacplatform.common.presentation import object_link
from runtasks.admin.badges import result_badge
from runtasks.models import RunTaskResult
from workspaces.models import WorkspaceTask


def results_section(task: WorkspaceTask) -> SafeString | str:
    """A table of the task's results; empty where nobody was asked."""
    results = RunTaskResult.objects.filter(task=task).light()
    rows = [
        {
            "result": each,
            "link": object_link(each, each.run_task_name),
            "status": result_badge(each),
        }
        for each in results.annotate(outcome_count=Count("outcomes"))
    ]
    return render_to_string("admin/runtasks/task_section.html", {"rows": rows}) if rows else ""
