"""Checkpoints of a state file that somebody writes."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import pytest

from executor.core.accessor import AttemptLost
from executor.core.checkpoints import checkpoints
from executor.core.workdir import STATE_FILE, WorkDirectory
from tests.executor.core.in_memory import InMemoryPlatform


def state(serial: int, lineage: str = "a", size: int = 0) -> bytes:
    """A state with ``size`` resources."""
    resource = {"mode": "managed", "type": "t", "name": "x" * 100, "instances": [{}]}
    content = {"version": 4, "serial": serial, "lineage": lineage, "resources": [resource] * size}
    return json.dumps(content).encode()


class Writer:
    """An engine that writes its state where a platform's checkpoints are made of it."""

    def __init__(self, platform: InMemoryPlatform) -> None:
        self.platform = platform
        self.workdir = WorkDirectory(platform.root, "ws-test", 7)
        self.workdir.create()

    @property
    def file(self) -> Path:
        return self.workdir.path / STATE_FILE

    @contextmanager
    def running(self) -> Iterator[None]:
        with checkpoints(self.platform, self.workdir):
            yield

    def taken(self) -> list[bytes]:
        return [content for _, content in self.platform.checkpoints]

    def wait(self, count: int, seconds: float = 10) -> float:
        """Waits for so many checkpoints; returns how long that took."""
        return wait_for(lambda: len(self.platform.checkpoints) >= count, seconds)


def wait_for(reached: Callable[[], bool], seconds: float = 10) -> float:
    started = time.monotonic()
    while not reached():
        assert time.monotonic() - started < seconds
        time.sleep(0.02)
    return time.monotonic() - started


@pytest.fixture
def writer(platform: InMemoryPlatform) -> Writer:
    return Writer(platform)


def test_each_change_is_checkpointed_within_a_second(writer: Writer) -> None:
    with writer.running():
        for serial in (1, 2, 3):
            writer.file.write_bytes(state(serial))
            assert writer.wait(serial) < 2
    assert writer.taken() == [state(1), state(2), state(3)]


def test_of_many_changes_a_second_the_last_is_checkpointed(writer: Writer) -> None:
    with writer.running():
        for serial in range(1, 101):
            writer.file.write_bytes(state(serial))
            time.sleep(0.02)
        wait_for(lambda: state(100) in writer.taken())
    moments = [moment for moment, _ in writer.platform.checkpoints]
    assert len(moments) <= 5
    assert all((after - before).total_seconds() > 0.75 for before, after in pairwise(moments))


def test_the_state_that_the_apply_begins_with_is_no_checkpoint(writer: Writer) -> None:
    writer.file.write_bytes(state(5))
    with writer.running():
        writer.file.write_bytes(state(5))
        time.sleep(0.5)
        writer.file.write_bytes(state(6))
        writer.wait(1)
    assert writer.taken() == [state(6)]


@pytest.mark.parametrize(
    "bad", [b"", state(6)[:-9], state(6, lineage="b"), state(4), b"[]", b"\xff"], ids=repr
)
def test_what_is_torn_foreign_or_older_is_not_checkpointed(writer: Writer, bad: bytes) -> None:
    writer.file.write_bytes(state(5))
    with writer.running():
        writer.file.write_bytes(bad)
        time.sleep(0.6)
        assert writer.taken() == []
        writer.file.write_bytes(state(7))
        assert writer.wait(1) < 2
    assert writer.taken() == [state(7)]


def test_a_state_that_is_written_in_pieces_is_checkpointed_whole(writer: Writer) -> None:
    content = state(1, size=200)
    with writer.running():
        for _ in range(20):
            with writer.file.open("wb") as file:
                time.sleep(0.03)
                file.write(content[:9000])
                file.flush()
                time.sleep(0.03)
                file.write(content[9000:])
        writer.wait(1)
    assert set(writer.taken()) == {content}


def test_a_torn_file_that_stays_is_not_read_again_and_again(
    writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads: list[str] = []
    read = WorkDirectory.read

    def count(workdir: WorkDirectory, name: str) -> bytes | None:
        reads.append(name)
        return read(workdir, name)

    monkeypatch.setattr(WorkDirectory, "read", count)
    with writer.running():
        writer.file.write_bytes(state(1)[:-5])
        time.sleep(1)
    assert len(reads) == 3  # one to begin with, and the torn file twice


def test_a_file_that_is_a_link_or_is_removed_disturbs_nothing(
    writer: Writer, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_bytes(state(9))
    with writer.running():
        writer.file.symlink_to(elsewhere)
        time.sleep(0.4)
        writer.file.unlink()
        time.sleep(0.4)
        writer.file.write_bytes(state(1))
        writer.wait(1)
    assert writer.taken() == [state(1)]


def test_an_error_of_the_platform_is_told_once_and_tried_again(
    writer: Writer, caplog: pytest.LogCaptureFixture
) -> None:
    writer.platform.checkpoint_failures = 2
    with writer.running():
        writer.file.write_bytes(state(1))
        writer.wait(1)
    assert writer.taken() == [state(1)]
    (message,) = caplog.messages
    assert message.endswith("could not be checkpointed: ConnectionResetError; trying again")


def test_a_lost_attempt_ends_the_checkpoints_but_not_the_apply(
    writer: Writer, caplog: pytest.LogCaptureFixture
) -> None:
    given: list[bytes] = []

    def lose(content: bytes) -> None:
        given.append(content)
        raise AttemptLost

    writer.platform.checkpoint_state = lose  # type: ignore[method-assign]
    with writer.running():
        for serial in (1, 2):
            writer.file.write_bytes(state(serial))
            time.sleep(1.2)
    assert given == [state(1)]
    assert caplog.messages == []


def test_a_large_state_takes_no_more_than_a_share_of_the_time(writer: Writer) -> None:
    busy: list[tuple[float, float]] = []

    def store(content: bytes) -> None:
        started = time.monotonic()
        time.sleep(0.6)
        busy.append((started, time.monotonic()))

    writer.platform.checkpoint_state = store  # type: ignore[method-assign]
    with writer.running():
        for serial in range(1, 45):
            writer.file.write_bytes(state(serial))
            time.sleep(0.1)
    rests = [after[0] - before[1] for before, after in pairwise(busy)]
    assert len(rests) >= 1
    assert min(rests) >= 1.1


def test_the_end_does_not_wait_for_a_checkpoint(writer: Writer) -> None:
    started = time.monotonic()
    with writer.running():
        writer.file.write_bytes(state(1))
    assert time.monotonic() - started < 3
