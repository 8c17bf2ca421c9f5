"""Time-outs: results that nobody answered in time (reference §6.1.5, M10).

Time is PostgreSQL's. Each row ends by its own conditional UPDATE, so that the check may run twice at once.
"""

from django.db.models import Q
from django.db.models.functions import Now

from runtasks.models import ResultStatus, RunTaskResult
from runtasks.services.results import settle

OVERALL = "Maximum run time exceeded"
NO_PROGRESS = "No progress update received within timeout period"
LIMITS = (
    (Q(max_run_timeout_at__lte=Now()), OVERALL),
    (Q(timeout_at__lte=Now()), NO_PROGRESS),
)


def expire_results() -> int:
    """Ends the results whose time is over, and moves their tasks on; returns how many it ended."""
    return sum(_expire(due, message) for due, message in LIMITS)


def _expire(due: Q, message: str) -> int:
    overdue = RunTaskResult.objects.open().filter(due).values_list("pk", "gate_id")
    ended = [(pk, gate_id) for pk, gate_id in overdue if _end(pk, due, message)]
    for gate_id in {gate_id for _, gate_id in ended}:
        settle(gate_id)
    return len(ended)


def _end(pk: int, due: Q, message: str) -> bool:
    # Asked again: a heartbeat may have come since.
    row = RunTaskResult.objects.filter(due, pk=pk)
    return bool(row.close(ResultStatus.TIMEOUT, message))
