"""Tasks with logs, written as a worker writes them: stored in the database, published to Redis."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from django.db import connection

from iacplatform.common.redis_client import redis_client
from tests.domain import a_task, a_user, a_workspace
from workspaces import log_stream
from workspaces.log_messages import line_message
from workspaces.models import TaskLog, WorkspaceTask
from workspaces.services.logs import StoredLine
from workspaces.task_status import Phase, Stage, TaskStatus, TaskType
from workspaces.transitions import transition

AT = datetime(2025, 1, 1, 10, tzinfo=UTC)
OTHER_CONNECTIONS = """
SELECT count(*) FROM pg_stat_activity
 WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
"""


def a_running_task() -> WorkspaceTask:
    """A task of the user ``ada`` that was set running; nothing runs it."""
    task = a_task(a_workspace(), TaskType.PLAN_AND_APPLY, a_user())
    redis_client().delete(log_stream.stream_key(task.pk))
    task.refresh_from_db()
    if task.status == TaskStatus.PENDING:
        transition(task, TaskStatus.RUNNING)
    return task


def end(task: WorkspaceTask, status: TaskStatus = TaskStatus.APPLIED) -> None:
    """Moves the task to a final status."""
    task.refresh_from_db()
    transition(task, status)


def store(
    task: WorkspaceTask,
    first: int,
    texts: Sequence[str],
    *,
    phase: str = Phase.PLAN,
    kinds: dict[str, str] | None = None,
) -> None:
    """Stores consecutive lines as one row."""
    TaskLog.objects.create(
        task=task,
        phase=phase,
        stage=Stage.PLANNING,
        first_line=first,
        line_count=len(texts),
        kinds=kinds or {},
        content="".join(f"{text}\n" for text in texts),
        created_at=AT,
    )


def publish(task: WorkspaceTask, first: int, texts: Sequence[str]) -> None:
    """Publishes consecutive lines as one batch."""
    log_stream.publish(task.pk, messages(first, texts))


def messages(first: int, texts: Sequence[str]) -> list[dict[str, Any]]:
    """What a viewer gets for these lines."""
    lines = (
        StoredLine(number, text, "output", Phase.PLAN, Stage.PLANNING, AT)
        for number, text in enumerate(texts, first)
    )
    return [line_message(line) for line in lines]


def other_connections() -> int:
    """How many connections to the test database there are besides the test's own."""
    with connection.cursor() as cursor:
        cursor.execute(OTHER_CONNECTIONS)
        (count,) = cursor.fetchone()
    return int(count)
