"""What a task triggers, or has triggered."""

from collections.abc import Sequence
from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import mixins
from rest_framework.request import Request
from rest_framework.response import Response

from iacplatform.common.conditional import conditional, hold_object
from triggers.api.filters import ExecutionFilter
from triggers.api.serializers.executions import SwitchSerializer, TriggerExecutionSerializer
from triggers.models import ExecutionStatus, RunTrigger, TaskTriggerExecution
from triggers.services.executions import planned_executions, switch_execution
from workspaces.api.access import TaskView
from workspaces.task_status import TaskType

LARGE = tuple(f"target_workspace__{field}" for field in ("tf_code", "provider_config", "lock_file"))


@conditional()
class TriggerExecutionViewSet(
    mixins.ListModelMixin, mixins.RetrieveModelMixin, TaskView[TaskTriggerExecution]
):
    """The executions of a task's triggers."""

    queryset = TaskTriggerExecution.objects.all()
    serializer_class = TriggerExecutionSerializer
    filterset_class = ExecutionFilter
    lookup_field = "execution_id"

    def hold_for_change(self) -> None:
        """Locks the execution alone: those that fire it lock the workspace that it starts a task in."""
        hold_object(self)

    def rows(self) -> QuerySet[TaskTriggerExecution]:
        """Those of the task."""
        rows = TaskTriggerExecution.objects.filter(source_task=self.task)
        return rows.select_related("run_trigger", "target_workspace").defer(*LARGE)

    def list(self, request: Request, **kwargs: Any) -> Response:
        """What the task's apply will trigger or has triggered, and why something still waits.

        Where nothing was prepared, because the triggers are younger than the task, those of this moment
        are shown, without an id: they count if they are there when the task is applied.
        """
        wanted = request.query_params.get("status", ExecutionStatus.PENDING)
        if self._has_some() or not self._can_be_applied() or wanted != ExecutionStatus.PENDING:
            return super().list(request, **kwargs)
        page = self.paginate_queryset(self._planned()) or []
        return self.get_paginated_response(self.get_serializer(page, many=True).data)

    @extend_schema(request=SwitchSerializer)
    def update(self, request: Request, **_: Any) -> Response:
        """Switches a trigger off for this task, or on again, until the task is applied.

        After that, one that waits for its target can be switched off: it is `skipped` for good.
        409 for one that has ended.
        """
        serializer = SwitchSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        execution = self.get_object()
        disabled = serializer.validated_data["temporarily_disabled"]
        switch_execution(execution, disabled=disabled, by=self.user.get_username())
        return Response(self.get_serializer(execution).data)

    def _has_some(self) -> bool:
        return self.task.trigger_executions.exists()

    def _can_be_applied(self) -> bool:
        return self.task.task_type == TaskType.PLAN_AND_APPLY and not self.task.is_final

    def _planned(self) -> Sequence[TaskTriggerExecution]:
        planned = planned_executions(self.task, RunTrigger.objects.all())
        for execution in planned:
            execution.execution_id = None  # type: ignore[assignment]
        return planned
