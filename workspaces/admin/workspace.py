"""Workspaces: who holds the lock and why, what runs, and the lock itself."""

from collections.abc import Callable, Collection, Iterator
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any, cast

from django.conf import settings
from django.contrib import admin
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from iacplatform.accounts.models import User
from iacplatform.common.admin import Confirmation, ReadOnlyAdmin, is_confirmed, note
from iacplatform.common.presentation import (
    Tone,
    admin_link,
    age,
    badge,
    duration_text,
    list_link,
    moment,
    object_link,
)
from workspaces.admin.badges import status_badge
from workspaces.admin.workspace_filters import Failing, NeedsPerson
from workspaces.models import (
    ConfigurationVersion,
    StateVersion,
    Workspace,
    WorkspaceOutput,
    WorkspaceResource,
    WorkspaceTask,
    WorkspaceVariable,
)
from workspaces.services.locks import lock_workspace, unlock_workspace
from workspaces.services.queue import start_next
from workspaces.services.state_retention import RETENTION
from workspaces.services.workspaces import PLATFORM_LIMITS
from workspaces.task_status import TaskStatus

LockVerb = Callable[[Workspace, User, str], str]
LOCK_COLUMNS = ("Workspace", "Locked by", "For", "Why", "Task", "Status of the task")
LOCK = Confirmation(
    action="take_lock",
    title="Lock",
    explanation="While a workspace is locked no task of it is created or started.",
    columns=LOCK_COLUMNS,
    submit_label="Lock",
    note_label="Why (everyone who meets the lock reads this)",
)
UNLOCK = Confirmation(
    action="unlock",
    title="Unlock by force",
    explanation=(
        "The lock is taken from whoever holds it. The lock of a task that has not ended stays: "
        "confirm or cancel that task. Where a person is needed, look at the task first: its page "
        "says what happened, what to do, and unlocks the workspace once that is done. "
        "What waits for the lock starts at once."
    ),
    columns=LOCK_COLUMNS,
    submit_label="Unlock",
    note_label="Why (kept in the workspace's history)",
)
ASK_THE_QUEUE = Confirmation(
    action="ask_the_queue",
    title="Start what may start",
    explanation=(
        "The queue is asked again: the oldest plan and apply that waits starts if no other one is live, "
        "and so does every plan only. It does the same by itself; this repairs nothing that is locked."
    ),
    columns=("Workspace", "Locked by", "Why", "Pending tasks"),
    submit_label="Ask the queue",
)
# By whether the lock is kept for a person.
LOCKED: dict[bool, tuple[str, Tone]] = {
    False: ("Locked", "attention"),
    True: ("Locked, needs a person", "bad"),
}
PENDING_SHOWN = 10
RELATED = {
    "tasks": WorkspaceTask,
    "variables": WorkspaceVariable,
    "resources": WorkspaceResource,
    "outputs": WorkspaceOutput,
    "configuration versions": ConfigurationVersion,
    "state versions": StateVersion,
}


