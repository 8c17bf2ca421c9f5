"""Work directories that tasks left on this host when they ended, here or somewhere else."""

import shutil
from contextlib import closing
from pathlib import Path

import structlog
from django.conf import settings

from executor.core.cancellation import CancelToken
from executor.core.exceptions import WorkDirectoryBusyError
from executor.core.workdir import WorkDirectory
from executor.late_rescue import settle_late
from executor.lost_lines import store_left
from workspaces.models import WorkspaceTask

logger = structlog.get_logger(__name__)


def remove_leftovers() -> list[Path]:
    """Removes the directories of tasks that have ended or are gone; returns their paths.

    A directory is kept as long as its task may go on here: while it waits for approval, too.
    """
    root = Path(settings.WORK_ROOT)
    found = {int(path.name): path for path in root.glob("*/*") if path.name.isdecimal()}
    live = set(WorkspaceTask.objects.live().filter(pk__in=found).values_list("pk", flat=True))
    left = [path for task_id, path in found.items() if task_id not in live]
    removed = [path for path in left if try_to_remove(path.parent.name, int(path.name))]
    _remove_empty(root)
    return removed


def try_to_remove(workspace_id: str, task_id: int) -> bool:
    """:func:`remove_directory`, to be tried again later where anything goes wrong."""
    try:
        return remove_directory(workspace_id, task_id)
    except Exception as error:  # noqa: BLE001  whatever it is, the other directories do not wait for it
        # Not the error's text, which may quote a row.
        logger.warning("directory_not_removed", task_id=task_id, error=type(error).__name__)
        return False


def remove_directory(workspace_id: str, task_id: int) -> bool:
    """Removes the directory of a task that has ended, and says whether it did.

    First the platform gets what is only there: the state of an interrupted apply, lines of the log. A
    directory that an engine still works in is left alone, as is one that a person may have to look at.
    """
    workdir = WorkDirectory(Path(settings.WORK_ROOT), workspace_id, task_id)
    if not workdir.exists():
        return True
    try:
        with closing(CancelToken()) as never, workdir.lock(never, 0):
            task = WorkspaceTask.objects.filter(pk=task_id).first()
            if task is not None and not _has_given_all(task, workdir):
                return False
            workdir.remove()
    except WorkDirectoryBusyError:
        return False
    except FileNotFoundError:
        pass  # another process of this host was faster
    return not workdir.exists()


def _has_given_all(task: WorkspaceTask, workdir: WorkDirectory) -> bool:
    if not task.is_final:
        return False
    store_left(task, workdir)
    shutil.rmtree(workdir.attempts, ignore_errors=True)
    return settle_late(task, workdir)


def _remove_empty(root: Path) -> None:
    for folder in root.glob("*/"):
        try:
            folder.rmdir()
        except OSError:
            continue  # a task of the workspace is still there, or has just come
