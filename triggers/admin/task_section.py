"""What the page of a task says of run triggers (``TASK_PAGE_SECTIONS``)."""

from django.template.loader import render_to_string
from django.utils.safestring import SafeString

from iacplatform.common.presentation import object_link
from triggers.admin.badges import execution_badge
from triggers.models import TaskTriggerExecution
from workspaces.models import WorkspaceTask


def triggers_section(task: WorkspaceTask) -> SafeString | str:
    """By which tasks this one was triggered, and which it triggers; empty where it is neither."""
    executions = TaskTriggerExecution.objects.select_related(
        "source_task__workspace", "target_task"
    )
    context = {
        "sources": [
            {
                "task": object_link(each.source_task),
                "workspace": object_link(each.source_task.workspace),
            }
            for each in executions.filter(target_task=task)
        ],
        "rows": [
            {
                "execution": each,
                "target": object_link(each, each.target_name),
                "status": execution_badge(each),
                "task": object_link(each.target_task),
            }
            for each in executions.filter(source_task=task)
        ],
    }
    return (
        render_to_string("admin/triggers/task_section.html", context)
        if any(context.values())
        else ""
    )
