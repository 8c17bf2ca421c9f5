"""What a work directory keeps of attempts that were cut off, and how it gets into the log."""

import os
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest

from executor.core.accessor import EngineRelease, LogLine
from executor.core.left_lines import left_log
from executor.core.log import TaskLog
from executor.core.log_shipping import LogShipper
from executor.core.redaction import Redactor
from executor.core.spool import Spool
from tests.executor.core.in_memory import InMemoryPlatform, full_disk

AT = datetime(2030, 1, 31, tzinfo=UTC)
RELEASE = EngineRelease("terraform", "1.15.5", "file:///x.zip", "0" * 64)
REDACTOR = Redactor(["hunter22", "two\nlined"])
NOT_STORED = "[WARN] Lines of an earlier attempt at planning that were not stored:"
WENT_ON = "[WARN] What the engine of an earlier attempt at planning went on to say:"


@pytest.fixture
def platform(tmp_path: Path) -> InMemoryPlatform:
    return InMemoryPlatform(RELEASE, tmp_path)


@pytest.fixture
def attempts(tmp_path: Path) -> Path:
    folder = tmp_path / "attempts"
    folder.mkdir()
    return folder


def open_log(platform: InMemoryPlatform, stage: str = "planning") -> TaskLog:
    """The log of the next attempt, numbered on from what the platform has."""
    spool = Spool(platform.root / "attempts", stage)
    shipper = LogShipper(platform, 0, spool)
    first_line = len(platform.lines) + 1
    return TaskLog(shipper, spool, REDACTOR, stage, first_line=first_line)


def cut_off(platform: InMemoryPlatform, log: TaskLog) -> None:
    """Ends an attempt whose lines the platform does not get."""
    platform.store_failures = 1000
    with pytest.raises(ConnectionError):
        log.close()
    platform.store_failures = 0


def next_attempt(platform: InMemoryPlatform) -> list[str]:
    """Runs an attempt that only takes over; returns what it logged, without the times."""
    before = len(platform.lines)
    log = open_log(platform)
    log.write_left_lines(platform.stored_lines)
    log.close()
    assert [line.number for line in platform.lines] == list(range(1, len(platform.lines) + 1))
    return texts(platform.lines[before:])


def texts(lines: Sequence[LogLine]) -> list[str]:
    return [re.sub(r"^\[[\d:.]+\] ", "", line.text) for line in lines]


def end(count: int) -> str:
    return f"[INFO] (end of {count} lines of an earlier attempt)"


def test_lines_that_were_not_stored_are_in_the_log_of_the_next_attempt(
    platform: InMemoryPlatform, attempts: Path
) -> None:
    log = open_log(platform)
    log.marker("BEGIN")
    with log.engine_outputs():
        log.output(["a: Creating..."], "stdout")
        log.output(["Error: no"], "stderr")
    cut_off(platform, log)
    heading, marker, *others = next_attempt(platform)
    assert heading == NOT_STORED
    assert marker.startswith("========== PLANNING BEGIN")
    assert others == ["a: Creating...", "Error: no", end(3)]
    assert [line.kind for line in platform.lines] == ["output"] * 3 + ["error", "output"]
    assert list(attempts.iterdir()) == []
    assert next_attempt(platform) == []


@pytest.mark.usefixtures("attempts")
def test_lines_that_were_stored_are_not_written_again(platform: InMemoryPlatform) -> None:
    class Full(InMemoryPlatform):
        def store_lines(self, lines: Sequence[LogLine]) -> None:
            if len(self.lines) >= 2000:
                raise ConnectionResetError
            super().store_lines(lines)

    full = Full(RELEASE, platform.root)
    log = open_log(full)
    with log.engine_outputs():
        log.output([f"line {number}" for number in range(1, 2011)], "stdout")
    with pytest.raises(ConnectionError):
        log.close()
    assert log.last_line == 2000
    platform.lines = full.lines
    expected = [f"line {number}" for number in range(2001, 2011)]
    assert next_attempt(platform) == [NOT_STORED, *expected, end(10)]


@pytest.mark.usefixtures("attempts")
def test_lines_that_the_platform_has_stored_by_itself_are_not_written_again(
    platform: InMemoryPlatform,
) -> None:
    """It stores what it has shown of a killed worker; another attempt has written since."""
    log = open_log(platform)
    with log.engine_outputs():
        log.output(["one", "two", "three"], "stdout")
    cut_off(platform, log)
    shown = [LogLine(n, text, "output", "planning", AT) for n, text in ((1, "one"), (2, "two"))]
    platform.lines = [*shown, LogLine(3, "of another attempt", "output", "rescue", AT)]
    assert next_attempt(platform) == [NOT_STORED, "three", end(1)]


