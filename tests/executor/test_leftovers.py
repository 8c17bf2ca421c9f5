"""Work directories whose tasks have ended elsewhere."""

from pathlib import Path

import pytest
from pytest_django import Settings

from executor.leftovers import remove_leftovers
from tests.domain import a_task, a_workspace
from workspaces.models import WorkspaceTask
from workspaces.task_status import TaskStatus


def a_directory(root: Path, workspace_id: str, task_id: int) -> Path:
    path = root / workspace_id / str(task_id)
    path.mkdir(parents=True)
    (path / "terraform.tfstate").write_text("{}")
    return path


@pytest.mark.django_db
def test_only_directories_of_live_tasks_are_kept(tmp_path: Path, settings: Settings) -> None:
    settings.WORK_ROOT = tmp_path
    workspace = a_workspace()
    live, ended = a_task(workspace), a_task(workspace)
    WorkspaceTask.objects.filter(pk=ended.pk).update(status=TaskStatus.APPLIED)
    WorkspaceTask.objects.filter(pk=live.pk).update(status=TaskStatus.APPLY_PENDING)
    kept = a_directory(tmp_path, workspace.workspace_id, live.pk)
    left = a_directory(tmp_path, workspace.workspace_id, ended.pk)
    gone = a_directory(tmp_path, "ws-gone", 10**9)

    assert sorted(remove_leftovers()) == sorted([left, gone])

    assert kept.is_dir()
    assert not left.exists()
    assert not gone.parent.exists()
