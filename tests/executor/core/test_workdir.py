"""The work directory: who may read it, what is complete in it, and that it goes away."""

import fcntl
import os
import resource
import stat
import subprocess
import sys
import textwrap
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from pathlib import Path

import pytest

from executor.core.cancellation import CancelToken
from executor.core.exceptions import StageError, TaskCancelled, WorkDirectoryBusyError
from executor.core.workdir import ENGINE_LOCK, MARKER_FILE, WorkDirectory

HOLDER = """
    import fcntl, sys, time
    lock = open(sys.argv[1], "w")
    fcntl.flock(lock, fcntl.LOCK_EX)
    print("locked", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def workdir(tmp_path: Path) -> WorkDirectory:
    directory = WorkDirectory(tmp_path / "work", "ws-a", 1)
    directory.create()
    return directory


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("umask", [0o000, 0o777])
def test_nobody_else_may_enter_or_read_whatever_the_umask(tmp_path: Path, umask: int) -> None:
    (tmp_path / "work" / "ws-a").mkdir(parents=True)
    before = os.umask(umask)
    try:
        workdir = WorkDirectory(tmp_path / "work", "ws-a", 1)
        workdir.create()
        workdir.write("secret.tf.json", "{}")
    finally:
        os.umask(before)
    assert mode(workdir.path) == 0o700
    assert mode(workdir.path / "secret.tf.json") == 0o600


@pytest.mark.parametrize("workspace_id", ["../x", "a/b", "", ".", "a\n", "x" * 200])
def test_a_workspace_id_that_could_lead_elsewhere_is_refused(
    tmp_path: Path, workspace_id: str
) -> None:
    with pytest.raises(ValueError, match="cannot be"):
        WorkDirectory(tmp_path, workspace_id, 1)


def test_a_link_in_the_place_of_the_directory_is_not_entered(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "ws-a").mkdir()
    (tmp_path / "ws-a" / "1").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StageError, match="is not a directory of this user"):
        WorkDirectory(tmp_path, "ws-a", 1).create()


def test_a_link_in_the_place_of_a_file_is_neither_read_nor_written_through(
    workdir: WorkDirectory, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    outside.write_text("untouched")
    (workdir.path / "plan.out").symlink_to(outside)
    assert workdir.read("plan.out") is None
    workdir.write("plan.out", b"plan")
    assert outside.read_text() == "untouched"
    assert workdir.read("plan.out") == b"plan"


def test_a_file_that_cannot_be_opened_just_now_is_not_taken_for_missing(
    workdir: WorkDirectory,
) -> None:
    workdir.write("terraform.tfstate", b"state")
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, limits[1]))
    try:
        with pytest.raises(OSError, match="Too many open files"):
            workdir.read("terraform.tfstate")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    assert workdir.read("terraform.tfstate") == b"state"
    assert workdir.read("missing") is None


def test_a_step_is_complete_on_its_host_and_for_its_snapshot_only(workdir: WorkDirectory) -> None:
    workdir.complete("files", "host-a", "snapshot-1")
    workdir.complete("init", "host-a", "snapshot-1")
    assert workdir.completed("files", "host-a", "snapshot-1")
    assert workdir.completed("init", "host-a", "snapshot-1")
    assert not workdir.completed("init", "host-b", "snapshot-1")
    assert not workdir.completed("init", "host-a", "snapshot-2")
    workdir.complete("files", "host-a", "snapshot-2")
    assert not workdir.completed("init", "host-a", "snapshot-2")


@pytest.mark.parametrize("content", ["", "{", "[]", '{"steps": 1, "unknown": 2}'])
def test_a_broken_marker_means_that_nothing_is_complete(
    workdir: WorkDirectory, content: str
) -> None:
    (workdir.path / MARKER_FILE).write_text(content)
    assert not workdir.completed("files", "", "")


def test_the_lock_keeps_another_process_out_until_it_is_gone(workdir: WorkDirectory) -> None:
    script = textwrap.dedent(HOLDER)
    command = [sys.executable, "-c", script, str(workdir.path / ENGINE_LOCK)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as holder:
        assert holder.stdout
        holder.stdout.readline()
        with (
            pytest.raises(WorkDirectoryBusyError, match="still running in"),
            workdir.lock(CancelToken(), 0.3),
        ):
            pass
        holder.kill()
        with workdir.lock(CancelToken(), 10):
            assert workdir.inherited_fds
    assert workdir.inherited_fds == ()


def test_waiting_for_the_lock_ends_when_a_stop_is_requested(workdir: WorkDirectory) -> None:
    cancel = CancelToken()
    cancel.request("stop")
    with (workdir.path / ENGINE_LOCK).open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(TaskCancelled), workdir.lock(cancel, 30):
            pass


def test_clearing_keeps_the_lock_and_what_attempts_left(workdir: WorkDirectory) -> None:
    workdir.write("main.tf.json", "{}")
    (workdir.path / ".terraform" / "modules").mkdir(parents=True)
    workdir.complete("files", "host", "snapshot")
    (workdir.attempts / "0001-init").mkdir()
    (workdir.attempts / "0001-init" / "1.stdout").write_text("a line\n")
    with workdir.lock(CancelToken(), 1):
        workdir.clear()
    assert sorted(entry.name for entry in workdir.path.iterdir()) == [".iacplatform", ENGINE_LOCK]
    assert (workdir.attempts / "0001-init" / "1.stdout").read_text() == "a line\n"


def test_removing_does_not_follow_links(workdir: WorkDirectory, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "kept").write_text("kept")
    (workdir.path / "folder").symlink_to(outside, target_is_directory=True)
    (workdir.path / "file").symlink_to(outside / "kept")
    workdir.remove()
    assert not workdir.exists()
    assert (outside / "kept").read_text() == "kept"
    workdir.remove()


def test_of_many_who_remove_a_directory_one_is_in_it_and_none_fails(tmp_path: Path) -> None:
    """A lock on a file that is gone keeps nobody out, and one that is made anew keeps the folder."""
    inside: list[int] = []
    most: list[int] = []

    def enter_and_remove(number: int) -> None:
        workdir = WorkDirectory(tmp_path / "work", "ws-a", 1)
        gone_or_held = suppress(FileNotFoundError, WorkDirectoryBusyError)
        while workdir.exists():
            with closing(CancelToken()) as never, gone_or_held, workdir.lock(never, 0):
                inside.append(number)
                (workdir.path / f"{number}.tf.json").touch()
                most.append(len(inside))
                inside.remove(number)
                workdir.remove()

    with ThreadPoolExecutor(4) as pool:
        for _ in range(200):
            WorkDirectory(tmp_path / "work", "ws-a", 1).create()
            list(pool.map(enter_and_remove, range(4)))

    assert set(most) == {1}


def test_removing_takes_read_only_module_caches_along(workdir: WorkDirectory) -> None:
    folder = workdir.path / ".terraform" / "modules" / "x"
    folder.mkdir(parents=True)
    (folder / "main.tf").write_text("")
    for path in (folder / "main.tf", folder, folder.parent):
        path.chmod(path.stat().st_mode & 0o555)
    _as_ordinary_user(workdir)
    assert not workdir.exists()


def _as_ordinary_user(workdir: WorkDirectory) -> None:
    """Removes the directory in a process that permissions apply to, which root's they do not."""
    if os.geteuid() != 0:
        workdir.remove()
        return
    for path in (workdir.path.parent, *workdir.path.parent.rglob("*")):
        os.lchown(path, 65534, 65534)
    for parent in workdir.path.parents:
        if parent.stat().st_uid == 0 and not parent.stat().st_mode & 0o001:
            parent.chmod(0o711)
    pid = os.fork()
    if pid == 0:
        os.setgroups([])
        os.setgid(65534)
        os.setuid(65534)
        workdir.remove()
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
