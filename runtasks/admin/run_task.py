"""RunTasks; they are made through the API."""

from collections.abc import Collection
from functools import partial
from typing import Any, cast

from django.contrib import admin, messages
from django.db.models import Count, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.safestring import SafeString

from iacplatform.accounts.models import User
from iacplatform.common.admin import Confirmation, ReadOnlyAdmin
from iacplatform.common.presentation import badge, list_link, object_link, public_url
from runtasks.models import RunTask, WorkspaceRunTask
from runtasks.services.configuration import update_run_task
from runtasks.services.verification import try_out

DISABLE = Confirmation(
    action="disable",
    title="Disable",
    explanation=(
        "Tasks are no longer checked by these run tasks, not even where they are mandatory: what they "
        "would have stopped goes through. What waits for an answer now still waits."
    ),
    columns=("Run task", "Organization", "Asked", "Attached to"),
    submit_label="Disable",
)


@admin.register(RunTask)
class RunTaskAdmin(ReadOnlyAdmin):
    """Every RunTask, without its key."""

    list_display = ["name", "owner", "state", "asked", "address", "workspaces", "updated_at"]
    list_filter = ["enabled", "is_global", "organization"]
    search_fields = ["name", "run_task_id", "description", "endpoint_url"]
    actions = ["enable", "disable", "send_a_test"]
    fields = [
        ("name", "run_task_id"),
        "owner",
        "description",
        "state",
        "asked",
        "address",
        "signature",
        ("timeout_seconds", "max_run_seconds"),
        "workspaces",
        ("created_by", "created_at", "updated_at"),
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[RunTask]:
        """With the number of workspaces that ask it."""
        rows: QuerySet[RunTask] = super().get_queryset(request)
        counted = rows.annotate(workspace_count=Count("attachments__workspace", distinct=True))
        return counted.select_related("organization", "created_by")

    def offered_actions(self, obj: RunTask) -> Collection[str]:
        """The actions that make sense now."""
        return {"disable" if obj.enabled else "enable", "send_a_test"}

    @admin.display(description="organization", ordering="organization__name")
    def owner(self, run_task: RunTask) -> str:
        """Whose it is."""
        return str(run_task.organization or "the whole platform")

    @admin.display(description="state", ordering="enabled")
    def state(self, run_task: RunTask) -> SafeString:
        """Whether it is asked at all."""
        return badge("Enabled", "good") if run_task.enabled else badge("Disabled", "idle")

    @admin.display(description="asked")
    def asked(self, run_task: RunTask) -> str:
        """Where it is asked without an attachment."""
        if not run_task.is_global:
            return "where it is attached"
        stages = ", ".join(run_task.global_stages)
        return f"globally at {stages}, {run_task.global_enforcement_level}"

    @admin.display(description="endpoint URL", ordering="endpoint_url")
    def address(self, run_task: RunTask) -> str:
        """Where it is asked, without what may be a password in it."""
        return public_url(run_task.endpoint_url)

    @admin.display(description="signature")
    def signature(self, run_task: RunTask) -> str:
        """How webhooks are signed; never the key."""
        return run_task.get_signature_format_display() if run_task.hmac_key else "none"

    @admin.display(description="attached to")
    def workspaces(self, run_task: Any) -> SafeString:
        """A link to its attachments."""
        text = f"{run_task.workspace_count} workspaces"
        return list_link(WorkspaceRunTask, text, run_task__id__exact=run_task.pk)

    @admin.action(description="Enable", permissions=["operate"])
    def enable(self, request: HttpRequest, queryset: QuerySet[RunTask]) -> HttpResponse | None:
        """Lets it be asked again."""
        return self._switch(request, queryset, on=True)

    @admin.action(description="Disable", permissions=["operate"])
    def disable(self, request: HttpRequest, queryset: QuerySet[RunTask]) -> HttpResponse | None:
        """Stops its being asked about further tasks, after showing what it guards."""
        if asked := self.ask_first(request, queryset, DISABLE, self._cells):
            return asked
        return self._switch(request, queryset, on=False)

    def _cells(self, run_task: RunTask) -> list[Any]:
        return [
            object_link(run_task),
            self.owner(run_task),
            self.asked(run_task),
            self.workspaces(run_task),
        ]

    def _switch(
        self, request: HttpRequest, queryset: QuerySet[RunTask], *, on: bool
    ) -> HttpResponse | None:
        for run_task in queryset:
            self.attempt(request, partial(self._switch_one, request, run_task, on=on))
        return self.back(queryset)

    def _switch_one(self, request: HttpRequest, run_task: RunTask, *, on: bool) -> str:
        user = cast("User", request.user)
        update_run_task(run_task, user=user, verified=False, enabled=on)
        message = f"{run_task} is {'enabled' if on else 'disabled'}"
        self.log_change(request, run_task, message)
        return message

    @admin.action(description="Send a test request", permissions=["operate"])
    def send_a_test(self, request: HttpRequest, queryset: QuerySet[RunTask]) -> HttpResponse | None:
        """Tells how the services take a test request."""
        for run_task in queryset:
            trial = try_out(run_task, run_task.endpoint_url)
            answer = trial.problem or "it accepted the test request"
            level = messages.ERROR if trial.problem else messages.SUCCESS
            self.message_user(request, f"{run_task}: {answer}", level)
        return self.back(queryset)