@admin.register(Workspace)
class WorkspaceAdmin(ReadOnlyAdmin):
    """Every workspace, by name."""

    list_display = [
        "name",
        "workspace_id",
        "lock",
        "live_task",
        "newest_state",
        "last_apply",
    ]
    list_filter = [NeedsPerson, Failing, "is_locked", "organization", "execution_mode"]
    search_fields = ["name", "workspace_id", "description"]
    actions = ["ask_the_queue", "take_lock", "unlock"]
    fieldsets = [
        (
            None,
            {
                "fields": [
                    ("name", "workspace_id"),
                    "organization",
                    "description",
                    "tags",
                    "lock",
                    "live_task",
                    "newest_state",
                    ("last_plan_at", "last_apply_at"),
                    "related",
                ]
            },
        ),
        (
            "How it is run",
            {
                "fields": [
                    ("execution_mode", "auto_apply", "max_retries"),
                    "limits",
                    "kept_states",
                    ("engine_version", "configuration_source"),
                    "providers",
                    "outputs_sharing",
                    ("created_by", "created_at", "updated_at"),
                ]
            },
        ),
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Workspace]:
        """With the newest state's number and the live task, without what may be large."""
        states = StateVersion.objects.filter(workspace=OuterRef("pk")).order_by("-version")
        live = WorkspaceTask.objects.live().filter(workspace=OuterRef("pk")).order_by("pk")
        rows: QuerySet[Workspace] = super().get_queryset(request).defer("tf_code", "lock_file")
        return rows.select_related("organization", "engine_version", "lock_task").annotate(
            state_id=Subquery(states.values("pk")[:1]),
            state_number=Subquery(states.values("version")[:1]),
            live_task_id=Subquery(live.values("pk")[:1]),
            live_task_status=Subquery(live.values("status")[:1]),
        )

    def offered_actions(self, obj: Workspace) -> Collection[str]:
        """The actions that make sense now."""
        return {"unlock"} if obj.is_locked else {"take_lock", "ask_the_queue"}

    @admin.display(description="lock", ordering="is_locked")
    def lock(self, workspace: Workspace) -> SafeString:
        """Who locked the workspace, when and why."""
        if not workspace.is_locked:
            return badge("Open", "good")
        return format_html(
            "{} by {}, {} ago: {} {}",
            badge(*LOCKED[workspace.lock_kept]),
            workspace.locked_by,
            age(workspace.locked_at) if workspace.locked_at else "?",
            workspace.lock_reason,
            _lock_task(workspace),
        )

    @admin.display(description="live task")
    def live_task(self, workspace: Any) -> SafeString | str:
        """The oldest task that has not ended."""
        if workspace.live_task_id is None:
            return ""
        status = TaskStatus(workspace.live_task_status)
        link = admin_link(WorkspaceTask, workspace.live_task_id, f"#{workspace.live_task_id}")
        return format_html("{} {}", link, status_badge(status, status.label))

    @admin.display(description="newest state")
    def newest_state(self, workspace: Any) -> SafeString | str:
        """The number of the newest state version."""
        if workspace.state_id is None:
            return ""
        return admin_link(StateVersion, workspace.state_id, f"version {workspace.state_number}")

    @admin.display(description="last apply", ordering="last_apply_at")
    def last_apply(self, workspace: Workspace) -> str:
        """When a state was last saved by an apply."""
        return moment(workspace.last_apply_at)

    @admin.display(description="lists")
    def related(self, workspace: Workspace) -> SafeString:
        """Links to the lists of what belongs to the workspace."""
        links = (
            (list_link(model, label, workspace__id__exact=workspace.pk),)
            for label, model in RELATED.items()
        )
        return format_html_join(" · ", "{}", links)

    @admin.display(description="time limits")
    def limits(self, workspace: Workspace) -> str:
        """How long what may take, and whose limit it is."""
        return " · ".join([*_engine_limits(workspace), _approval_limit(workspace)])

    @admin.display(description="state versions kept")
    def kept_states(self, workspace: Workspace) -> str:
        """How many, for how long, and whose limit it is."""
        return " · ".join(_kept_states(workspace))

    @admin.display(description="providers")
    def providers(self, workspace: Workspace) -> str:
        """The names of the configured providers; their arguments may be secret."""
        blocks = workspace.provider_config.get("provider", {})
        blocks = blocks if isinstance(blocks, list) else [blocks]
        names = {name for block in blocks if isinstance(block, dict) for name in block}
        return ", ".join(sorted(names))

    @admin.action(description="Ask the queue", permissions=["operate"])
    def ask_the_queue(
        self, request: HttpRequest, queryset: QuerySet[Workspace]
    ) -> HttpResponse | None:
        """Starts the tasks that may start, after showing what waits."""
        if asked := self.ask_first(request, queryset, ASK_THE_QUEUE, _queue_cells):
            return asked
        for workspace in queryset:
            self.attempt(request, partial(_ask_the_queue, workspace))
        return self.back(queryset)

    @admin.action(description="Lock", permissions=["operate"])
    def take_lock(self, request: HttpRequest, queryset: QuerySet[Workspace]) -> HttpResponse | None:
        """Locks workspaces for the operator, after asking why."""
        if not is_confirmed(request):
            return self.confirmation_page(request, _question(queryset, LOCK))
        for workspace in queryset:
            self._change_lock(request, workspace, _lock)
        return self.back(queryset)

    @admin.action(description="Unlock", permissions=["operate"])
    def unlock(self, request: HttpRequest, queryset: QuerySet[Workspace]) -> HttpResponse | None:
        """Removes locks by force, after showing whose they are and why."""
        if not is_confirmed(request):
            return self.confirmation_page(request, _question(queryset, UNLOCK))
        for workspace in queryset:
            self._change_lock(request, workspace, _unlock)
        return self.back(queryset)

    def _change_lock(self, request: HttpRequest, workspace: Workspace, verb: LockVerb) -> None:
        def change() -> str:
            message = verb(workspace, cast("User", request.user), note(request))
            self.log_change(request, workspace, message)
            return message

        self.attempt(request, change)


