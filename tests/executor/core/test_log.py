"""A task's log: numbered without gaps, redacted, recorded at once, shipped in batches."""

import json
import re
import resource
import threading
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest

from executor.core.accessor import AttemptLost, EngineRelease, LogLine, ResourceProgress
from executor.core.log import TaskLog
from executor.core.log_shipping import LogShipper
from executor.core.redaction import Redactor
from executor.core.spool import Spool
from tests.executor.core.in_memory import InMemoryPlatform, full_disk

RELEASE = EngineRelease("terraform", "1.15.5", "file:///x.zip", "0" * 64)


@pytest.fixture
def platform(tmp_path: Path) -> InMemoryPlatform:
    return InMemoryPlatform(RELEASE, tmp_path)


def open_log(platform: InMemoryPlatform, wait: float = 5, *, first_line: int = 5) -> TaskLog:
    """A log whose record is kept in the folder ``attempts`` where a test has made one."""
    spool = Spool(platform.root / "attempts", "planning")
    redactor = Redactor(["hunter22", "two\nlined"])
    shipper = LogShipper(platform, wait, spool)
    return TaskLog(shipper, spool, redactor, "planning", first_line=first_line)


@pytest.fixture
def attempts(tmp_path: Path) -> Path:
    folder = tmp_path / "attempts"
    folder.mkdir()
    return folder


def recorded(attempts: Path) -> list[str]:
    """The lines in the spools of all attempts."""
    spools = (path.read_text().split("\n") for path in sorted(attempts.glob("*/lines.jsonl")))
    records = [json.loads(line) for lines in spools for line in lines if line]
    return [text for record in records for text in record.get("lines", [])]


def wait_until(condition: object, seconds: float = 5) -> float:
    assert callable(condition)
    started = time.monotonic()
    while not condition():
        assert time.monotonic() - started < seconds
        time.sleep(0.002)
    return time.monotonic() - started


@pytest.mark.usefixtures("attempts")
def test_lines_are_numbered_and_of_the_documented_form(platform: InMemoryPlatform) -> None:
    log = open_log(platform)
    log.marker("BEGIN")
    log.message("WARN", "careful")
    with log.engine_outputs():
        log.output(["terraform_data.a: Creating..."], "stdout")
        log.output(["│ Error: no"], "stderr")
    log.marker("END")
    log.close()
    assert [line.number for line in platform.lines] == [5, 6, 7, 8, 9]
    assert log.last_line == 9
    moment = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}"
    expected = [
        rf"={{10}} PLANNING BEGIN at {moment} ={{10}}",
        r"\[\d\d:\d\d:\d\d\.\d{3}\] \[WARN\] careful",
        r"terraform_data\.a: Creating\.\.\.",
        "│ Error: no",
        rf"={{10}} PLANNING END at {moment} ={{10}}",
    ]
    for pattern, line in zip(expected, platform.lines, strict=True):
        assert re.fullmatch(pattern, line.text)
    kinds = [line.kind for line in platform.lines]
    assert kinds == ["stage_marker", "output", "output", "error", "stage_marker"]


def test_sensitive_values_are_masked_everywhere(platform: InMemoryPlatform, attempts: Path) -> None:
    """F27: in the stream, in what is stored and in the record; also across lines."""
    log = open_log(platform)
    log.message("INFO", "password hunter22")
    with log.engine_outputs():
        log.output(["password: hunter22", "the two"], "stdout")
        log.output(["password: hunter22"], "stderr")
        log.output(["lined end"], "stdout")
        log.output(["two"], "stdout")
    texts = recorded(attempts)
    log.close()
    assert texts[1:] == [
        "password: ***SENSITIVE***",
        "password: ***SENSITIVE***",
        "the ***SENSITIVE*** end",
        "two",
    ]
    assert [line.text for line in platform.lines] == texts
    assert platform.published == platform.lines
    assert "hunter22" not in platform.text


def test_the_record_is_private_and_goes_when_all_is_stored(
    platform: InMemoryPlatform, attempts: Path
) -> None:
    log = open_log(platform)
    log.message("INFO", "here")
    assert recorded(attempts)[0].endswith("here")
    with log.engine_outputs():
        paths = [attempts, *attempts.rglob("*")]
        assert sorted(path.name for path in paths[1:]) == [
            "0001-planning",
            "1.stderr",
            "1.stdout",
            "lines.jsonl",
        ]
        assert {path.stat().st_mode & 0o777 for path in attempts.glob("*")} == {0o700}
        assert {path.stat().st_mode & 0o777 for path in attempts.glob("*/*")} == {0o600}
    log.close()
    assert list(attempts.iterdir()) == []


def test_the_record_stays_when_the_platform_stays_away(
    platform: InMemoryPlatform, attempts: Path
) -> None:
    log = open_log(platform, wait=0.1)
    log.message("INFO", "stored")
    wait_until(lambda: platform.lines)
    platform.store_failures = 1000
    log.message("INFO", "not stored")
    with pytest.raises(ConnectionError, match="could not be stored"):
        log.close()
    assert log.last_line == 5
    assert [text.split("] ")[-1] for text in recorded(attempts)] == ["stored", "not stored"]


def test_a_full_disk_costs_no_line_and_is_noted_once(
    platform: InMemoryPlatform, attempts: Path, caplog: pytest.LogCaptureFixture
) -> None:
    log = open_log(platform)
    with full_disk(), log.engine_outputs():
        log.message("INFO", "one")
        log.output(["two"], "stdout")
    log.message("INFO", "three")
    assert recorded(attempts) == []
    log.close()
    assert [line.number for line in platform.lines] == [5, 6, 7]
    (record,) = caplog.records
    assert "lines of a stage cannot be kept on this host" in record.getMessage()


