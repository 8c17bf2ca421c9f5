"""What an operator may do to tasks: the pages that ask first, and the sentences that say what came of it."""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, replace
from typing import Any

from django.utils.html import format_html_join

from iacplatform.accounts.models import User
from iacplatform.common.admin import Confirmation
from iacplatform.common.presentation import object_link
from workspaces.admin.badges import status_badge
from workspaces.admin.interruption import render_interruption
from workspaces.models import WorkspaceTask
from workspaces.services.applied_states import has_applied, is_unresolved, is_unsaved
from workspaces.services.cancellation import cancel_task
from workspaces.services.interruptions import interruption_of, resolve_interruption
from workspaces.services.state_saving import BACKUP_CAN_GO, retry_state_save
from workspaces.services.tasks import confirm_apply
from workspaces.task_status import Stage, TaskStatus

Cells = Callable[[WorkspaceTask], list[Any]]
COLUMNS = ("Task", "Workspace", "Status", "Description", "Created by")
WHY = "Why (kept in the task's history)"


@dataclass(frozen=True)
class TaskAction:
    """A verb with the page that asks before it; ``more`` are the cells behind :data:`COLUMNS`."""

    ask: Confirmation
    verb: Callable[[WorkspaceTask, User, str], str]
    more: Cells = lambda _: []


def confirmation(action: TaskAction, tasks: Iterable[WorkspaceTask]) -> Confirmation:
    """The page that asks, with a line for each task."""
    return replace(
        action.ask, rows=[(task.pk, [*_cells(task), *action.more(task)]) for task in tasks]
    )


def resolution(tasks: Iterable[WorkspaceTask]) -> Confirmation:
    """The page that asks before interruptions are resolved, with how each state differs.

    Raises ``NotFound`` where an apply was not interrupted.
    """
    tasks = list(tasks)
    panels = ((render_interruption(interruption_of(task)),) for task in tasks)
    details = format_html_join("", "{}", panels)
    return replace(confirmation(RESOLVE, tasks), details=details)


def offered(task: WorkspaceTask) -> Collection[str]:
    """Names of the actions that make sense now."""
    if not task.is_final and has_applied(task):
        return set()
    if not task.is_final:
        waits = {"confirm_apply"} if task.status == TaskStatus.APPLY_PENDING else set()
        return waits | {_cancellation(task)}
    if is_unsaved(task):
        return {"retry_state_save"}
    return {"resolve_interruption"} if is_unresolved(task) else set()


def _cancellation(task: WorkspaceTask) -> str:
    """An apply is interrupted only by force, and so is what does not end when asked to."""
    forced = task.stage == Stage.APPLYING or task.cancel_requested_at is not None
    return "cancel_with_force" if forced else "cancel"


def _cells(task: WorkspaceTask) -> list[Any]:
    status = status_badge(task.status, task.get_status_display())
    creator = task.created_by or ""
    return [object_link(task), object_link(task.workspace), status, task.description, creator]


def _confirm(task: WorkspaceTask, user: User, note: str) -> str:
    confirm_apply(task, user=user, description=note)
    return f"Task #{task.pk} of {task.workspace} was confirmed: it applies its plan now"


def _cancel(task: WorkspaceTask, user: User, note: str, *, force: bool = False) -> str:
    cancel_task(task, user=user, reason=note, force=force)
    task.refresh_from_db(fields=["status"])
    if task.is_final:
        return f"Task #{task.pk} of {task.workspace} is cancelled"
    return f"Task #{task.pk} of {task.workspace} ends as soon as its worker has stopped"


def _cancel_with_force(task: WorkspaceTask, user: User, note: str) -> str:
    return _cancel(task, user, note, force=True)


def _save_again(task: WorkspaceTask, user: User, _note: str) -> str:
    version = retry_state_save(task, user=user)
    return (
        f"The state of task #{task.pk} is version {version.version} of {task.workspace} now. "
        f"{BACKUP_CAN_GO}"
    )


def _resolve(task: WorkspaceTask, user: User, note: str) -> str:
    resolve_interruption(task, user=user, comment=note)
    return f"The interruption of task #{task.pk} is resolved; {task.workspace} goes on"


def _plan_cells(task: WorkspaceTask) -> list[Any]:
    return [task.changes_add, task.changes_change, task.changes_destroy]


def _stage_cells(task: WorkspaceTask) -> list[Any]:
    return [task.get_stage_display()]


def _error_cells(task: WorkspaceTask) -> list[Any]:
    newest = task.workspace.state_versions.without_content().first()
    state = object_link(newest, f"version {newest.version}") if newest else "none yet"
    return [task.error_message, state]


CONFIRM_APPLY = TaskAction(
    Confirmation(
        action="confirm_apply",
        title="Confirm apply",
        explanation="The engine will make these changes at once, from the plan that was made.",
        columns=(*COLUMNS, "To add", "To change", "To destroy"),
        submit_label="Apply the changes",
        note_label=WHY,
    ),
    _confirm,
    _plan_cells,
)
CANCEL = TaskAction(
    Confirmation(
        action="cancel",
        title="Cancel",
        explanation=(
            "A task that runs is asked to stop: its engine ends gracefully, which may take a while. "
            "One that is applying is not cancelled this way, only with force."
        ),
        columns=(*COLUMNS, "Stage"),
        submit_label="Cancel the task",
        note_label=WHY,
    ),
    _cancel,
    _stage_cells,
)
CANCEL_WITH_FORCE = TaskAction(
    Confirmation(
        action="cancel_with_force",
        title="Cancel with force",
        explanation=(
            "The engine is interrupted even while it applies, and killed if it does not end within "
            "seconds. What it was making may exist without being in the state, or half made. "
            "Its state is saved even so. Wait for it instead, if you can."
        ),
        columns=(*COLUMNS, "Stage"),
        submit_label="Interrupt the engine",
        note_label=WHY,
    ),
    _cancel_with_force,
    _stage_cells,
)
RETRY_STATE_SAVE = TaskAction(
    Confirmation(
        action="retry_state_save",
        title="Retry saving the state",
        explanation=(
            "The apply has changed things, but its state could not be saved. The platform holds it: "
            "it becomes the next state version, and the workspace is unlocked. Refused if the "
            "workspace has got another state since. A task whose apply had gone through is applied then."
        ),
        columns=(*COLUMNS, "Error", "Newest state"),
        submit_label="Save the state",
    ),
    _save_again,
    _error_cells,
)
RESOLVE = TaskAction(
    Confirmation(
        action="resolve_interruption",
        title="Resolve the interruption",
        explanation=(
            "The apply was interrupted, or its state could not be read. Read below what is known, "
            "compare it with what is really there, and then say here that you have: the workspace "
            "is unlocked and its queue goes on. Nothing is applied again, and no state changes."
        ),
        columns=COLUMNS,
        submit_label="I have looked: unlock the workspace",
        note_label="What you found (kept in the task's history)",
        note_required=True,
    ),
    _resolve,
)
