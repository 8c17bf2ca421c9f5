"""Work directories that tasks left on this host when they ended somewhere else."""

from pathlib import Path

from django.conf import settings

from executor.core.workdir import WorkDirectory
from workspaces.models import WorkspaceTask


def remove_leftovers() -> list[Path]:
    """Removes the directories of tasks that have ended or are gone; returns their paths.

    A directory is kept as long as its task may go on here: while it waits for approval, too.
    """
    root = Path(settings.WORK_ROOT)
    found = {int(path.name): path for path in root.glob("*/*") if path.name.isdecimal()}
    live = set(WorkspaceTask.objects.live().filter(pk__in=found).values_list("pk", flat=True))
    left = [path for task_id, path in found.items() if task_id not in live]
    for path in left:
        WorkDirectory(root, path.parent.name, int(path.name)).remove()
    _remove_empty(root)
    return left


def _remove_empty(root: Path) -> None:
    for folder in root.glob("*/"):
        try:
            folder.rmdir()
        except OSError:
            continue  # a task of the workspace is still there, or has just come