@pytest.mark.usefixtures("attempts")
def test_lines_that_were_stored_without_an_answer_are_not_written_again(
    platform: InMemoryPlatform,
) -> None:
    class Mute(InMemoryPlatform):
        def store_lines(self, lines: Sequence[LogLine]) -> None:
            super().store_lines(lines)
            raise ConnectionResetError

    mute = Mute(RELEASE, platform.root)
    log = open_log(mute)
    log.message("INFO", "stored")
    with pytest.raises(ConnectionError):
        log.close()
    platform.lines = mute.lines[:1]
    assert next_attempt(platform) == []


def test_what_the_engine_said_after_its_worker_died_is_masked_and_in_the_log(
    platform: InMemoryPlatform, attempts: Path
) -> None:
    log = open_log(platform)
    with log.engine_outputs():
        log.output(["one", "the two"], "stdout")
        with (attempts / "0001-planning" / "1.stdout").open("w") as stdout:
            stdout.write("one\nthe two\nlined end\nthe password is hunter22\nno end")
        (attempts / "0001-planning" / "1.stderr").write_text("Error: hunter22\n")
        left = attempts / "0001-planning"
        kept = (left / "lines.jsonl").read_bytes()
    cut_off(platform, log)
    (left / "lines.jsonl").write_bytes(kept)  # killed before the engine had ended
    assert next_attempt(platform) == [
        NOT_STORED,
        "one",
        end(1),
        WENT_ON,
        "the ***SENSITIVE*** end",
        "the password is ***SENSITIVE***",
        "no end",
        "Error: ***SENSITIVE***",
        end(4),
    ]
    assert [line.kind for line in platform.lines[-2:]] == ["error", "output"]


def test_each_command_of_an_attempt_is_counted_by_itself(
    platform: InMemoryPlatform, attempts: Path
) -> None:
    """As when init is tried again after the network has failed."""
    log = open_log(platform)
    for number in (1, 2, 3):
        with log.engine_outputs():
            path = attempts / "0001-planning" / f"{number}.stdout"
            path.write_text(f"{number}: first\n{number}: second\n")
            log.output([f"{number}: first"], "stdout")
    cut_off(platform, log)
    read = ["1: first", "2: first", "3: first"]
    unread = ["1: second", "2: second", "3: second"]
    assert next_attempt(platform) == [NOT_STORED, *read, end(3), WENT_ON, *unread, end(3)]


def test_an_attempt_that_is_cut_off_while_it_takes_over_is_taken_over_itself(
    platform: InMemoryPlatform, attempts: Path
) -> None:
    first = open_log(platform)
    with first.engine_outputs():
        first.output(["one"], "stdout")
        (attempts / "0001-planning" / "1.stdout").write_text("one\ntwo\n")
    cut_off(platform, first)
    second = open_log(platform)
    second.message("INFO", "the second attempt")
    second.write_left_lines(platform.stored_lines)
    cut_off(platform, second)
    assert next_attempt(platform) == [
        NOT_STORED,
        *("[INFO] the second attempt", NOT_STORED, "one", end(1), WENT_ON, "two", end(1)),
        end(7),
    ]
    assert list(attempts.iterdir()) == []


def test_what_was_taken_over_and_stored_is_not_written_again_after_a_kill(
    platform: InMemoryPlatform, attempts: Path
) -> None:
    first = open_log(platform)
    first.message("INFO", "one")
    cut_off(platform, first)
    kept = (attempts / "0001-planning" / "lines.jsonl").read_bytes()
    second = open_log(platform)
    second.write_left_lines(platform.stored_lines)
    while len(platform.lines) < 3:
        pass
    cut_off_after_storing = (attempts / "0002-planning" / "lines.jsonl").read_bytes()
    second.close()
    for name, content in (("0001", kept), ("0002", cut_off_after_storing)):
        (attempts / f"{name}-planning").mkdir()
        (attempts / f"{name}-planning" / "lines.jsonl").write_bytes(content)
    assert next_attempt(platform) == []


def test_several_attempts_are_taken_over_in_their_order(
    platform: InMemoryPlatform, attempts: Path
) -> None:
    for number in range(1, 13):
        log = open_log(platform)
        log.message("INFO", f"attempt {number}")
        cut_off(platform, log)
    found = [text for text in next_attempt(platform) if "] attempt" in text]
    assert found == [f"[INFO] attempt {number}" for number in range(1, 13)]
    assert list(attempts.iterdir()) == []


