"""Results: those of a task, one of them with its outcomes, and overriding them."""

from typing import Any

from django.db.models import Prefetch, QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import mixins
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from iacplatform.accounts.api import signed_in_user
from iacplatform.common.idempotency import idempotent_actions
from runtasks.api.filters import ResultFilter
from runtasks.api.serializers.results import (
    OutcomeSerializer,
    OverriddenSerializer,
    OverrideSerializer,
    RunTaskResultSerializer,
)
from runtasks.models import RunTaskOutcome, RunTaskResult
from runtasks.models.result import ResultQuerySet
from runtasks.services.overrides import override_run_tasks
from workspaces.api.access import TaskView

UNUSED = (
    "request_payload",
    "access_token",
    "run_task__hmac_key",
    "task__outputs",
    "task__workspace__tf_code",
    "task__workspace__provider_config",
    "task__workspace__lock_file",
)


def _shown(results: ResultQuerySet) -> ResultQuerySet:
    """With what an answer says of them, without what may be large."""
    related = results.select_related("task__workspace", "run_task", "workspace_run_task")
    outcomes = RunTaskOutcome.objects.defer("body")
    return related.defer(*UNUSED).prefetch_related(Prefetch("outcomes", queryset=outcomes))


@idempotent_actions("override")
class TaskResultViewSet(mixins.ListModelMixin, TaskView[RunTaskResult]):
    """The results of a task, in the order in which its stages and batches come."""

    queryset = RunTaskResult.objects.all()
    serializer_class = RunTaskResultSerializer
    filterset_class = ResultFilter

    def rows(self) -> QuerySet[RunTaskResult]:
        """Those of the task."""
        return _shown(RunTaskResult.objects.filter(task=self.task))

    @extend_schema(request=OverrideSerializer, responses=OverriddenSerializer)
    def override(self, request: Request, **_: Any) -> Response:
        """Takes the advisory results that did not pass for settled, with a comment in the task's history.

        For a task that waits at run tasks, or for approval: 400 for any other, 403 while a mandatory one
        did not pass.
        """
        serializer = OverrideSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        comment = serializer.validated_data["comment"]
        count = override_run_tasks(self.task, user=self.user, comment=comment)
        answer = {
            "message": f"{count} run tasks were overridden",
            "overridden": True,
            "overridden_by": self.user.get_username(),
            "comment": comment,
        }
        return Response(answer)


class ResultViewSet(mixins.RetrieveModelMixin, GenericViewSet[RunTaskResult]):
    """One result."""

    queryset = RunTaskResult.objects.all()
    serializer_class = RunTaskResultSerializer
    filter_backends = []
    lookup_field = "result_id"

    def get_queryset(self) -> QuerySet[RunTaskResult]:
        """Results of the workspaces that the caller sees (F46)."""
        if getattr(self, "swagger_fake_view", False):
            return super().get_queryset()
        return _shown(RunTaskResult.objects.visible_to(signed_in_user(self.request)))


class OutcomeViewSet(mixins.ListModelMixin, GenericViewSet[RunTaskOutcome]):
    """The outcomes of a result with their texts."""

    queryset = RunTaskOutcome.objects.all()
    serializer_class = OutcomeSerializer
    filter_backends = []

    def get_queryset(self) -> QuerySet[RunTaskOutcome]:
        """In the order in which they came."""
        if getattr(self, "swagger_fake_view", False):
            return super().get_queryset()
        visible = RunTaskResult.objects.visible_to(signed_in_user(self.request))
        return get_object_or_404(visible, result_id=self.kwargs["result_id"]).outcomes.all()
