"""Log lines of an attempt whose worker died, as far as the platform has them (design §6).

A line is in Redis 50 ms after the engine wrote it and in the database within a second. Where the worker
dies in between, the lines are stored from Redis, under the numbers by which viewers know them. What is in
neither is in the work directory: the next attempt there begins with it, after it has compared its lines
with what is stored under their numbers.
"""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import groupby, islice

import structlog
from django.conf import settings
from django.db import connection, transaction
from django.db.models import F, Max
from redis import RedisError

from executor.core.accessor import LineKind, LogLine
from executor.core.left_lines import left_log
from executor.core.messages import Level, message_lines
from executor.core.redaction import Redactor
from executor.core.workdir import WorkDirectory
from executor.models import StoredLeftovers
from executor.task_spec import sensitive_values_of
from workspaces import log_stream
from workspaces.exceptions import SnapshotInvalid
from workspaces.log_stream import Message
from workspaces.models import TaskLog, TaskStage, WorkspaceTask
from workspaces.services.logs import stored_texts

LINES_PER_ROW = 2000
# A connection that hangs, or a Redis that is restarted, is back by then; a worker may be lost with its
# disk, and its last second of lines is nowhere else.
REDIS_PATIENCE = timedelta(seconds=10)
logger = structlog.get_logger(__name__)


class PublishedLinesUnknown(Exception):
    """Redis does not say what a lost attempt has shown; it is asked again before long."""


def store_published(stage: TaskStage) -> None:
    """Stores what a lost attempt has shown and not stored, and lets it show no more.

    Belongs into the transaction that takes the stage over, whose row is locked: who still writes for the
    attempt cannot store either. Raises :class:`PublishedLinesUnknown` while Redis, where they are, is
    away and has not been waited for yet.
    """
    last = last_stored_line(stage.task_id)
    shown = {line.number: line for line in map(_line, _taken_over(stage))}
    following = sorted(number for number in shown if number > last)
    known = [shown[number] for place, number in enumerate(following, last + 1) if number == place]
    _store(stage.task, known)


def store_left(task: WorkspaceTask, workdir: WorkDirectory) -> None:
    """Stores, behind all others, the lines that attempts have left in the directory of an ended task.

    Once for each host, however often it is called. To be called under the lock of the directory. What
    cannot be masked is not shown to anybody.
    """
    try:
        redactor = Redactor(sensitive_values_of(task))
    except SnapshotInvalid as error:
        logger.warning("left_lines_not_stored", task_id=task.pk, error=str(error))
        return
    with transaction.atomic():
        WorkspaceTask.objects.select_for_update(of=("self",), no_key=True).get(pk=task.pk)
        from_here = {"task": task, "host": settings.WORKER_HOST}
        if StoredLeftovers.objects.filter(**from_here).exists():
            return
        if _store_all_left(task, workdir, redactor):
            StoredLeftovers.objects.create(**from_here)


def _store_all_left(task: WorkspaceTask, workdir: WorkDirectory, redactor: Redactor) -> bool:
    """Says whether there was anything."""
    known, last = partial(stored_texts, task.pk), last_stored_line(task.pk)
    left = left_log(workdir.attempts, redactor, known, last_line=last)
    found = False
    try:
        while lines := list(islice(left, LINES_PER_ROW)):
            _store(task, lines)
            found = True
    except (OSError, ValueError, LookupError, TypeError) as error:
        # An engine may have written what it likes in there.
        logger.warning("left_lines_unreadable", task_id=task.pk, error=type(error).__name__)
    return found


def append_line(task: WorkspaceTask, text: str, *, level: Level = "WARN") -> None:
    """Writes a line of the platform's own behind all others of a task on which nobody works.

    Belongs into a transaction that has locked the task's row, and the stage's from which it takes the
    work: whoever had it cannot store lines any more, and the next attempt counts on from this one.
    """
    stage = task.stages.order_by("position").last()
    first = last_stored_line(task.pk) + 1
    now = datetime.now(UTC)
    name = stage.name if stage else task.stage
    kind: LineKind = "error" if level == "ERROR" else "output"
    texts = enumerate(message_lines(level, text), first)
    _store(task, [LogLine(number, line, kind, name, now) for number, line in texts])


def last_stored_line(task_id: int) -> int:
    """The number of the last line in the database, 0 where there is none."""
    ends = TaskLog.objects.filter(task_id=task_id).aggregate(
        last=Max(F("first_line") + F("line_count") - 1)
    )
    return ends["last"] or 0


def _taken_over(stage: TaskStage) -> list[Message]:
    try:
        return log_stream.take_over(stage.task_id, stage.token or 0)
    except RedisError as error:
        if stage.lease_until is not None and _now() < stage.lease_until + REDIS_PATIENCE:
            raise PublishedLinesUnknown from error
        logger.warning("published_lines_unknown", task_id=stage.task_id, error=str(error))
        return []


def _now() -> datetime:
    """PostgreSQL's time, as leases are."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        now: datetime = cursor.fetchone()[0]
    return now


def _line(message: Message) -> LogLine:
    return LogLine(
        int(message["line_num"]),
        message["line"],
        message["type"],
        message["stage"],
        datetime.fromisoformat(message["timestamp"]),
    )


def _store(task: WorkspaceTask, lines: Iterable[LogLine]) -> None:
    """Stores consecutive lines, a row for each stage that they are of."""
    phases = dict(task.stages.order_by("position").values_list("name", "phase"))
    for name, run in groupby(lines, key=lambda line: line.stage):
        rows = list(run)
        TaskLog.objects.create(
            task=task,
            phase=phases[name],
            stage=name,
            first_line=rows[0].number,
            line_count=len(rows),
            kinds={str(line.number): line.kind for line in rows if line.kind != "output"},
            content="".join(f"{line.text}\n" for line in rows),
            created_at=rows[0].at,
        )
