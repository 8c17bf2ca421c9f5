"""The platform as a stage on this machine sees it: a DataAccessor over the ORM."""

import hashlib
import json
from collections.abc import Callable, Sequence
from functools import partial, wraps
from typing import Any, Concatenate, ParamSpec, TypeVar, cast

import structlog
from django.db import DatabaseError, connection, transaction
from redis import RedisError

from executor.claims import Claim
from executor.core.accessor import (
    AppliedState,
    LogLine,
    ResourceProgress,
    StateSaveError,
    TaskSpec,
)
from executor.exceptions import Fenced
from executor.progress import store_progress
from executor.task_spec import build_task_spec
from iacplatform.common.encryption import seal
from iacplatform.common.outage import Spared
from iacplatform.common.retry import retry_transaction
from iacplatform.terraform.state import read_state
from workspaces import log_stream
from workspaces.log_messages import line_message, progress_messages
from workspaces.models import (
    StateCheckpoint,
    StateSource,
    StateVersion,
    TaskPlan,
    TaskStage,
    WorkspaceTask,
)
from workspaces.models.task import AppliedState as AppliedStateRow
from workspaces.services.logs import stored_texts
from workspaces.services.remote_data import revoke_tokens
from workspaces.services.state import save_state_version

Args = ParamSpec("Args")
Returned = TypeVar("Returned")
# Fenced by the claim. Lines that come again, after a reply was lost, may come with newer ones behind them.
STORE_LINES = """
INSERT INTO workspaces_tasklog
       (task_id, phase, stage, first_line, line_count, kinds, content, created_at)
SELECT %(task)s, %(phase)s, %(stage)s, %(first)s, %(count)s, %(kinds)s, %(content)s, %(at)s
  FROM workspaces_taskstage
 WHERE id = %(claim)s AND token = %(token)s AND status = 'running'
   FOR SHARE
    ON CONFLICT (task_id, first_line) DO UPDATE
   SET line_count = EXCLUDED.line_count, kinds = EXCLUDED.kinds, content = EXCLUDED.content
 WHERE workspaces_tasklog.line_count < EXCLUDED.line_count
"""
STORE_CHECKPOINT = """
INSERT INTO workspaces_statecheckpoint AS known (task_id, token, serial, content, updated_at)
SELECT %(task)s, %(token)s, %(serial)s, %(content)s, clock_timestamp()
  FROM workspaces_taskstage
 WHERE id = %(stage)s AND token = %(token)s AND status = 'running'
   FOR SHARE
    ON CONFLICT (task_id) DO UPDATE
   SET token = EXCLUDED.token, serial = EXCLUDED.serial, content = EXCLUDED.content,
       updated_at = EXCLUDED.updated_at
 WHERE known.serial <= EXCLUDED.serial
"""
READ_SECONDS = 60.0
logger = structlog.get_logger(__name__)


def _reads(
    method: "Callable[[LocalAccessor], Returned]",
) -> "Callable[[LocalAccessor], Returned]":
    """Reads again while PostgreSQL is away, and gives the connection back."""

    @wraps(method)
    def call(self: "LocalAccessor") -> Returned:
        return retry_transaction(
            partial(_gives_connection_back(method), self), seconds=READ_SECONDS
        )

    return call


def _gives_connection_back(
    method: "Callable[Concatenate[LocalAccessor, Args], Returned]",
) -> "Callable[Concatenate[LocalAccessor, Args], Returned]":
    """Returns the connection to the pool after each call: a stage may wait hours for its engine."""

    @wraps(method)
    def call(self: "LocalAccessor", *args: Args.args, **kwargs: Args.kwargs) -> Returned:
        try:
            return method(self, *args, **kwargs)
        finally:
            if not connection.in_atomic_block:
                connection.close()

    return cast("Callable[Concatenate[LocalAccessor, Args], Returned]", call)


