"""Saving the state of an apply again, where the worker could not (reference F9, O5, S4-3)."""

import hashlib
from functools import partial

import structlog
from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Now

from iacplatform.accounts.models import User
from iacplatform.common.errors import Conflict
from iacplatform.terraform.exceptions import StateError
from iacplatform.terraform.state import read_state
from workspaces.models import (
    AppliedState,
    CommentAction,
    StateSource,
    StateVersion,
    Workspace,
    WorkspaceTask,
)
from workspaces.services.applied_states import is_unsaved, lock_reason, repair_apply
from workspaces.services.comments import write_comment
from workspaces.services.gates import enter_gate
from workspaces.services.locks import keep_locked, release_task_lock
from workspaces.services.queue import start_next
from workspaces.services.state import LIVE_CHANGE, save_state_version
from workspaces.task_status import Phase, Stage

BACKUP_CAN_GO = (
    "If the worker has written a backup to its own disk (the task's log names it), delete it: "
    "it holds secrets in clear text and is not needed any more."
)
logger = structlog.get_logger(__name__)


def retry_state_save(task: WorkspaceTask, *, user: User) -> StateVersion:
    """Saves what the platform holds of a task's state as the next version, and returns that.

    A task whose apply had gone through becomes ``applied``, any other stays failed with the apply's
    own error. The workspace is unlocked, unless a person has to look at an interruption first.

    Raises:
        Conflict: there is nothing to save; or the workspace has gone on meanwhile: a change of it is
            live, or it has another state that this one does not follow.
    """
    with transaction.atomic():
        task = WorkspaceTask.objects.select_for_update(of=("self",), no_key=True).get(pk=task.pk)
        applied = AppliedState.objects.filter(task=task).first()
        if applied is None or applied.content is None or not is_unsaved(task):
            raise Conflict(_why_nothing(task))
        version = _save(task, applied, applied.content, user)
        _finish(task, applied, version, user)
        transaction.on_commit(partial(start_next, task.workspace_id))
    logger.info("state_saved_again", task_id=task.pk, version=version.version, note=BACKUP_CAN_GO)
    return version


def _why_nothing(task: WorkspaceTask) -> str:
    if not task.is_final:
        return f"Task #{task.pk} has not ended"
    saved = task.state_versions.without_content().first()
    if saved is not None:
        return f"The state of task #{task.pk} is saved already, as version {saved.version}"
    return f"Task #{task.pk} has no state that waits to be saved"


def _save(task: WorkspaceTask, applied: AppliedState, content: bytes, user: User) -> StateVersion:
    """The version with this content; an earlier try may have stored it and lost only the answer."""
    workspace = Workspace.objects.select_for_update(of=("self",), no_key=True).get(
        pk=task.workspace_id
    )
    newest = workspace.state_versions.without_content().first()
    same = Q(task=task) | Q(pk=newest.pk if newest else None)
    digest = hashlib.sha256(content).hexdigest()
    saved = workspace.state_versions.without_content().filter(same, checksum=digest).first()
    if saved is not None:
        return saved
    _check_follows(task, content, newest)
    return save_state_version(
        workspace.pk,
        content,
        task=task,
        user=user,
        description=f"The state of task #{task.pk}, saved again by {user.get_username()}",
        recovered_from="" if applied.source == StateSource.ENGINE else applied.source,
    )


def _check_follows(task: WorkspaceTask, content: bytes, newest: StateVersion | None) -> None:
    try:
        info = read_state(content)
    except StateError as error:
        raise Conflict(f"What task #{task.pk} has left cannot be saved. {error}") from error
    if task.workspace.tasks.filter(LIVE_CHANGE).exists():
        raise Conflict("A plan-and-apply of the workspace is live; the state must not change")
    if newest is None or (newest.lineage == info.lineage and newest.serial < info.serial):
        return
    raise Conflict(
        f"The workspace has gone on: its state version {newest.version} has serial {newest.serial} "
        f"of lineage {newest.lineage}, that of task #{task.pk} has serial {info.serial} of lineage "
        f"{info.lineage}"
    )


def _finish(task: WorkspaceTask, applied: AppliedState, version: StateVersion, user: User) -> None:
    text = f"Saved the state as version {version.version}. {BACKUP_CAN_GO}"
    write_comment(task, user, text, CommentAction.RETRY_STATE_SAVE)
    AppliedState.objects.filter(pk=applied.pk).update(content=None)
    Workspace.objects.filter(pk=task.workspace_id).update(last_apply_at=Now())
    if applied.succeeded:
        reason = f"The state was saved as version {version.version}"
        repair_apply(task, actor=user.get_username(), reason=reason)
        # Whoever wants to know of what was applied is asked now, as after any apply.
        after = task.stages.count()
        enter_gate(task, Phase.APPLY, Stage.POST_APPLY_RUN_TASKS, position=after)
        return None
    WorkspaceTask.objects.filter(pk=task.pk).update(error_message=applied.error)
    reason = lock_reason(applied)
    if not reason:
        return release_task_lock(task)
    if Workspace.objects.filter(pk=task.workspace_id, lock_task=task).exists():
        keep_locked(task, reason=reason)
    return None
