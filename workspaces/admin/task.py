"""Tasks: read-only, with their timeline; what they wait for is done by actions."""

from collections.abc import Collection
from functools import partial
from typing import Any, cast

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from iacplatform.accounts.models import User
from iacplatform.common.admin import is_confirmed, note
from iacplatform.common.errors import DomainError
from iacplatform.common.presentation import age, duration_text, moment
from workspaces.admin.badges import status_badge
from workspaces.admin.part_of_workspace import PartOfWorkspaceAdmin
from workspaces.admin.task_actions import (
    CANCEL,
    CANCEL_WITH_FORCE,
    CONFIRM_APPLY,
    RESOLVE,
    RETRY_STATE_SAVE,
    TaskAction,
    confirmation,
    offered,
    resolution,
)
from workspaces.admin.task_filters import (
    Interrupted,
    NeedsAttention,
    OpenStage,
    RecentWorkspace,
    Unmoved,
)
from workspaces.admin.timeline import plan_text, task_page
from workspaces.models import WorkspaceTask
from workspaces.task_status import TaskStatus


@admin.register(WorkspaceTask)
class WorkspaceTaskAdmin(PartOfWorkspaceAdmin):
    """Every task, the newest first."""

    change_form_template = "admin/workspaces/workspacetask/change_form.html"
    list_display = [
        "number",
        "workspace_name",
        "task_type",
        "status_text",
        "changes",
        "created_by",
        "created",
        "took",
    ]
    list_display_links = ["number"]
    list_filter = [
        NeedsAttention,
        Interrupted,
        OpenStage,
        Unmoved,
        "status",
        "task_type",
        "stage",
        "execution_mode",
        RecentWorkspace,
    ]
    search_fields = ["=id", "workspace__name", "workspace__workspace_id", "description"]
    search_help_text = (
        "Number of the task, name or id of the workspace, or words of the description"
    )
    actions = [
        "confirm_apply",
        "cancel",
        "cancel_with_force",
        "retry_state_save",
        "resolve_interruption",
    ]
    fieldsets = [
        (
            None,
            {
                "fields": [
                    "workspace_name",
                    "task_type",
                    "description",
                    ("created_by", "created_at"),
                    ("started_at", "completed_at"),
                    ("apply_confirmed_by", "apply_confirmed_at"),
                    "apply_description",
                    ("cancel_requested_by", "cancel_requested_at", "cancel_force"),
                    "cancel_reason",
                ]
            },
        ),
        (
            "How it is run",
            {
                "fields": [
                    ("execution_mode", "auto_apply", "is_background"),
                    "targets",
                    ("plan_host", "last_host", "apply_owner"),
                    "plan_hash",
                    "log_lines",
                ]
            },
        ),
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[WorkspaceTask]:
        """With the creator, without the outputs."""
        return super().get_queryset(request).select_related("created_by").defer("outputs")

    def render_change_form(
        self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """Adds the timeline."""
        context.update(task_page(context["original"]))
        return super().render_change_form(request, context, *args, **kwargs)

    def offered_actions(self, obj: WorkspaceTask) -> Collection[str]:
        """The actions that make sense now."""
        return offered(obj)

    @admin.display(description="task", ordering="pk")
    def number(self, task: WorkspaceTask) -> str:
        """The task's number."""
        return f"#{task.pk}"

    @admin.display(description="status", ordering="status")
    def status_text(self, task: WorkspaceTask) -> SafeString:
        """The status in its colour, and the stage of a task that runs."""
        status = status_badge(task.status, task.get_status_display())
        if task.status != TaskStatus.RUNNING:
            return status
        return format_html("{} {}", status, task.get_stage_display())

    @admin.display(description="plan")
    def changes(self, task: WorkspaceTask) -> str:
        """What the plan wants to do."""
        return plan_text(task)

    @admin.display(description="created", ordering="created_at")
    def created(self, task: WorkspaceTask) -> str:
        """When the task was created."""
        return moment(task.created_at)

    @admin.display(description="took")
    def took(self, task: WorkspaceTask) -> str:
        """How long the task took, or how long it has been there."""
        if task.duration is not None:
            return duration_text(task.duration)
        return "" if task.is_final else f"{age(task.created_at)} so far"

    @admin.action(description="Confirm apply", permissions=["operate"])
    def confirm_apply(
        self, request: HttpRequest, queryset: QuerySet[WorkspaceTask]
    ) -> HttpResponse | None:
        """Approves planned changes, after showing what they are."""
        return self._act(request, queryset, CONFIRM_APPLY)

    @admin.action(description="Cancel", permissions=["operate"])
    def cancel(
        self, request: HttpRequest, queryset: QuerySet[WorkspaceTask]
    ) -> HttpResponse | None:
        """Asks tasks to end."""
        return self._act(request, queryset, CANCEL)

    @admin.action(description="Cancel with force", permissions=["operate"])
    def cancel_with_force(
        self, request: HttpRequest, queryset: QuerySet[WorkspaceTask]
    ) -> HttpResponse | None:
        """Interrupts tasks even while they apply."""
        return self._act(request, queryset, CANCEL_WITH_FORCE)

    @admin.action(description="Retry saving the state", permissions=["operate"])
    def retry_state_save(
        self, request: HttpRequest, queryset: QuerySet[WorkspaceTask]
    ) -> HttpResponse | None:
        """Saves states that workers could not save."""
        return self._act(request, queryset, RETRY_STATE_SAVE)

    @admin.action(description="Resolve the interruption", permissions=["operate"])
    def resolve_interruption(
        self, request: HttpRequest, queryset: QuerySet[WorkspaceTask]
    ) -> HttpResponse | None:
        """Says that somebody has looked at interrupted applies, after showing how the states differ."""
        if is_confirmed(request):
            return self._act(request, queryset, RESOLVE)
        try:
            return self.confirmation_page(request, resolution(queryset))
        except DomainError as error:
            self.message_user(request, str(error), messages.ERROR)
            return self.back(queryset)

    def _act(
        self, request: HttpRequest, tasks: QuerySet[WorkspaceTask], action: TaskAction
    ) -> HttpResponse | None:
        if not is_confirmed(request):
            return self.confirmation_page(request, confirmation(action, tasks))
        user = cast("User", request.user)
        for task in tasks:
            self.attempt(request, partial(action.verb, task, user, note(request)))
        return self.back(tasks)
