"""Applies that were interrupted: what is known of one, and the one call that resolves it (design §3)."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any

from django.db import transaction
from django.db.models import Case, Min, Q, When
from django.db.models.functions import Now

from iacplatform.accounts.models import User
from iacplatform.common.errors import Conflict, InvalidInput, NotFound
from iacplatform.terraform.sensitivity import SENSITIVE
from iacplatform.terraform.state import state_outputs
from iacplatform.terraform.state_difference import (
    MAX_LISTED,
    ChangedResource,
    StateDifference,
    ValueChange,
    compare_states,
    shown_value,
)
from workspaces.models import (
    AppliedState,
    ApplyStatus,
    ChangeAction,
    CommentAction,
    ResourceChange,
    StateSource,
    StateVersion,
    TaskStage,
    WorkspaceTask,
)
from workspaces.services.applied_states import FOUND, interrupted_by, is_unsaved
from workspaces.services.comments import write_comment
from workspaces.services.locks import release_task_lock
from workspaces.services.queue import start_next
from workspaces.services.secrets import holds_secret, sensitive_values
from workspaces.task_status import Stage, StageStatus

NOT_SHOWN = "(not shown)"
"""Instead of a value that the plan has not shown: nobody knows whether it is a secret."""

WAIT = "The platform is looking for the state of the apply. Wait until the task has ended."
SAVE_FIRST = "Save the state again first: the platform holds it, but it is in no state version yet."
RESOLVED = "Nothing: it is resolved."
RESCUED = frozenset(StateSource) - {StateSource.ENGINE}
WHAT_TO_DO = {
    StateSource.WORK_DIRECTORY: (
        "Nothing: the state is whole and the workspace is open. A new task shows what is left of the "
        "change."
    ),
    StateSource.CHECKPOINT: (
        "What the engine made in its last second may exist without being in the state. Look whether "
        "the changes that are not finished exist, and compare them with the difference. Then resolve "
        "the interruption, which unlocks the workspace, and import or remove what was missing."
    ),
    StateSource.NOTHING: (
        "The state is still the one from before the apply. Read in the log what the engine has made, "
        "and look whether the changes that are not finished exist. Then resolve the interruption, "
        "which unlocks the workspace, and import or remove what was made."
    ),
}


@dataclass(frozen=True)
class Interruption:
    """An apply whose worker died, or (not ``lost_worker``) whose state file could not be read.

    ``source`` is where its state was found, empty while the platform looks for it. Without a
    ``state_after`` the state is as it was before, or it could not be saved. ``difference`` is
    ``None`` where no state was found. ``unfinished`` are the changes of the plan that the log does not
    say were completed, at most :data:`MAX_LISTED` of them, those that had begun first.
    """

    task_id: int
    source: str
    interrupted_at: datetime | None
    host: str
    lost_worker: bool
    state_before: StateVersion | None
    state_after: StateVersion | None
    difference: StateDifference | None
    unfinished: list[ResourceChange]
    keeps_locked: bool
    is_unsaved: bool
    resolved_at: datetime | None
    resolved_by: str

    @property
    def what_happened(self) -> str:
        """What happened, in a few sentences."""
        lost = interrupted_by(self.host, lost_worker=self.lost_worker)
        return f"{lost} {FOUND[StateSource(self.source)]}" if self.source else lost

    @property
    def what_to_do(self) -> str:
        """What a person has to do about it, in a few sentences."""
        if not self.source:
            return WAIT
        if self.is_unsaved:
            return SAVE_FIRST
        return RESOLVED if self.resolved_at else WHAT_TO_DO[StateSource(self.source)]


def interruption_of(task: WorkspaceTask) -> Interruption:
    """What is known of the interruption of a task's apply.

    Raises :class:`NotFound` where it was not interrupted.
    """
    lost = _lost_stage(task)
    applied = AppliedState.objects.filter(task=task).first()
    after = task.state_versions.newest()
    before = _state_before(task, applied, after)
    return Interruption(
        task_id=task.pk,
        source=applied.source if applied else "",
        interrupted_at=lost.finished_at or lost.lease_until,
        host=lost.owner or task.apply_owner,
        lost_worker=lost.status == StageStatus.LOST,
        state_before=before,
        state_after=after,
        difference=_difference(task, before, _found(applied, before, after)),
        unfinished=_unfinished(task),
        keeps_locked=task.workspace.lock_kept and task.workspace.lock_task_id == task.pk,
        is_unsaved=is_unsaved(task),
        resolved_at=applied.resolved_at if applied else None,
        resolved_by=applied.resolved_by if applied else "",
    )


def resolve_interruption(task: WorkspaceTask, *, user: User, comment: str) -> Interruption:
    """Says that a person has looked at an interrupted apply; unlocks the workspace and asks the queue.

    Of two who do so at once, one succeeds.

    Raises:
        InvalidInput: the comment is empty.
        NotFound: the apply was not interrupted.
        Conflict: it is resolved already, its state is still looked for, or is in no version.
    """
    if not comment.strip():
        raise InvalidInput("comment", "must not be empty")
    _lost_stage(task)
    with transaction.atomic():
        task = WorkspaceTask.objects.select_for_update(of=("self",), no_key=True).get(pk=task.pk)
        _check_can_be_resolved(task)
        AppliedState.objects.filter(task=task).update(
            resolved_at=Now(), resolved_by=user.get_username()
        )
        write_comment(task, user, comment.strip(), CommentAction.RESOLVE_INTERRUPTION)
        release_task_lock(task)
        transaction.on_commit(partial(start_next, task.workspace_id))
    return interruption_of(task)


def _lost_stage(task: WorkspaceTask) -> TaskStage:
    interrupted = Q(status=StageStatus.LOST) | Q(task__applied_state__source__in=RESCUED)
    lost = task.stages.filter(interrupted, name=Stage.APPLYING).first()
    if lost is None:
        raise NotFound(f"The apply of task #{task.pk} was not interrupted")
    return lost


def _check_can_be_resolved(task: WorkspaceTask) -> None:
    applied = AppliedState.objects.filter(task=task).defer("content").first()
    if applied is None or not task.is_final:
        raise Conflict(f"The state of task #{task.pk} is still being rescued")
    if applied.resolved_at is not None:
        raise Conflict(
            f"The interruption of task #{task.pk} was resolved by {applied.resolved_by} "
            f"at {applied.resolved_at.isoformat(timespec='seconds')}"
        )
    if is_unsaved(task):
        raise Conflict(f"The state of task #{task.pk} is in no version yet: save it again first")


def _state_before(
    task: WorkspaceTask, applied: AppliedState | None, after: StateVersion | None
) -> StateVersion | None:
    versions = task.workspace.state_versions.all()
    if after is not None:
        # The host that applied may have come back with a second, newer one.
        first = task.state_versions.aggregate(number=Min("version"))["number"]
        versions = versions.filter(version__lt=first)
    elif applied is not None:
        versions = versions.filter(created_at__lte=applied.created_at)
    return versions.newest()


def _unfinished(task: WorkspaceTask) -> list[ResourceChange]:
    rows = task.resource_changes.exclude(apply_status=ApplyStatus.COMPLETED)
    begun = Case(When(apply_status=ApplyStatus.PENDING, then=1), default=0)
    changes = rows.exclude(action=ChangeAction.READ).defer("changes_before", "changes_after")
    return list(changes.order_by(begun, "pk")[:MAX_LISTED])


def _found(
    applied: AppliedState | None, before: StateVersion | None, after: StateVersion | None
) -> bytes | None:
    """The state that the apply has left, if one was found; one that has not changed is no new version."""
    content: bytes | None = None
    if after is not None:
        content = after.content
    elif applied is not None and applied.source != StateSource.NOTHING:
        content = applied.content or (before.content if before else None)
    return content


def _difference(
    task: WorkspaceTask, before: StateVersion | None, after: bytes | None
) -> StateDifference | None:
    if after is None:
        return None
    old = before.content if before else None
    difference = compare_states(old, after)
    planned = _planned_values(task, difference)
    return replace(
        difference,
        changed=tuple(_as_planned(each, planned) for each in difference.changed),
        outputs=_without_secrets(task, difference.outputs, [each for each in (old, after) if each]),
    )


Planned = Mapping[str, tuple[dict[str, Any], dict[str, Any]]]


def _planned_values(task: WorkspaceTask, difference: StateDifference) -> Planned:
    """The attributes of the changed resources as the plan has shown them, secrets masked."""
    addresses = [each.address for each in difference.changed]
    rows = task.resource_changes.filter(resource_address__in=addresses)
    values = rows.values_list("resource_address", "changes_before", "changes_after")
    return {address: (before or {}, after or {}) for address, before, after in values}


def _as_planned(changed: ChangedResource, planned: Planned) -> ChangedResource:
    """Shows only what the plan has shown: not every engine marks secrets in its states."""
    before, after = planned.get(changed.address, ({}, {}))
    attributes = (
        replace(
            each,
            before=_if_shown(each.before, before.get(each.name)),
            after=_if_shown(each.after, after.get(each.name)),
        )
        for each in changed.attributes
    )
    return replace(changed, attributes=tuple(attributes))


def _if_shown(value: Any, planned: Any) -> Any:
    return value if value in (None, SENSITIVE, shown_value(planned)) else NOT_SHOWN


def _without_secrets(
    task: WorkspaceTask, changes: tuple[ValueChange, ...], contents: list[bytes]
) -> tuple[ValueChange, ...]:
    """Masks outputs in which the value of a sensitive variable occurs, whatever their mark."""
    secrets = sensitive_values(task.workspace)
    hidden = {
        name
        for content in contents
        for name, output in state_outputs(content, mask=True).items()
        if holds_secret(output["value"], secrets)
    }
    return tuple(
        ValueChange(each.name, SENSITIVE, SENSITIVE, sensitive=True)
        if each.name in hidden
        else each
        for each in changes
    )