class LocalAccessor:
    """Reads and writes for one claim; every write is refused once the claim is fenced."""

    def __init__(self, claim: Claim) -> None:
        self._claim = claim

    @_reads
    def task(self) -> TaskSpec:
        """See :class:`~executor.core.accessor.DataAccessor`."""
        return build_task_spec(self._claim)

    @_reads
    def check_claim(self) -> None:
        """See :class:`~executor.core.accessor.DataAccessor`."""
        self._check_claim()

    @_reads
    def configuration_archive(self) -> bytes:
        """See :class:`~executor.core.accessor.DataAccessor`."""
        task = self._task("snapshot__configuration_version")
        version = task.snapshot.configuration_version
        return bytes(version.archive) if version else b""

    @_reads
    def current_state(self) -> bytes | None:
        """See :class:`~executor.core.accessor.DataAccessor`."""
        newest = StateVersion.objects.filter(workspace_id=self._claim.workspace_id).newest()
        return newest.content if newest else None

    @_reads
    def plan_file(self) -> bytes:
        """See :class:`~executor.core.accessor.DataAccessor`."""
        plan = TaskPlan.objects.filter(task_id=self._claim.task_id).defer("plan_json").first()
        return plan.plan_file if plan else b""

    @_reads
    def applied_state(self) -> AppliedState:
        """See :class:`~executor.core.accessor.DataAccessor`."""
        row = AppliedStateRow.objects.get(task_id=self._claim.task_id)
        return AppliedState(row.content, row.succeeded, row.cancelled, row.error)

    def publish_lines(self, lines: Sequence[LogLine]) -> None:
        """See :class:`~executor.core.accessor.DataAccessor`."""
        self._publish([line_message(line) for line in lines])

    @_gives_connection_back
    def store_lines(self, lines: Sequence[LogLine]) -> None:
        """See :class:`~executor.core.accessor.DataAccessor`."""
        values = _log_values(self._claim, lines)
        with connection.cursor() as cursor:
            cursor.execute(STORE_LINES, values)
            stored = cursor.rowcount
        if not stored:
            self._check_claim()

    @_gives_connection_back
    def stored_lines(self, first: int, count: int) -> Sequence[str]:
        """See :class:`~executor.core.accessor.DataAccessor`."""
        return stored_texts(self._claim.task_id, first, count)

    @_gives_connection_back
    def report_progress(self, progress: Sequence[ResourceProgress]) -> None:
        """See :class:`~executor.core.accessor.DataAccessor`."""
        with transaction.atomic():
            self._check_claim(lock=True)
            rows = store_progress(self._claim.task_id, progress)
        self._publish(progress_messages(self._claim.task_id, rows))

    @_gives_connection_back
    def save_state(self, content: bytes) -> int:
        """See :class:`~executor.core.accessor.DataAccessor`."""
        try:
            with transaction.atomic():
                self._check_claim(lock=True)
                return self._saved_version(content) or self._save_version(content)
        except DatabaseError as error:
            raise StateSaveError(str(error)) from error

    @_gives_connection_back
    def checkpoint_state(self, content: bytes) -> None:
        """See :class:`~executor.core.accessor.DataAccessor`."""
        values: dict[str, Any] = {
            "task": self._claim.task_id,
            "stage": self._claim.stage_id,
            "token": self._claim.token,
            "serial": read_state(content).serial,
            "content": seal(content),
        }
        with connection.cursor() as cursor:
            cursor.execute(STORE_CHECKPOINT, values)
            stored = cursor.rowcount
        if not stored:
            self._check_claim()

    @_reads
    def checkpoint(self) -> bytes | None:
        """See :class:`~executor.core.accessor.DataAccessor`."""
        row = StateCheckpoint.objects.filter(task_id=self._claim.task_id).first()
        return row.content if row else None

    @_gives_connection_back
    def revoke_tokens(self, tokens: Sequence[str]) -> None:
        """See :class:`~executor.core.accessor.DataAccessor`."""
        revoke_tokens(tokens)

    def _saved_version(self, content: bytes) -> int | None:
        """The version an earlier try stored, when only the reply to its COMMIT was lost."""
        digest = hashlib.sha256(content).hexdigest()
        mine = StateVersion.objects.filter(task_id=self._claim.task_id, checksum=digest)
        return mine.values_list("version", flat=True).first()

    def _save_version(self, content: bytes) -> int:
        task = self._task("created_by")
        rescued = AppliedStateRow.objects.filter(task=task).exclude(source=StateSource.ENGINE)
        source = rescued.values_list("source", flat=True).first() or ""
        return save_state_version(
            self._claim.workspace_id,
            content,
            task=task,
            description=f"Rescued after task #{task.pk} was interrupted" if source else "",
            recovered_from=source,
        ).version

    def _task(self, *related: str) -> WorkspaceTask:
        return WorkspaceTask.objects.select_related(*related).get(pk=self._claim.task_id)

    def _check_claim(self, *, lock: bool = False) -> None:
        """Raises :class:`Fenced`; with ``lock`` the claim stays ours to the transaction's end."""
        mine = TaskStage.objects.filter(
            pk=self._claim.stage_id, token=self._claim.token, status="running"
        )
        if lock:
            mine = mine.select_for_update(of=("self",), no_key=True)
        if not mine.exists():
            raise Fenced(f"Stage {self._claim.name} of task #{self._claim.task_id} was taken away")

    def _publish(self, messages: list[dict[str, Any]]) -> None:
        try:
            log_stream.publish(self._claim.task_id, messages, token=self._claim.token)
        except Spared:
            return  # it was said when Redis did not answer
        except (RedisError, OSError) as error:
            logger.warning("log_publish_failed", task_id=self._claim.task_id, error=str(error))


def _log_values(claim: Claim, lines: Sequence[LogLine]) -> dict[str, Any]:
    kinds = {str(line.number): line.kind for line in lines if line.kind != "output"}
    return {
        "task": claim.task_id,
        "phase": claim.phase,
        "stage": claim.name,
        "first": lines[0].number,
        "count": len(lines),
        "kinds": json.dumps(kinds),
        "content": "".join(f"{line.text}\n" for line in lines),
        "at": lines[0].at,
        "claim": claim.stage_id,
        "token": claim.token,
    }
