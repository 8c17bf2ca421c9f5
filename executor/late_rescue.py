"""The host of an apply whose state was given up may know the whole of it after all (design §3)."""

from functools import partial

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Now

from executor.core.workdir import STATE_FILE, WorkDirectory, write_private
from executor.interruption import what_happened
from executor.lost_lines import append_line
from iacplatform.terraform.exceptions import StateError
from iacplatform.terraform.state import is_newer, read_state
from workspaces.models import AppliedState, StateSource, StateVersion, Workspace, WorkspaceTask
from workspaces.services.applied_states import DOUBTFUL, FOUND
from workspaces.services.locks import release_task_lock
from workspaces.services.queue import start_next
from workspaces.services.state import save_state_version
from workspaces.task_status import Stage, StageStatus

logger = structlog.get_logger(__name__)


def settle_late(task: WorkspaceTask, workdir: WorkDirectory) -> bool:
    """Says whether nothing is lost with the directory of a task that has ended.

    Where the task's apply was interrupted on this host, and its state was taken from a checkpoint or from
    nowhere, the state file here is the better one: it is saved and the workspace unlocked. A file that
    does not help is kept until a person has resolved the interruption. To be called under the lock of
    the directory.
    """
    doubtful = AppliedState.objects.filter(task=task, source__in=DOUBTFUL).defer("content")
    if task.apply_owner != settings.WORKER_HOST or not doubtful.exists():
        return True
    content = workdir.read(STATE_FILE)
    with transaction.atomic():
        WorkspaceTask.objects.select_for_update(of=("self",), no_key=True).get(pk=task.pk)
        workspace = Workspace.objects.select_for_update(of=("self",), no_key=True).get(
            pk=task.workspace_id
        )
        if workspace.lock_task_id == task.pk and workspace.lock_kept:
            return _settle(workspace, task, content)
        _keep_aside(workspace, doubtful.get(), content)
    return True


def _settle(workspace: Workspace, task: WorkspaceTask, content: bytes | None) -> bool:
    known = workspace.state_versions.newest()
    if content is not None and is_newer(content, known.content if known else None):
        save_state_version(
            workspace.pk,
            content,
            task=task,
            description=f"Found later on {settings.WORKER_HOST}, which applied task #{task.pk}",
            recovered_from=StateSource.WORK_DIRECTORY,
        )
    elif not _says_the_same(content, known):
        return False
    _resolve(task)
    append_line(
        task, f"{settings.WORKER_HOST} has the whole state after all: the workspace is unlocked."
    )
    logger.info("late_state_found", task_id=task.pk)
    return True


def _says_the_same(content: bytes | None, known: StateVersion | None) -> bool:
    """Whether an engine that has left this file has made nothing of which ``known`` does not tell."""
    if content is None or known is None:
        return content is None and known is None
    try:
        found = read_state(content)
    except StateError:
        return False
    return (found.lineage, found.serial) == (known.lineage, known.serial)


def _resolve(task: WorkspaceTask) -> None:
    error = _error(task)
    AppliedState.objects.filter(task=task).update(
        source=StateSource.WORK_DIRECTORY,
        content=None,
        error=error,
        resolved_at=Now(),
        resolved_by=settings.WORKER_HOST,
    )
    WorkspaceTask.objects.filter(pk=task.pk).update(error_message=error)
    release_task_lock(task)
    transaction.on_commit(partial(start_next, task.workspace_id))


def _error(task: WorkspaceTask) -> str:
    """Why the task has failed; where its worker lived, what that said stays."""
    if task.stages.filter(name=Stage.APPLYING, status=StageStatus.LOST).exists():
        return what_happened(task, StateSource.WORK_DIRECTORY)
    said = AppliedState.objects.values_list("error", flat=True).get(task=task)
    return f"{said}\n{FOUND[StateSource.WORK_DIRECTORY]}"


def _keep_aside(workspace: Workspace, applied: AppliedState, content: bytes | None) -> None:
    """A person has gone on without this state: it is only put where it can be found."""
    task = applied.task
    of_the_apply = Q(task=task) | Q(created_at__lte=applied.created_at)
    known = workspace.state_versions.filter(of_the_apply).newest()
    if content is None or not is_newer(content, known.content if known else None):
        return
    name = f"ws_{workspace.workspace_id}_task_{task.pk}_late.tfstate"
    settings.STATE_BACKUP_DIR.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_private(settings.STATE_BACKUP_DIR / name, content)
    append_line(task, f"{settings.WORKER_HOST} has a newer state, which is kept there as {name}.")
    logger.error("late_state_kept_aside", task_id=task.pk, path=name)
