"""All that is known of a task, in one file, in the order of its events: to find out what went wrong."""

from collections.abc import Iterator
from datetime import UTC, datetime

from tests.faults.chaos_checks import Ended, Evidence

MARGIN_SECONDS = 15.0
TRANSITIONS = """
SELECT extract(epoch FROM created_at)::float, from_status, to_status, stage, actor, reason
  FROM workspaces_tasktransition WHERE task_id = %s
"""
STAGES = """
SELECT extract(epoch FROM coalesce(started_at, created_at))::float,
       extract(epoch FROM finished_at)::float, phase, name, status, owner, attempts, token, message
  FROM workspaces_taskstage WHERE task_id = %s
"""
COMMENTS = """
SELECT extract(epoch FROM created_at)::float, action_type, comment
  FROM workspaces_taskcomment WHERE task_id = %s
"""
STATES = """
SELECT extract(epoch FROM state.created_at)::float, version, serial, task_id, recovered_from
  FROM workspaces_stateversion AS state
  JOIN workspaces_workspace AS workspace ON workspace.id = state.workspace_id
 WHERE workspace.workspace_id = %s
"""
LOG = """
SELECT first_line, stage, extract(epoch FROM created_at)::float, content
  FROM workspaces_tasklog WHERE task_id = %s ORDER BY first_line
"""
Event = tuple[float, str]


def write_dossier(evidence: Evidence, task: Ended) -> None:
    """Writes the file of a task, ``<workspace>-task-<number>.txt`` beside the logs."""
    events = sorted([*_rows(evidence, task), *_happenings(evidence, task)])
    lines = [str(task), *(f"{_clock(at)} {text}" for at, text in events), "", *_log(evidence, task)]
    path = evidence.cluster.directory / f"{task.workspace_id}-task-{task.task_id}.txt"
    path.write_text("\n".join(lines))


def _rows(evidence: Evidence, task: Ended) -> Iterator[Event]:
    sql, task_id = evidence.cluster.sql, task.task_id
    for at, *values in sql(TRANSITIONS, task_id):
        yield at, f"status {values}"
    for began, ended, *values in sql(STAGES, task_id):
        yield began, f"stage begins {values}"
        if ended:
            yield ended, f"stage ends {values}"
    for at, *values in sql(COMMENTS, task_id):
        yield at, f"comment {values}"
    for at, *values in sql(STATES, task.workspace_id):
        yield at, f"state version {values}"


def _happenings(evidence: Evidence, task: Ended) -> Iterator[Event]:
    entries = evidence.entries[task.task_id]
    for entry in entries:
        yield entry.time, f"engine {entry.pid} {entry.event} {entry.what}"
    first = min((entry.time for entry in entries), default=task.completed) - MARGIN_SECONDS
    for deed in evidence.deeds:
        if first < deed.began < task.completed + MARGIN_SECONDS:
            yield deed.began, f"FAULT {deed.kind} ({deed.target})"
            yield deed.ended, f"FAULT over: {deed.kind} ({deed.target})"


def _log(evidence: Evidence, task: Ended) -> Iterator[str]:
    for first, stage, at, content in evidence.cluster.sql(LOG, task.task_id):
        yield f"--- lines from {first}, {stage}, {_clock(at)}"
        for number, line in enumerate(content.splitlines(), first):
            yield f"{number:6} {line}"


def _clock(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%H:%M:%S.%f")[:-3]
