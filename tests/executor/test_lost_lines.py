"""Log lines of lost attempts: each once, for those who read and for those who watch."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import Settings

from executor.claims import Claim
from executor.core.accessor import LogLine
from executor.core.log import TaskLog
from executor.core.log_shipping import LogShipper
from executor.core.redaction import Redactor
from executor.core.spool import Spool
from executor.core.workdir import WorkDirectory
from executor.exceptions import Fenced
from executor.local_accessor import LocalAccessor
from executor.lost_lines import append_line, last_stored_line, store_left
from executor.recovery import recover
from iacplatform.common.redis_client import redis_client, redis_outage
from tests.domain import a_running_task, a_task, a_workspace, claimed
from tests.factories import VariableFactory
from tests.interruptions import lose_worker
from workspaces import log_stream
from workspaces.models import TaskLog as TaskLogRow
from workspaces.models import TaskStage, WorkspaceTask
from workspaces.services.logs import read_lines
from workspaces.services.queue import start_next

pytestmark = pytest.mark.django_db


def lines(first: int, *texts: str, stage: str = "fetching") -> list[LogLine]:
    now = datetime.now(UTC)
    return [LogLine(number, text, "output", stage, now) for number, text in enumerate(texts, first)]


def stored(task: WorkspaceTask) -> list[str]:
    """The task's log; its numbers have neither gaps nor overlaps."""
    log = read_lines(task.pk)
    assert [line.number for line in log] == list(range(1, len(log) + 1))
    rows = TaskLogRow.objects.filter(task=task)
    assert sum(rows.values_list("line_count", flat=True)) == len(log)
    return [line.text for line in log]


def said(task: WorkspaceTask) -> list[str]:
    """What the log has but for the platform's own lines."""
    return [text for text in stored(task) if "[" not in text]


def shown(task: WorkspaceTask) -> list[str]:
    """What viewers were shown live."""
    entries: Any = redis_client().xrange(log_stream.stream_key(task.pk))
    return [text for _, entry in entries for text in entry[b"body"].decode().split("\n")]


def publish(claim: Claim, shown_lines: Sequence[LogLine]) -> None:
    LocalAccessor(claim).publish_lines(shown_lines)


def test_lines_that_were_only_shown_are_stored_under_their_numbers() -> None:
    task = a_running_task()
    claim = claimed(task)
    LocalAccessor(claim).store_lines(lines(1, "one", "two"))
    publish(claim, lines(1, "one", "two"))
    publish(claim, [LogLine(3, "three", "error", "fetching", datetime.now(UTC))])
    publish(claim, lines(4, "four"))

    lose_worker(task)

    assert said(task) == ["one", "two", "three", "four"]
    kinds = ["output", "output", "error", "output", "output"]
    assert [line.kind for line in read_lines(task.pk)] == kinds
    assert claimed(task).first_line == 6


def test_the_log_says_that_a_worker_was_lost_and_how_often_its_stage_is_tried() -> None:
    task = a_running_task(max_retries=1)
    LocalAccessor(claimed(task)).store_lines(lines(1, "one"))
    lose_worker(task)
    LocalAccessor(claimed(task)).store_lines(lines(3, "two"))
    lose_worker(task)

    assert [text.partition("] ")[2] or text for text in stored(task)] == [
        "one",
        "[WARN] Worker host-a was lost in fetching: attempt 2 of 2 follows.",
        "two",
        "[ERROR] platform error: 2 workers were lost in fetching, the last was host-a",
    ]
    assert [line.kind for line in read_lines(task.pk)] == [*["output"] * 3, "error"]


def test_lines_behind_a_gap_in_what_was_shown_are_left_to_the_work_directory() -> None:
    """Redis was away for a moment, or a batch was too large for it: nobody was shown what follows."""
    task = a_running_task()
    claim = claimed(task)
    publish(claim, lines(1, "one"))
    publish(claim, lines(3, "three"))

    lose_worker(task)

    assert said(task) == ["one"]


@pytest.fixture
def no_redis(settings: Settings) -> Iterator[None]:
    """Nobody answers at Redis' address."""
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    redis_client.cache_clear()
    yield
    redis_client.cache_clear()


def test_without_redis_a_lost_stage_is_recovered_with_the_lines_that_are_stored(
    no_redis: None,
) -> None:
    task = a_running_task()
    claim = claimed(task)
    LocalAccessor(claim).store_lines(lines(1, "one"))
    lose_worker(task)

    assert said(task) == ["one"]
    assert claimed(task).attempts == 2


def test_lines_that_only_redis_has_are_waited_for(settings: Settings) -> None:
    """The disk that has them too may be lost with its worker."""
    task = a_running_task()
    claim = claimed(task)
    publish(claim, lines(1, "one"))
    just_now = timezone.now() - timedelta(seconds=1)
    TaskStage.objects.filter(pk=claim.stage_id).update(lease_until=just_now)
    address, settings.REDIS_URL = settings.REDIS_URL, "redis://127.0.0.1:1/0"
    redis_client.cache_clear()
    recover(claim.stage_id, task.pk)
    assert TaskStage.objects.get(pk=claim.stage_id).status == "running"

    settings.REDIS_URL = address
    redis_client.cache_clear()
    redis_outage.end()
    recover(claim.stage_id, task.pk)
    assert TaskStage.objects.get(pk=claim.stage_id).status == "ready"
    assert said(task) == ["one"]


