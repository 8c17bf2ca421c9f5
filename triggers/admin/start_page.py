"""What the start page says of run triggers (``START_PAGE_SECTIONS``)."""

from iacplatform.common.figures import Figure, Section
from triggers.models import TaskTriggerExecution


def executions() -> Section:
    """Targets that have not got their task yet."""
    rows = TaskTriggerExecution.objects.waiting()
    figure = Figure("run triggers that wait for a target", rows, {"waits": "yes"}, "due_at", "busy")
    return Section("Checks and what follows", [figure])
