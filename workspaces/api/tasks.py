"""Tasks: the list, one of them, its approval, and what is said of it."""

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import mixins
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer

from iacplatform.accounts.rules import WRITE
from iacplatform.common.idempotency import idempotent_actions
from workspaces.api.access import TaskView, WorkspaceView
from workspaces.api.filters import COUNTS_CAPPED_AT, ResourceChangeFilter, TaskFilter
from workspaces.api.pages import ResourceChangePagination, TaskPagination
from workspaces.api.serializers.interruptions import SavedAgainSerializer
from workspaces.api.serializers.states import StateVersionSerializer
from workspaces.api.serializers.tasks import (
    CancelledCountSerializer,
    CancelSerializer,
    CommentSerializer,
    ConfirmApplySerializer,
    NewTaskSerializer,
    ResourceChangeSerializer,
    TaskDetailSerializer,
    TaskSerializer,
    TransitionSerializer,
)
from workspaces.models import ResourceChange, TaskComment, TaskPlan, TaskTransition, WorkspaceTask
from workspaces.services.cancellation import cancel_previous, cancel_task
from workspaces.services.comments import add_comment
from workspaces.services.state_saving import BACKUP_CAN_GO, retry_state_save
from workspaces.services.tasks import confirm_apply, create_task
from workspaces.task_status import TaskType

# What may change something in the end: who may only plan starts it, and stops no other person's.
CHANGES = frozenset({TaskType.PLAN_AND_APPLY})


@idempotent_actions("create")
class TaskViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, WorkspaceView[WorkspaceTask]):
    """The tasks of a workspace."""

    queryset = WorkspaceTask.objects.all()
    serializer_class = TaskSerializer
    filterset_class = TaskFilter
    pagination_class = TaskPagination
    lookup_url_kwarg = "task_id"

    def rows(self) -> QuerySet[WorkspaceTask]:
        """All of them, newest first."""
        return self.workspace.tasks.select_related("created_by")

    def get_serializer_class(self) -> type[BaseSerializer[WorkspaceTask]]:
        """One task is shown with its timeline."""
        return TaskSerializer if self.action == "list" else TaskDetailSerializer

    def list(self, request: Request, **kwargs: Any) -> Response:
        """Tasks, newest first, with the number of tasks in each group of statuses."""
        response = super().list(request, **kwargs)
        filters = TaskFilter(request.query_params, queryset=self.get_queryset())
        response.data["filter_counts"] = filters.counts()
        response.data["filter_counts_capped_at"] = COUNTS_CAPPED_AT
        return response

    @extend_schema(request=NewTaskSerializer, responses={201: TaskDetailSerializer})
    def create(self, request: Request, **_: Any) -> Response:
        """Creates a task with a snapshot of the workspace; 423 while the workspace is locked.

        Where changes are applied without approval, `plan_and_apply` takes the level `write`.
        """
        serializer = NewTaskSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        may_apply = self.may(WRITE)
        fields = serializer.validated_data
        task = create_task(self.workspace, user=self.user, may_apply=may_apply, **fields)
        return Response(TaskDetailSerializer(self.rows().get(pk=task.pk)).data, status=201)


@idempotent_actions("confirm_apply", "cancel", "cancel_previous", "retry_state_save")
class TaskActionViewSet(TaskView[WorkspaceTask]):
    """What is done to one task."""

    queryset = WorkspaceTask.objects.all()
    serializer_class = TaskDetailSerializer
    filter_backends = []

    @extend_schema(request=ConfirmApplySerializer)
    def confirm_apply(self, request: Request, **_: Any) -> Response:
        """Approves the planned change; of two who do so at once, one gets a 409."""
        serializer = ConfirmApplySerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        description = serializer.validated_data["apply_description"]
        confirm_apply(self.task, user=self.user, description=description)
        return Response(self._shown())

    @extend_schema(request=CancelSerializer)
    def cancel(self, request: Request, **_: Any) -> Response:
        """Cancels the task; while it applies only with `force` (409 `requires_force` without).

        A task that runs is `cancelled` as soon as its worker has stopped the engine; until then the
        answer shows it `running` with `cancel_requested_at`. What an apply has changed is saved first;
        409 where one has gone through and is only being saved. `force` takes the level `write`.
        """
        serializer = CancelSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        if serializer.validated_data["force"] or self._is_anothers_change():
            self.require(WRITE)
        cancel_task(self.task, user=self.user, **serializer.validated_data)
        return Response(self._shown())

    def _is_anothers_change(self) -> bool:
        return self.task.task_type in CHANGES and self.task.created_by_id != self.user.pk

    @extend_schema(request=None, responses=CancelledCountSerializer)
    def cancel_previous(self, request: Request, **_: Any) -> Response:
        """Cancels the earlier changes that are pending or wait for approval.

        409 unless the task is a pending `plan_and_apply`.
        """
        return Response({"cancelled_count": cancel_previous(self.task, user=self.user)})

    @extend_schema(request=None, responses=SavedAgainSerializer)
    def retry_state_save(self, request: Request, **_: Any) -> Response:
        """Saves the state that the worker could not; a task whose apply went through is `applied` then.

        409 if there is nothing to save, or if the workspace has another state by now.
        """
        version = retry_state_save(self.task, user=self.user)
        return Response(
            {
                "state_version": StateVersionSerializer(version).data,
                "task": self._shown(),
                "note": BACKUP_CAN_GO,
            }
        )

    def _shown(self) -> dict[str, Any]:
        shown = self.workspace.tasks.select_related("created_by").get(pk=self.task.pk)
        return dict(TaskDetailSerializer(shown).data)


class TransitionViewSet(mixins.ListModelMixin, TaskView[TaskTransition]):
    """The changes of a task's status, oldest first."""

    queryset = TaskTransition.objects.all()
    serializer_class = TransitionSerializer
    filter_backends = []

    def rows(self) -> QuerySet[TaskTransition]:
        """Those of the task."""
        return self.task.transitions.all()


@idempotent_actions("create")
class CommentViewSet(mixins.ListModelMixin, mixins.CreateModelMixin, TaskView[TaskComment]):
    """What was said of a task, oldest first."""

    queryset = TaskComment.objects.all()
    serializer_class = CommentSerializer
    filter_backends = []

    def rows(self) -> QuerySet[TaskComment]:
        """Those of the task."""
        return self.task.comments.all()

    def perform_create(self, serializer: BaseSerializer[TaskComment]) -> None:
        """Adds a comment; a task has at most 20."""
        serializer.instance = add_comment(self.task, user=self.user, **serializer.validated_data)


class ResourceChangeViewSet(mixins.ListModelMixin, TaskView[ResourceChange]):
    """What a plan does to each resource, and how far its apply has come."""

    queryset = ResourceChange.objects.all()
    serializer_class = ResourceChangeSerializer
    filterset_class = ResourceChangeFilter
    pagination_class = ResourceChangePagination

    def rows(self) -> QuerySet[ResourceChange]:
        """Those of the task, in the plan's order."""
        return self.task.resource_changes.all()

    def list(self, request: Request, **kwargs: Any) -> Response:
        """A page of resources, with the summary and the output changes of the whole plan."""
        response = super().list(request, **kwargs)
        response.data["summary"] = {
            "add": self.task.changes_add,
            "change": self.task.changes_change,
            "destroy": self.task.changes_destroy,
        }
        changes = TaskPlan.objects.filter(task=self.task).values_list("output_changes", flat=True)
        response.data["output_changes"] = changes.first() or []
        return response
