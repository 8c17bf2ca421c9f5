"""The folder that each attempt has in its work directory."""

import threading
from datetime import UTC, datetime
from pathlib import Path

from executor.core.accessor import LogLine
from executor.core.spool import Spool, attempt_folders


def test_attempts_are_numbered_in_their_order_whatever_else_is_there(tmp_path: Path) -> None:
    (tmp_path / "notes").mkdir()
    (tmp_path / "0007-init").touch()
    for stage in ("init", "planning", "saving_plan"):
        Spool(tmp_path, stage)
    (tmp_path / "10000-applying").mkdir()
    Spool(tmp_path, "rescue")
    names = [folder.name for folder in attempt_folders(tmp_path)]
    expected = ["0001-init", "0002-planning", "0003-saving_plan", "10000-applying", "10001-rescue"]
    assert names == expected


def test_attempts_that_begin_at_the_same_time_have_a_folder_each(tmp_path: Path) -> None:
    spools: list[Spool] = []
    threads = [
        threading.Thread(target=lambda: spools.append(Spool(tmp_path, "init"))) for _ in range(20)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({spool.folder for spool in spools}) == 20


def test_nothing_is_recorded_where_there_is_no_work_directory(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "missing", "saving_state")
    spool.add([LogLine(1, "a line", "output", "saving_state", datetime.now(UTC))], None)
    spool.note_stored(1)
    spool.remove()
    assert list(tmp_path.iterdir()) == []
