"""Claims on stages: one conditional UPDATE with a fencing token, an owner and a lease (design §3).

Time is PostgreSQL's ``now()``, never a host's clock. A stale token changes nothing.
"""

from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.db.models.functions import Now

from executor.core.outcome import StageOutcome
from executor.exceptions import Fenced
from workspaces.models import TaskStage
from workspaces.task_status import Stage, StageStatus

# Of a stage that was put off, again and again perhaps, the first try counts as its start.
CLAIM = """
UPDATE workspaces_taskstage AS stage
   SET status = 'running', token = %(token)s, owner = %(host)s,
       lease_until = clock_timestamp() + %(lease)s * interval '1 second', attempts = stage.attempts + 1,
       started_at = CASE WHEN stage.not_before IS NULL THEN clock_timestamp() ELSE stage.started_at END,
       message = ''
  FROM workspaces_workspacetask AS task
 WHERE task.id = stage.task_id AND stage.id = %(stage)s AND stage.status = 'ready'
   AND stage.name = ANY(%(known)s) AND task.status = 'running'
   AND (task.cancel_requested_at IS NULL OR stage.name = ANY(%(uncancellable)s))
   AND (stage.not_before IS NULL OR stage.not_before <= clock_timestamp())
   AND (stage.reserved_until IS NULL OR stage.reserved_until <= clock_timestamp()
        OR stage.prefer_host = %(host)s)
RETURNING stage.token, stage.task_id, stage.name, stage.phase, stage.position, stage.attempts
"""
# A claim whose COMMIT was answered by silence is found again by its token.
HELD = """
SELECT token, task_id, name, phase, position, attempts FROM workspaces_taskstage
 WHERE id = %(stage)s AND token = %(token)s AND status = 'running'
"""
# CLAIM has read the task without its lock: a cancellation may have come first and held the row till now.
ENTER_STAGE = """
UPDATE workspaces_workspacetask SET stage = %(name)s, last_host = %(host)s, updated_at = now()
 WHERE id = %(task)s AND (cancel_requested_at IS NULL OR %(name)s = ANY(%(uncancellable)s))
RETURNING workspace_id, GREATEST(log_lines + 1, (
    SELECT first_line + line_count FROM workspaces_tasklog
     WHERE task_id = %(task)s ORDER BY first_line DESC LIMIT 1))
"""
APPLY_ONCE = """
UPDATE workspaces_workspacetask SET apply_token = %(token)s, apply_owner = %(host)s
 WHERE id = %(task)s AND (apply_token IS NULL OR apply_token = %(token)s)
"""
END_ATTEMPT = """
WITH ended AS (
    UPDATE workspaces_taskstage
       SET status = %(status)s, message = %(message)s, skipped = %(skipped)s, lease_until = NULL,
           finished_at = clock_timestamp()
     WHERE id = %(stage)s AND token = %(token)s AND status = 'running'
    RETURNING task_id
)
UPDATE workspaces_workspacetask AS task SET log_lines = GREATEST(log_lines, %(lines)s)
  FROM ended WHERE task.id = ended.task_id
"""
# A row that is locked, because its stage is being closed or taken over, is only read: waiting for it would
# cost all other stages of the process their leases.
RENEW = """
WITH free AS (
    SELECT id FROM workspaces_taskstage
     WHERE token = ANY(%(tokens)s) AND status = 'running' FOR NO KEY UPDATE SKIP LOCKED
), renewed AS (
    UPDATE workspaces_taskstage AS stage
       SET lease_until = clock_timestamp() + %(lease)s * interval '1 second'
      FROM free WHERE stage.id = free.id
    RETURNING stage.id
)
SELECT stage.token, task.cancel_requested_at IS NOT NULL, task.cancel_reason, task.cancel_force,
       stage.id IN (SELECT id FROM renewed)
  FROM workspaces_taskstage AS stage JOIN workspaces_workspacetask AS task ON task.id = stage.task_id
 WHERE stage.token = ANY(%(tokens)s) AND stage.status = 'running'
"""
# The attempt is not counted: nobody died, the stage only has to be run elsewhere or, here, later.
GIVE_BACK = """
WITH given_back AS (
    UPDATE workspaces_taskstage
       SET status = 'ready', token = NULL, lease_until = NULL, attempts = attempts - 1,
           message = %(message)s, dispatched_at = NULL, dispatch_count = 0,
           prefer_host = CASE WHEN %(elsewhere)s THEN '' ELSE owner END,
           not_before = CASE WHEN %(wait)s > 0
               THEN clock_timestamp() + %(wait)s * interval '1 second' END,
           reserved_until = CASE WHEN %(elsewhere)s THEN NULL
               ELSE clock_timestamp() + (%(wait)s + %(reserved)s) * interval '1 second' END
     WHERE id = %(stage)s AND token = %(token)s AND status = 'running'
    RETURNING task_id
)
UPDATE workspaces_workspacetask AS task SET log_lines = GREATEST(log_lines, %(lines)s)
  FROM given_back WHERE task.id = given_back.task_id
"""
UNCANCELLABLE = [Stage.RESCUE, Stage.SAVING_STATE]
KNOWN_STAGES = [
    Stage.FETCHING,
    Stage.INIT,
    Stage.PLANNING,
    Stage.SAVING_PLAN,
    Stage.RESTORING_PLAN,
    Stage.APPLYING,
    Stage.RESCUE,
    Stage.SAVING_STATE,
]


