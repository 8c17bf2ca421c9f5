"""Results with their outcomes; advisory ones that did not pass can be overridden."""

from collections.abc import Collection
from functools import partial
from typing import Any, cast

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from iacplatform.accounts.models import User
from iacplatform.common.admin import Confirmation, ReadOnlyAdmin, is_confirmed, note
from iacplatform.common.presentation import object_link, public_url
from runtasks.admin.badges import result_badge
from runtasks.markdown import render_markdown
from runtasks.models import (
    OPEN,
    UNSUCCESSFUL,
    EnforcementLevel,
    RunTaskOutcome,
    RunTaskResult,
)
from runtasks.services.overrides import override_run_tasks
from workspaces.models import WorkspaceTask

SHOWN_CHARACTERS = 20_000


@admin.register(RunTaskResult)
class RunTaskResultAdmin(ReadOnlyAdmin):
    """Every result, the newest first."""

    change_form_template = "admin/runtasks/runtaskresult/change_form.html"
    list_display = [
        "result_id",
        "task_link",
        "run_task_name",
        "stage",
        "enforcement_level",
        "status_text",
        "message",
        "completed_at",
    ]
    list_filter = ["status", "stage", "enforcement_level"]
    search_fields = ["=result_id", "=task__id", "run_task_name", "task__workspace__name"]
    search_help_text = "Id of the result, number of the task, name of run task or workspace"
    ordering = ["-pk"]
    actions = ["override"]
    fields = [
        ("task_link", "result_id"),
        ("run_task_name", "address"),
        ("stage", "enforcement_level", "priority"),
        "status_text",
        "message",
        "details",
        ("requested_at", "started_at", "last_heartbeat_at", "completed_at"),
        ("timeout_seconds", "timeout_at"),
        ("max_run_seconds", "max_run_timeout_at"),
        ("override_by", "override_at"),
        "request_payload",
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[RunTaskResult]:
        """With the task, without the token."""
        rows = super().get_queryset(request).select_related("task__workspace")
        return rows.defer("access_token", "task__outputs", "task__workspace__tf_code")

    def render_change_form(
        self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """Adds the outcomes."""
        context["outcomes"] = [_shown(each) for each in context["original"].outcomes.all()]
        return super().render_change_form(request, context, *args, **kwargs)

    def offered_actions(self, obj: RunTaskResult) -> Collection[str]:
        """Overriding, where there is something to override."""
        advisory = obj.enforcement_level == EnforcementLevel.ADVISORY
        return {"override"} if advisory and obj.status in OPEN | UNSUCCESSFUL else ()

    @admin.display(description="task", ordering="task")
    def task_link(self, result: RunTaskResult) -> SafeString:
        """The task and its workspace."""
        link = object_link(result.task, f"#{result.task_id}")
        return format_html("{} of {}", link, object_link(result.task.workspace))

    @admin.display(description="status", ordering="status")
    def status_text(self, result: RunTaskResult) -> SafeString:
        """The status in its colour."""
        return result_badge(result)

    @admin.display(description="endpoint URL")
    def address(self, result: RunTaskResult) -> str:
        """Where it was asked, without what may be a password in it."""
        return public_url(result.endpoint_url)

    @admin.display(description="details")
    def details(self, result: RunTaskResult) -> SafeString | str:
        """The service's own page of it."""
        return _link(result.url) if result.url else ""

    @admin.action(description="Override", permissions=["operate"])
    def override(
        self, request: HttpRequest, queryset: QuerySet[RunTaskResult]
    ) -> HttpResponse | None:
        """Takes what did not pass for settled, after asking why."""
        if not is_confirmed(request):
            return self.confirmation_page(request, _question(queryset))
        for task in {result.task for result in queryset}:
            self.attempt(
                request, partial(_override, task, cast("User", request.user), note(request))
            )
        return self.back(queryset)


def _shown(outcome: RunTaskOutcome) -> dict[str, Any]:
    body = outcome.body[:SHOWN_CHARACTERS]
    return {
        "outcome": outcome,
        "link": _link(outcome.url) if outcome.url else "",
        "body": render_markdown(body),
        "is_cut": len(body) < len(outcome.body),
    }


def _link(url: str) -> SafeString:
    return format_html('<a href="{}" rel="noopener noreferrer nofollow">{}</a>', url, url)


def _question(results: QuerySet[RunTaskResult]) -> Confirmation:
    rows = [
        (
            result.pk,
            [
                object_link(result.task),
                result.run_task_name,
                result.get_enforcement_level_display(),
                result_badge(result),
                result.message,
            ],
        )
        for result in results
    ]
    return Confirmation(
        action="override",
        title="Override",
        explanation="Every advisory run task of these tasks that did not pass is taken for settled.",
        columns=("Task", "Run task", "Enforcement", "Status", "Message"),
        rows=rows,
        submit_label="Override",
        note_label="Why (kept in the task's history)",
    )


def _override(task: WorkspaceTask, user: User, comment: str) -> str:
    count = override_run_tasks(task, user=user, comment=comment)
    return f"{count} run tasks of task #{task.pk} were overridden"