def test_a_lost_attempt_that_comes_back_is_shown_to_nobody() -> None:
    """Its numbers belong to the next attempt: viewers would get two lines of one number."""
    task = a_running_task()
    lost = claimed(task)
    publish(lost, lines(1, "one"))
    lose_worker(task)

    publish(lost, lines(2, "of the lost attempt"))
    with pytest.raises(Fenced):
        LocalAccessor(lost).store_lines(lines(2, "of the lost attempt"))
    again = claimed(task)
    publish(again, lines(2, "of the next attempt"))

    texts = shown(task)
    assert len(texts) == 2
    assert "of the next attempt" in texts[1]


def test_a_lost_attempt_stores_and_shows_no_progress_either() -> None:
    task = a_running_task()
    lost = claimed(task)
    lose_worker(task)

    with pytest.raises(Fenced):
        LocalAccessor(lost).report_progress([])


@pytest.fixture
def workdir(tmp_path: Path) -> WorkDirectory:
    directory = WorkDirectory(tmp_path, "ws-1", 1)
    directory.create()
    return directory


class KilledBefore(LocalAccessor):
    """The platform as an attempt has it whose worker dies after the first lines were stored."""

    def store_lines(self, lines: Sequence[LogLine]) -> None:
        raise ConnectionResetError


def a_killed_attempt(task: WorkspaceTask, workdir: WorkDirectory, *texts: str, shown: int) -> None:
    """Logs ``texts``, of which the first ``shown`` reach Redis and none the database."""
    claim = claimed(task)
    spool = Spool(workdir.attempts, claim.name)
    log = TaskLog(
        LogShipper(KilledBefore(claim), 0.0, spool),
        spool,
        Redactor(()),
        claim.name,
        first_line=claim.first_line,
    )
    with log.engine_outputs():
        log.output(list(texts), "stdout")
    with pytest.raises(ConnectionError):
        log.close()
    redis_client().delete(log_stream.stream_key(task.pk))
    publish(claim, lines(claim.first_line, *texts[:shown]))
    lose_worker(task)


def the_next_attempt(task: WorkspaceTask, workdir: WorkDirectory) -> None:
    """Logs what earlier attempts have left in the directory."""
    claim = claimed(task)
    spool = Spool(workdir.attempts, claim.name)
    log = TaskLog(
        LogShipper(LocalAccessor(claim), 10.0, spool),
        spool,
        Redactor(()),
        claim.name,
        first_line=claim.first_line,
    )
    log.message("INFO", "begins")
    log.write_left_lines(LocalAccessor(claim).stored_lines)
    log.close()


@pytest.mark.parametrize("count", [0, 2, 3])
def test_the_next_attempt_in_the_directory_has_each_lost_line_once(
    workdir: WorkDirectory, count: int
) -> None:
    task = a_running_task()
    a_killed_attempt(task, workdir, "one", "two", "three", shown=count)
    assert said(task) == ["one", "two", "three"][:count]

    the_next_attempt(task, workdir)

    assert sorted(said(task)) == ["one", "three", "two"]


def test_lines_of_two_killed_attempts_are_each_there_once(workdir: WorkDirectory) -> None:
    task = a_running_task()
    a_killed_attempt(task, workdir, "one", "two", "three", shown=2)
    a_killed_attempt(task, workdir, "four", "five", "six", "seven", shown=1)

    the_next_attempt(task, workdir)

    assert sorted(said(task)) == ["five", "four", "one", "seven", "six", "three", "two"]


def test_an_ended_task_gets_the_lines_that_are_only_in_a_directory(workdir: WorkDirectory) -> None:
    task = a_running_task(max_retries=0)
    a_killed_attempt(task, workdir, "one", "two", shown=1)
    assert (task.status, said(task)) == ("failed", ["one"])

    store_left(task, workdir)

    assert said(task) == ["one", "two"]


def an_ended_task_with_a_secret() -> WorkspaceTask:
    workspace = a_workspace(max_retries=0)
    VariableFactory.create(workspace=workspace, secret=True)
    task = a_task(workspace)
    start_next(workspace.pk)
    claimed(task)
    lose_worker(task)
    return task


def leave_output(workdir: WorkDirectory, text: str) -> None:
    """Leaves what an engine said after its worker had died."""
    folder = workdir.attempts / "0001-fetching"
    folder.mkdir()
    (folder / "1.stdout").write_text(text)


def test_lines_of_a_directory_are_masked(workdir: WorkDirectory) -> None:
    task = an_ended_task_with_a_secret()
    leave_output(workdir, "the password is hunter2 hunter2\n")

    store_left(task, workdir)

    assert "the password is ***SENSITIVE***" in stored(task)


def test_lines_that_nobody_can_mask_any_more_are_shown_to_nobody(workdir: WorkDirectory) -> None:
    task = an_ended_task_with_a_secret()
    task.workspace.variables.all().delete()
    leave_output(workdir, "the password is hunter2 hunter2\n")

    store_left(task, workdir)

    assert said(task) == []


def test_a_directory_in_which_an_engine_has_written_nonsense_costs_no_other_line(
    workdir: WorkDirectory,
) -> None:
    task = an_ended_task_with_a_secret()
    leave_output(workdir, "one\n")
    (workdir.attempts / "0002-dusting").mkdir()
    (workdir.attempts / "0002-dusting" / "1.stdout").write_text("two\n")

    store_left(task, workdir)

    assert "one" in stored(task)


def test_a_line_of_the_platforms_own_stands_behind_all_others() -> None:
    task = a_running_task(max_retries=0)
    LocalAccessor(claimed(task)).store_lines(lines(1, "one"))
    lose_worker(task)

    append_line(task, "host-a came back")

    assert stored(task)[-1].endswith("[WARN] host-a came back")
    assert last_stored_line(task.pk) == 3