def test_a_folder_that_cannot_be_made_costs_no_line(
    platform: InMemoryPlatform, attempts: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (attempts / "0001-planning").touch()
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, limits[1]))
    try:
        log = open_log(platform)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    log.message("INFO", "one")
    log.close()
    assert [line.number for line in platform.lines] == [5]
    assert "Too many open files" in caplog.text


@pytest.mark.usefixtures("attempts")
def test_lines_do_not_pile_up_without_end_while_the_platform_is_away(
    platform: InMemoryPlatform,
) -> None:
    log = open_log(platform)
    platform.store_failures = 1000
    with log.engine_outputs():
        for _ in range(31):
            log.output(["x" * 1024 * 1024], "stdout")
        assert log.has_room()
        log.output(["x" * 1024 * 1024], "stdout")
        assert not log.has_room()
        platform.store_failures = 0
        wait_until(log.has_room)
    log.close()
    assert [line.number for line in platform.lines] == list(range(5, 37))


def test_a_platform_that_is_away_is_not_asked_all_the_time(platform: InMemoryPlatform) -> None:
    log = open_log(platform)
    platform.store_failures = 1000
    for _ in range(10_000):
        log.message("INFO", "a line")
    time.sleep(1)
    assert platform.store_failures > 990
    platform.store_failures = 0
    log.close()
    assert len(platform.lines) == 10_000


def test_a_line_is_published_within_50_ms_and_stored_within_a_second(
    platform: InMemoryPlatform,
) -> None:
    log = open_log(platform)
    log.message("INFO", "one")
    assert wait_until(lambda: platform.published) < 0.3
    assert platform.lines == []
    assert wait_until(lambda: platform.lines) < 1.5
    log.message("INFO", "two")
    assert wait_until(lambda: len(platform.published) == 2) < 0.3
    log.close()


@pytest.mark.usefixtures("attempts")
def test_many_lines_are_stored_in_few_calls_without_gaps(platform: InMemoryPlatform) -> None:
    log = open_log(platform)
    with log.engine_outputs():
        for number in range(30_000):
            log.output([f"line {number}"], "stdout")
    log.close()
    assert [line.number for line in platform.lines] == list(range(5, 30_005))


def test_lines_that_could_not_be_stored_are_stored_later(platform: InMemoryPlatform) -> None:
    platform.store_failures = 2
    log = open_log(platform)
    log.message("INFO", "one")
    wait_until(lambda: platform.store_failures == 1)
    log.message("INFO", "two")
    log.close()
    assert [line.number for line in platform.lines] == [5, 6]


def test_a_platform_that_stays_away_is_given_up_in_the_end(platform: InMemoryPlatform) -> None:
    platform.store_failures = 1000
    log = open_log(platform, wait=0.1)
    log.message("INFO", "one")
    with pytest.raises(ConnectionError, match="could not be stored"):
        log.close()


def test_a_lost_attempt_ends_the_shipping(platform: InMemoryPlatform) -> None:
    class Lost(InMemoryPlatform):
        def store_lines(self, lines: Sequence[LogLine]) -> None:
            raise AttemptLost

    log = open_log(Lost(RELEASE, platform.root), wait=60)
    log.message("INFO", "one")
    started = time.monotonic()
    with pytest.raises(AttemptLost):
        log.close()
    assert time.monotonic() - started < 5


def test_a_host_without_a_thread_left_ships_its_lines_at_the_end(
    platform: InMemoryPlatform,
) -> None:
    before = threading.stack_size(2**46)  # more than an address space holds: no thread can start
    try:
        log = open_log(platform)
        log.message("INFO", "one")
        log.message("INFO", "two")
    finally:
        threading.stack_size(before)
    log.close()
    assert [line.number for line in platform.lines] == [5, 6]


def test_publishing_that_fails_does_no_harm(platform: InMemoryPlatform) -> None:
    class Deaf(InMemoryPlatform):
        def publish_lines(self, lines: Sequence[LogLine]) -> None:
            raise ConnectionResetError

    deaf = Deaf(RELEASE, platform.root)
    log = open_log(deaf)
    log.message("INFO", "one")
    time.sleep(0.1)
    log.message("INFO", "two")
    log.close()
    assert [line.number for line in deaf.lines] == [5, 6]


def test_progress_is_reported_within_200_ms_in_order(platform: InMemoryPlatform) -> None:
    log = open_log(platform)
    for status in ("applying", "completed"):
        log.progress(ResourceProgress("a.b", status, datetime.now(UTC)))
    assert wait_until(lambda: platform.reported) < 0.5
    log.close()
    assert [each.status for each in platform.reported] == ["applying", "completed"]


def test_the_logs_of_many_short_stages_leave_no_thread(platform: InMemoryPlatform) -> None:
    def stage() -> None:
        log = open_log(platform)
        for _ in range(10):
            log.message("INFO", "a line")
        log.close()

    there = set(threading.enumerate())
    for _ in range(20):
        stage()
    assert set(threading.enumerate()) <= there


def test_a_quick_stage_uses_the_platform_from_its_own_thread_only(
    platform: InMemoryPlatform,
) -> None:
    threads = set()

    class Watched(InMemoryPlatform):
        def store_lines(self, lines: Sequence[LogLine]) -> None:
            threads.add(threading.current_thread())

    log = open_log(Watched(RELEASE, platform.root))
    log.message("INFO", "one")
    log.close()
    assert threads == {threading.current_thread()}