def test_an_attempt_that_begins_later_is_left_alone(
    platform: InMemoryPlatform, attempts: Path
) -> None:
    log = open_log(platform)
    later = open_log(platform)
    later.message("INFO", "later")
    log.write_left_lines(platform.stored_lines)
    log.close()
    assert platform.lines == []
    later.close()
    assert texts(platform.lines) == ["[INFO] later"]
    assert list(attempts.iterdir()) == []


@pytest.mark.parametrize("cut", [1, 20, 60])
def test_a_record_that_a_kill_has_cut_short_is_left_out(
    platform: InMemoryPlatform, attempts: Path, cut: int
) -> None:
    log = open_log(platform)
    log.message("INFO", "whole")
    kept = (attempts / "0001-planning" / "lines.jsonl").read_bytes()
    log.message("INFO", "cut short")
    longer = (attempts / "0001-planning" / "lines.jsonl").read_bytes()
    cut_off(platform, log)
    spool = attempts / "0001-planning" / "lines.jsonl"
    spool.write_bytes(longer[: len(kept) + cut])
    assert next_attempt(platform) == [NOT_STORED, "[INFO] whole", end(1)]


def test_engine_lines_whose_record_was_cut_short_come_from_its_output(
    platform: InMemoryPlatform, attempts: Path
) -> None:
    log = open_log(platform)
    left = attempts / "0001-planning"
    with log.engine_outputs():
        log.output(["one"], "stdout")
        kept = (left / "lines.jsonl").read_bytes()
        log.output(["two"], "stdout")
        longer = (left / "lines.jsonl").read_bytes()
        (left / "1.stdout").write_text("one\ntwo\nthree\n")
    cut_off(platform, log)
    (left / "lines.jsonl").write_bytes(longer[: len(kept) + 30])
    assert next_attempt(platform) == [NOT_STORED, "one", end(1), WENT_ON, "two", "three", end(2)]


def test_lines_are_found_again_after_the_task_has_gone_on_elsewhere(
    platform: InMemoryPlatform,
) -> None:
    """Numbers that another host has used meanwhile do not make them stored."""
    (platform.root / "attempts").mkdir()
    log = open_log(platform)
    log.message("INFO", "here")
    cut_off(platform, log)
    elsewhere = InMemoryPlatform(RELEASE, platform.root / "elsewhere")
    other = open_log(elsewhere)
    for number in range(5):
        other.message("INFO", f"elsewhere {number}")
    other.close()
    platform.lines = elsewhere.lines
    assert next_attempt(platform) == [NOT_STORED, "[INFO] here", end(1)]


def test_a_task_that_has_ended_elsewhere_gets_its_lines_with_new_numbers(
    platform: InMemoryPlatform, attempts: Path
) -> None:
    log = open_log(platform, "applying")
    with log.engine_outputs():
        log.output(["one"], "stderr")
        (attempts / "0001-applying" / "1.stderr").write_text("one\ntwo hunter22\n")
    cut_off(platform, log)
    lines = list(left_log(attempts, REDACTOR, platform.stored_lines, last_line=70))
    assert [line.number for line in lines] == [71, 72, 73, 74, 75, 76]
    assert [line.text for line in lines if line.kind == "error"] == ["one", "two ***SENSITIVE***"]
    assert {line.stage for line in lines} == {"applying"}
    assert list(left_log(attempts / "missing", REDACTOR, platform.stored_lines, last_line=70)) == []


@pytest.mark.parametrize("trap", ["link", "pipe", "record", "folder"])
def test_what_an_engine_has_put_there_leads_nowhere_and_stops_no_stage(
    platform: InMemoryPlatform, attempts: Path, tmp_path: Path, trap: str
) -> None:
    log = open_log(platform)
    with log.engine_outputs():
        log.output(["one"], "stdout")
    cut_off(platform, log)
    (tmp_path / "secret").write_text("not to be read\n")
    output = attempts / "0001-planning" / "1.stdout"
    if trap == "link":
        output.unlink()
        output.symlink_to(tmp_path / "secret")
    elif trap == "pipe":
        output.unlink()
        os.mkfifo(output)
    elif trap == "record":
        (attempts / "0001-planning" / "lines.jsonl").write_text('\n{"lines": 7}')
    else:
        (attempts / "0000-planning").symlink_to(tmp_path)
        (tmp_path / "1.stdout").write_text("not to be read\n")
    found = next_attempt(platform)
    assert "not to be read" not in "".join(found)
    assert trap == "folder" or "cannot be read" in found[-1]


def test_a_full_disk_costs_no_line_that_was_left(
    platform: InMemoryPlatform, attempts: Path
) -> None:
    first = open_log(platform)
    first.message("INFO", "one")
    cut_off(platform, first)
    with full_disk():
        assert next_attempt(platform) == [NOT_STORED, "[INFO] one", end(1)]
    assert list(attempts.iterdir()) == []
