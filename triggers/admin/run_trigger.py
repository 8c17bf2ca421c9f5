"""Run triggers; they are made through the API."""

from collections.abc import Collection
from functools import partial
from typing import Any, cast

from django.contrib import admin
from django.db.models import Count, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.safestring import SafeString

from iacplatform.accounts.models import User
from iacplatform.common.admin import ReadOnlyAdmin
from iacplatform.common.presentation import badge, list_link, object_link
from triggers.models import RunTrigger, TaskTriggerExecution
from triggers.services.configuration import switch_run_trigger


@admin.register(RunTrigger)
class RunTriggerAdmin(ReadOnlyAdmin):
    """Every run trigger."""

    list_display = ["run_trigger_id", "from_workspace", "to_workspace", "state", "approval", "uses"]
    list_filter = ["enabled", "target__auto_apply", "source__organization"]
    search_fields = [
        "=run_trigger_id",
        "source__name",
        "target__name",
        "=source__workspace_id",
        "=target__workspace_id",
    ]
    search_help_text = "Id of the trigger, name or id of either workspace"
    ordering = ["source__name", "target__name"]
    actions = ["enable", "disable"]
    fields = [
        ("from_workspace", "to_workspace"),
        "run_trigger_id",
        ("state", "trigger_condition"),
        "approval",
        "uses",
        ("created_by", "created_at", "updated_at"),
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[RunTrigger]:
        """With its ends and the number of its executions."""
        rows: QuerySet[RunTrigger] = super().get_queryset(request)
        counted = rows.annotate(execution_count=Count("executions"))
        return counted.select_related("source", "target", "created_by").defer(
            "source__tf_code", "target__tf_code"
        )

    def offered_actions(self, obj: RunTrigger) -> Collection[str]:
        """The action that makes sense now."""
        return {"disable" if obj.enabled else "enable"}

    @admin.display(description="apply of", ordering="source__name")
    def from_workspace(self, trigger: RunTrigger) -> SafeString | str:
        """The source, as a link."""
        return object_link(trigger.source)

    @admin.display(description="starts a task of", ordering="target__name")
    def to_workspace(self, trigger: RunTrigger) -> SafeString | str:
        """The target, as a link."""
        return object_link(trigger.target)

    @admin.display(description="state", ordering="enabled")
    def state(self, trigger: RunTrigger) -> SafeString:
        """Whether it triggers at all."""
        return badge("Enabled", "good") if trigger.enabled else badge("Disabled", "idle")

    @admin.display(description="what is triggered", ordering="target__auto_apply")
    def approval(self, trigger: RunTrigger) -> SafeString | str:
        """Whether a person stands between the plan of the target and its apply."""
        if trigger.target.auto_apply:
            return badge("is applied by itself", "attention")
        return "waits for approval"

    @admin.display(description="used")
    def uses(self, trigger: Any) -> SafeString:
        """A link to its executions."""
        text = f"{trigger.execution_count} tasks"
        return list_link(TaskTriggerExecution, text, run_trigger__id__exact=trigger.pk)

    @admin.action(description="Enable", permissions=["operate"])
    def enable(self, request: HttpRequest, queryset: QuerySet[RunTrigger]) -> HttpResponse | None:
        """Lets it trigger again."""
        return self._switch(request, queryset, on=True)

    @admin.action(description="Disable", permissions=["operate"])
    def disable(self, request: HttpRequest, queryset: QuerySet[RunTrigger]) -> HttpResponse | None:
        """Stops it from triggering; what waits for it is skipped."""
        return self._switch(request, queryset, on=False)

    def _switch(
        self, request: HttpRequest, queryset: QuerySet[RunTrigger], *, on: bool
    ) -> HttpResponse | None:
        for trigger in queryset:
            self.attempt(request, partial(self._switch_one, request, trigger, on=on))
        return self.back(queryset)

    def _switch_one(self, request: HttpRequest, trigger: RunTrigger, *, on: bool) -> str:
        switch_run_trigger(trigger, user=cast("User", request.user), enabled=on)
        message = f"{trigger} is {'enabled' if on else 'disabled'}"
        self.log_change(request, trigger, message)
        return message