def _engine_limits(workspace: Workspace) -> Iterator[str]:
    for field, setting in PLATFORM_LIMITS.items():
        own, platforms = getattr(workspace, field), getattr(settings, setting)
        seconds = min(filter(None, (own, platforms)), default=0)
        whose = "" if seconds == own else " (the platform's)"
        text = duration_text(timedelta(seconds=seconds)) if seconds else "none"
        yield f"{field.partition('_')[0]} {text}{whose}"


def _kept_states(workspace: Workspace) -> Iterator[str]:
    for field, setting in RETENTION.items():
        own = getattr(workspace, field)
        kept = getattr(settings, setting) if own is None else own
        whose = " (the platform's)" if own is None else ""
        yield f"{field.rpartition('_')[2]} {kept or 'all'}{whose}"


def _approval_limit(workspace: Workspace) -> str:
    seconds = workspace.approval_timeout_seconds
    return f"approval {duration_text(timedelta(seconds=seconds)) if seconds else 'none'}"


def _lock_task(workspace: Workspace) -> SafeString | str:
    """The task that owns the lock; where a person is needed, its page says what to do."""
    task = workspace.lock_task
    if task is None or not workspace.lock_kept:
        return object_link(task)
    return object_link(task, f"See {task}: what happened and what to do")


def _ask_the_queue(workspace: Workspace) -> str:
    started = ", ".join(f"#{pk}" for pk in start_next(workspace.pk))
    if started:
        return f"{workspace}: started {started}"
    return f"{workspace}: nothing may start now"


def _lock(workspace: Workspace, user: User, reason: str) -> str:
    lock_workspace(workspace, user=user, reason=reason)
    return f"{workspace} is locked: {workspace.lock_reason}"


def _unlock(workspace: Workspace, user: User, why: str) -> str:
    if not workspace.is_locked:
        return f"{workspace} was not locked"
    owner, reason = workspace.locked_by, workspace.lock_reason
    unlock_workspace(workspace, user=user, force=True)
    unlocked = f"{workspace} is unlocked; it was locked by {owner}: {reason}"
    return f"{unlocked} (unlocked because: {why})" if why else unlocked


def _queue_cells(workspace: Workspace) -> list[Any]:
    pending = list(workspace.tasks.queued()[: PENDING_SHOWN + 1])
    links = format_html_join(", ", "{}", ((object_link(task),) for task in pending[:PENDING_SHOWN]))
    more = " and more" if len(pending) > PENDING_SHOWN else ""
    shown = format_html("{}{}", links, more) if pending else "none"
    return [object_link(workspace), workspace.locked_by or "nobody", workspace.lock_reason, shown]


def _question(workspaces: QuerySet[Workspace], ask: Confirmation) -> Confirmation:
    rows = [
        (
            workspace.pk,
            [
                object_link(workspace),
                workspace.locked_by or "nobody",
                age(workspace.locked_at) if workspace.locked_at else "",
                workspace.lock_reason,
                object_link(workspace.lock_task),
                workspace.lock_task.get_status_display() if workspace.lock_task else "",
            ],
        )
        for workspace in workspaces
    ]
    return replace(ask, rows=rows)
