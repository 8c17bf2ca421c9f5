"""What the start page says of run tasks (``START_PAGE_SECTIONS``)."""

from iacplatform.common.figures import Figure, Section
from runtasks.models import OPEN, RunTaskResult


def answers() -> Section:
    """Services that have not answered yet."""
    rows = RunTaskResult.objects.filter(status__in=sorted(OPEN))
    lookups = {"status__in": ",".join(sorted(OPEN))}
    figure = Figure("run tasks that have not answered", rows, lookups, "created_at", "busy")
    return Section("Checks and what follows", [figure])
