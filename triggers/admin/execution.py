"""Executions: what waits for a target and why, what was triggered, what never will be."""

from collections.abc import Callable, Collection
from dataclasses import replace
from functools import partial
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from iacplatform.common.admin import Confirmation, ReadOnlyAdmin, is_confirmed
from iacplatform.common.presentation import object_link
from triggers.admin.badges import execution_badge
from triggers.models import ExecutionStatus, TaskTriggerExecution
from triggers.models.execution import WAITS
from triggers.services.executions import switch_execution, try_again

COLUMNS = ("Task that was applied", "Target", "Status", "Message")
SKIP = Confirmation(
    action="skip",
    title="Skip",
    explanation="These targets get no task because of these sources. It can be tried again later.",
    columns=COLUMNS,
    submit_label="Skip",
)
TRY_AGAIN = Confirmation(
    action="try_again",
    title="Try again",
    explanation="These targets get their task after all, as soon as they can have one.",
    columns=COLUMNS,
    submit_label="Try again",
)
ENDED_UNTRIGGERED = frozenset({ExecutionStatus.SKIPPED, ExecutionStatus.FAILED})


class Waits(admin.SimpleListFilter):
    """Executions whose source was applied and whose target has no task yet."""

    title = "waits for its target"
    parameter_name = "waits"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """One choice besides all."""
        return [("yes", "Due and not triggered yet")]

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[TaskTriggerExecution]
    ) -> QuerySet[TaskTriggerExecution]:
        """What waits."""
        return queryset.filter(WAITS) if self.value() == "yes" else queryset


@admin.register(TaskTriggerExecution)
class TaskTriggerExecutionAdmin(ReadOnlyAdmin):
    """Every execution, the newest first."""

    list_display = [
        "execution_id",
        "source",
        "target",
        "status_text",
        "due_at",
        "made",
        "message",
    ]
    list_filter = [Waits, "status", "temporarily_disabled"]
    search_fields = ["=execution_id", "=source_task__id", "=target_task__id", "target_name"]
    search_help_text = "Id of the execution, number of either task, name of the target"
    ordering = ["-pk"]
    actions = ["skip", "try_again"]
    fields = [
        ("source", "target"),
        ("execution_id", "trigger"),
        "status_text",
        "message",
        "made",
        ("temporarily_disabled", "disabled_by", "disabled_at"),
        ("created_at", "due_at", "completed_at"),
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[TaskTriggerExecution]:
        """With both tasks and both workspaces, without what of them may be large."""
        rows = super().get_queryset(request)
        related = rows.select_related(
            "source_task__workspace",
            "target_workspace",
            "target_task",
            "run_trigger__source",
            "run_trigger__target",
        )
        return related.defer(
            "source_task__outputs",
            "source_task__workspace__tf_code",
            "target_workspace__tf_code",
            "target_task__outputs",
            "run_trigger__source__tf_code",
            "run_trigger__target__tf_code",
        )

    def offered_actions(self, obj: TaskTriggerExecution) -> Collection[str]:
        """The action that makes sense now."""
        if obj.waits:
            return {"skip"}
        return {"try_again"} if obj.due_at and obj.status in ENDED_UNTRIGGERED else ()

    @admin.display(description="task of the source", ordering="source_task")
    def source(self, execution: TaskTriggerExecution) -> SafeString:
        """The source task and its workspace."""
        task = execution.source_task
        return format_html(
            "{} of {}", object_link(task, f"#{task.pk}"), object_link(task.workspace)
        )

    @admin.display(description="target", ordering="target_name")
    def target(self, execution: TaskTriggerExecution) -> SafeString | str:
        """The target workspace, or what it was called."""
        return object_link(execution.target_workspace) or f"{execution.target_name} (deleted)"

    @admin.display(description="run trigger")
    def trigger(self, execution: TaskTriggerExecution) -> SafeString | str:
        """The trigger, as a link."""
        return object_link(execution.run_trigger) or "deleted"

    @admin.display(description="task that was made", ordering="target_task")
    def made(self, execution: TaskTriggerExecution) -> SafeString | str:
        """The target's task, as a link."""
        return object_link(execution.target_task)

    @admin.display(description="status", ordering="status")
    def status_text(self, execution: TaskTriggerExecution) -> SafeString:
        """The status in its colour."""
        return execution_badge(execution)

    @admin.action(description="Skip", permissions=["operate"])
    def skip(
        self, request: HttpRequest, queryset: QuerySet[TaskTriggerExecution]
    ) -> HttpResponse | None:
        """Takes what has not been triggered off the list, after asking."""
        by = request.user.get_username()
        return self._act(request, queryset, SKIP, partial(_skip, by=by))

    @admin.action(description="Try again", permissions=["operate"])
    def try_again(
        self, request: HttpRequest, queryset: QuerySet[TaskTriggerExecution]
    ) -> HttpResponse | None:
        """Makes due again what was skipped or has failed after an apply, after asking."""
        return self._act(request, queryset, TRY_AGAIN, _try_again)

    def _act(
        self,
        request: HttpRequest,
        queryset: QuerySet[TaskTriggerExecution],
        ask: Confirmation,
        verb: Callable[[TaskTriggerExecution], str],
    ) -> HttpResponse | None:
        if not is_confirmed(request):
            return self.confirmation_page(request, replace(ask, rows=_rows(queryset)))
        for execution in queryset:
            self.attempt(request, partial(self._act_on, request, execution, ask, verb))
        return self.back(queryset)

    def _act_on(
        self,
        request: HttpRequest,
        execution: TaskTriggerExecution,
        ask: Confirmation,
        verb: Callable[[TaskTriggerExecution], str],
    ) -> str:
        message = verb(execution)
        self.log_change(request, execution, ask.title)
        return message


def _rows(executions: QuerySet[TaskTriggerExecution]) -> list[tuple[Any, list[Any]]]:
    return [
        (
            each.pk,
            [object_link(each.source_task), each.target_name, execution_badge(each), each.message],
        )
        for each in executions
    ]


def _skip(execution: TaskTriggerExecution, *, by: str) -> str:
    switch_execution(execution, disabled=True, by=by)
    return f"{execution} is skipped"


def _try_again(execution: TaskTriggerExecution) -> str:
    try_again(execution)
    return f"{execution} is due again"
