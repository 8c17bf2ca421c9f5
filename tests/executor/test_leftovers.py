"""Work directories whose tasks have ended elsewhere."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from django.db import connection
from pytest_django import Settings

from executor.core.cancellation import CancelToken
from executor.core.workdir import WorkDirectory
from executor.leftovers import remove_leftovers
from tests.domain import a_running_task, a_task, a_workspace, claimed
from tests.interruptions import lose_worker
from workspaces.models import WorkspaceTask
from workspaces.services.logs import read_lines
from workspaces.task_status import TaskStatus

pytestmark = pytest.mark.django_db
# A worker that is killed at the first thing it wants to remove from its disk.
KILLED = """
import os, shutil, signal, sys
from pathlib import Path

import django

django.setup()
from django.conf import settings

settings.DATABASES["default"]["NAME"], settings.WORK_ROOT = sys.argv[1], Path(sys.argv[2])
from executor.leftovers import remove_leftovers

shutil.rmtree = lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL)
remove_leftovers()
"""


@pytest.fixture(autouse=True)
def root(tmp_path: Path, settings: Settings) -> Path:
    settings.WORK_ROOT = tmp_path
    return tmp_path


def a_directory(root: Path, workspace_id: str, task_id: int) -> Path:
    path = root / workspace_id / str(task_id)
    path.mkdir(parents=True)
    (path / "terraform.tfstate").write_text("{}")
    return path


def directory_of(task: WorkspaceTask, root: Path) -> WorkDirectory:
    directory = WorkDirectory(root, task.workspace.workspace_id, task.pk)
    directory.create()
    return directory


def an_ended_task() -> WorkspaceTask:
    task = a_running_task(max_retries=0)
    claimed(task)
    lose_worker(task)
    return task


def test_only_directories_of_live_tasks_are_kept(root: Path) -> None:
    workspace = a_workspace()
    live, ended = a_task(workspace), a_task(workspace)
    WorkspaceTask.objects.filter(pk=ended.pk).update(status=TaskStatus.APPLIED)
    WorkspaceTask.objects.filter(pk=live.pk).update(status=TaskStatus.APPLY_PENDING)
    kept = a_directory(root, workspace.workspace_id, live.pk)
    left = a_directory(root, workspace.workspace_id, ended.pk)
    gone = a_directory(root, "ws-gone", 10**9)

    assert sorted(remove_leftovers()) == sorted([left, gone])

    assert kept.is_dir()
    assert not left.exists()
    assert not gone.parent.exists()


def test_a_directory_in_which_an_engine_still_works_is_left_until_it_has_ended(root: Path) -> None:
    """The task was given up, but the engine of the worker that was lost lives on."""
    directory = directory_of(an_ended_task(), root)

    with directory.lock(CancelToken(), 0):
        assert remove_leftovers() == []
        assert directory.exists()

    assert remove_leftovers() == [directory.path]


def test_what_an_engine_said_without_its_worker_is_in_the_log_before_its_directory_goes(
    root: Path,
) -> None:
    task = an_ended_task()
    directory = directory_of(task, root)
    (directory.attempts / "0001-fetching").mkdir()
    (directory.attempts / "0001-fetching" / "1.stderr").write_text("Interrupt received.\n")

    remove_leftovers()

    assert not directory.exists()
    lines = {line.text: line.kind for line in read_lines(task.pk)}
    assert lines["Interrupt received."] == "error"


@pytest.mark.django_db(transaction=True)
def test_a_worker_that_is_killed_before_it_removes_what_it_has_stored_stores_it_once(
    root: Path,
) -> None:
    task = an_ended_task()
    directory = directory_of(task, root)
    (directory.attempts / "0001-fetching").mkdir()
    (directory.attempts / "0001-fetching" / "1.stderr").write_text("Interrupt received.\n")

    command = [sys.executable, "-c", KILLED, connection.settings_dict["NAME"], str(root)]
    killed = subprocess.run(command, check=False)
    log = read_lines(task.pk)

    assert killed.returncode == -signal.SIGKILL
    assert [line.text for line in log if "[" not in line.text] == ["Interrupt received."]
    assert directory.attempts.exists()
    assert remove_leftovers() == [directory.path]
    assert read_lines(task.pk) == log


def test_a_directory_that_cannot_be_removed_costs_the_others_nothing(root: Path) -> None:
    unnameable = a_directory(root, "lost+found", 1)
    left = a_directory(root, "ws-gone", 10**9)

    assert remove_leftovers() == [left]

    assert unnameable.is_dir()


def test_looking_at_a_directory_keeps_no_descriptor_open(root: Path) -> None:
    """A worker looks again and again at one that it must leave."""
    directory = directory_of(an_ended_task(), root)
    with directory.lock(CancelToken(), 0):
        remove_leftovers()
        before = open_files()

        for _ in range(50):
            remove_leftovers()

        assert open_files() == before


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))
