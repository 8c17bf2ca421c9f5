"""The files of an engine's output: private, with room on the disk, and watched."""

import errno
import os
import select
import subprocess
import sys
from pathlib import Path

import pytest

from executor.core.output_files import (
    RESERVED_BYTES,
    forget_growth,
    named_outputs,
    watch_growth,
)


def test_the_files_are_private_stay_and_are_written_at_their_end(tmp_path: Path) -> None:
    stdout, stderr = tmp_path / "1.stdout", tmp_path / "1.stderr"
    before = os.umask(0)
    try:
        with named_outputs(stdout, stderr) as files:
            os.write(files[0], b"one\n")
            os.lseek(files[0], 0, os.SEEK_SET)
            os.write(files[0], b"two\n")
    finally:
        os.umask(before)
    assert stdout.read_text() == "one\ntwo\n"
    assert (stdout.stat().st_mode & 0o777, stderr.stat().st_mode & 0o777) == (0o600, 0o600)


def test_there_is_room_for_an_error_before_the_engine_starts(tmp_path: Path) -> None:
    with named_outputs(tmp_path / "1.stdout", tmp_path / "1.stderr") as files:
        for file in files:
            found = os.fstat(file)
            assert found.st_size == 0
            assert found.st_blocks * 512 >= RESERVED_BYTES


def test_a_file_or_a_link_in_the_way_is_not_written_through(tmp_path: Path) -> None:
    (tmp_path / "outside").write_text("untouched")
    (tmp_path / "1.stderr").symlink_to(tmp_path / "outside")
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - counted, not walked
    with (
        pytest.raises(FileExistsError),
        named_outputs(tmp_path / "1.stdout", tmp_path / "1.stderr"),
    ):
        pass
    assert (tmp_path / "outside").read_text() == "untouched"
    assert len(os.listdir("/proc/self/fd")) == before  # noqa: PTH208


def test_a_watch_wakes_its_reader_when_a_file_grows(tmp_path: Path) -> None:
    with named_outputs(tmp_path / "1.stdout", tmp_path / "1.stderr") as files:
        watch = watch_growth(files)
        assert watch is not None
        try:
            assert select.select([watch], [], [], 0)[0] == []
            os.write(files[1], b"x")
            assert select.select([watch], [], [], 5)[0] == [watch]
            forget_growth(watch)
            forget_growth(watch)
            assert select.select([watch], [], [], 0)[0] == []
        finally:
            os.close(watch)


RESERVING = """
import sys
from pathlib import Path
sys.path[:0] = {path!r}
from executor.core.exceptions import StageError
from executor.core.output_files import named_outputs
from tests.executor.core.refusing import refuse
refuse("fallocate", {number})
try:
    with named_outputs(Path({folder!r}) / "1.stdout", Path({folder!r}) / "1.stderr"):
        print("started")
except StageError as error:
    print(error)
"""


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (errno.ENOSPC, "The disk of the work directory is full: the engine cannot be started."),
        (errno.EDQUOT, "The disk of the work directory is full: the engine cannot be started."),
        (errno.EOPNOTSUPP, "started"),
    ],
)
def test_a_full_disk_is_told_before_the_engine_starts(
    tmp_path: Path, number: int, said: str
) -> None:
    """H1: on a disk that is full; a file system that cannot reserve room is used without."""
    script = RESERVING.format(path=sys.path, number=number, folder=str(tmp_path))
    command = [sys.executable, "-c", script]
    answer = subprocess.run(command, check=True, capture_output=True, text=True)
    assert answer.stdout.strip() == said