@dataclass(frozen=True)
class Claim:
    """The right to run one attempt at one stage; ``first_line`` is the number of its first log line."""

    stage_id: int
    task_id: int
    workspace_id: int
    name: str
    phase: str
    position: int
    token: int
    attempts: int
    first_line: int
    host: str


class _MayNotRun(Exception):
    """The claim is rolled back: the task has applied already, or is to be cancelled."""


def new_token() -> int:
    """A fencing token, larger than all before it."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval('workspaces_claim_token')")
        (token,) = cursor.fetchone()
        return int(token)


def claim_stage(stage_id: int, host: str, token: int) -> Claim | None:
    """Claims a ready stage for ``host``; ``None`` if anybody else has it, or it may not run.

    Safe to repeat with the same token, when the reply to a COMMIT was lost. ``applying`` can be
    claimed once in the life of a task: the token is set on the task's own row in the same transaction,
    and a second attempt rolls back.
    """
    try:
        with transaction.atomic():
            return _claim(stage_id, host, token)
    except _MayNotRun:
        return None


def leave_unknown(stage_id: int) -> None:
    """Has the hint of a ready stage that this code does not know sent again within seconds.

    While two releases run side by side, the old one takes hints of what only the new one can do; and
    the sweep repeats a hint ever more rarely, because most of those that are not answered wait their turn.
    """
    unknown = TaskStage.objects.filter(pk=stage_id, status=StageStatus.READY).exclude(
        name__in=KNOWN_STAGES
    )
    unknown.update(dispatched_at=Now(), dispatch_count=1)


def _claim(stage_id: int, host: str, token: int) -> Claim | None:
    values: dict[str, Any] = {"stage": stage_id, "host": host, "token": token}
    with connection.cursor() as cursor:
        may = {"known": KNOWN_STAGES, "uncancellable": UNCANCELLABLE}
        cursor.execute(CLAIM, values | may | {"lease": settings.LEASE_SECONDS})
        claimed = cursor.fetchone()
        row = claimed or _held(cursor, values)
        if row is None:
            return None
        _, task_id, name, phase, position, attempts = row
        # What is held already runs, and is told of a cancellation like everything that runs.
        uncancellable = UNCANCELLABLE if claimed else KNOWN_STAGES
        task = {"task": task_id, "name": name, "host": host, "uncancellable": uncancellable}
        cursor.execute(ENTER_STAGE, task)
        entered = cursor.fetchone()
        if entered is None:
            raise _MayNotRun
        workspace_id, first_line = entered
        if name == Stage.APPLYING:
            cursor.execute(APPLY_ONCE, {"token": token, "host": host, "task": task_id})
            if cursor.rowcount != 1:
                raise _MayNotRun
    return Claim(
        stage_id, task_id, workspace_id, name, phase, position, token, attempts, first_line, host
    )


def _held(cursor: Any, values: dict[str, Any]) -> Any:
    cursor.execute(HELD, values)
    return cursor.fetchone()


def end_attempt(claim: Claim, outcome: StageOutcome) -> bool:
    """Closes the attempt's row; False if an earlier try did and its reply was lost (§2.2).

    Raises :class:`Fenced` if the claim is no longer ours.
    """
    values = {
        "stage": claim.stage_id,
        "token": claim.token,
        "status": outcome.result,
        "message": outcome.message,
        "skipped": outcome.skipped,
        "lines": outcome.last_line,
    }
    with connection.cursor() as cursor:
        cursor.execute(END_ATTEMPT, values)
        if cursor.rowcount == 1:
            return True
    mine = TaskStage.objects.filter(pk=claim.stage_id, token=claim.token)
    if mine.filter(status=outcome.result).exists():
        return False
    raise Fenced(f"Stage {claim.name} of task #{claim.task_id} belongs to another attempt")


def give_back(claim: Claim, message: str, last_line: int, *, elsewhere: bool, wait: float) -> bool:
    """Makes the stage ready again, in ``wait`` seconds: for any host if ``elsewhere``, else for this one.

    This one has a while to come back for it, and then anybody may. Says whether it did: a claim that
    is no longer ours has been taken away, and that is as good.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            GIVE_BACK,
            {
                "stage": claim.stage_id,
                "token": claim.token,
                "message": message,
                "lines": last_line,
                "elsewhere": elsewhere,
                "wait": wait,
                "reserved": settings.RESCUE_HOST_WAIT_SECONDS,
            },
        )
        return bool(cursor.rowcount == 1)


@dataclass(frozen=True)
class Renewal:
    """A claim that still holds; ``cancel_reason`` is set when somebody asked to cancel the task.

    Its lease was not ``extended`` if its row was locked, or only looked at.
    """

    token: int
    cancel_requested: bool
    cancel_reason: str
    cancel_force: bool
    extended: bool


def renew(tokens: list[int]) -> list[Renewal]:
    """Extends the leases of these claims, but of those whose rows are locked; waits for no lock.

    A token that does not come back is fenced.
    """
    with connection.cursor() as cursor:
        cursor.execute(RENEW, {"tokens": tokens, "lease": settings.LEASE_SECONDS})
        return [Renewal(*row) for row in cursor.fetchall()]
