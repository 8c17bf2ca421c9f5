"""What services reach with the access token of a webhook, and nobody else (reference §6.1.8, §6.1.9)."""

from django.conf import settings
from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from iacplatform.accounts.authentication import bearer_token
from iacplatform.common.errors import NotFound
from iacplatform.common.parsers import StrictJSONParser
from runtasks.api.serializers.callbacks import (
    CallbackAnswerSerializer,
    CallbackSerializer,
    read_callback,
)
from runtasks.api.serializers.results import ResourceChangesSerializer
from runtasks.models import RunTaskResult, RunTaskStage
from runtasks.services.callbacks import receive
from runtasks.services.tokens import open_result
from workspaces.api.logs import FirstRenderer
from workspaces.api.serializers.tasks import ResourceChangeSerializer
from workspaces.models import TaskPlan

JSON = "application/json"
NO_STORE = {"Cache-Control": "no-store"}


class CallbackParser(StrictJSONParser):
    """JSON that may carry several large outcomes."""

    @property
    def max_bytes(self) -> int:
        """The largest callback that is read."""
        return int(settings.RUN_TASK_CALLBACK_MAX_BYTES)


class ServiceView(APIView):
    """A view for services: the bearer is the access token of one result."""

    authentication_classes = []
    parser_classes = [CallbackParser]
    content_negotiation_class = FirstRenderer  # `application/vnd.api+json` is JSON too

    def open(self, request: Request, result_id: str) -> RunTaskResult:
        """The result, if the token opens it."""
        return open_result(result_id, bearer_token(request))


class CallbackView(ServiceView):
    """Where a service says what it has found."""

    @extend_schema(
        operation_id="run_task_callback",
        request=CallbackSerializer,
        responses=CallbackAnswerSerializer,
        auth=[],
    )
    def patch(self, request: Request, result_id: str) -> Response:
        """Takes progress (`running`) or the end (`passed`, `failed`), with outcomes.

        401 without the access token of the webhook, 403 with another result's, 410 once the result has
        ended, 400 for a wrong type or status, 422 for anything else in the body.
        """
        result = self.open(request, result_id)
        callback = read_callback(request.data)
        receive(result, callback)
        answer = {
            "message": "The result was updated",
            "result_id": result_id,
            "status": callback.status,
        }
        return Response(answer)

    @extend_schema(
        operation_id="run_task_callback_post",
        request=CallbackSerializer,
        responses=CallbackAnswerSerializer,
        auth=[],
    )
    def post(self, request: Request, result_id: str) -> Response:
        """The same as PATCH."""
        return self.patch(request, result_id)


class PlanView(ServiceView):
    """The plan that a result is about, as the engine's ``show -json`` wrote it, secrets included."""

    def plan_of(self, request: Request, result_id: str) -> bytes:
        """The plan's JSON; raises ``NotFound`` where there is none (yet)."""
        result = self.open(request, result_id)
        plan = None
        if result.stage != RunTaskStage.PRE_PLAN:
            rows = TaskPlan.objects.filter(task=result.task_id)
            plan = rows.values_list("plan_json", flat=True).first()
        if plan is None:
            raise NotFound("The task has no plan at this stage")
        return bytes(plan)


class PlanJSONView(PlanView):
    """``plan_data_url`` of the webhook."""

    @extend_schema(
        operation_id="run_task_plan_json", responses={(200, JSON): OpenApiTypes.OBJECT}, auth=[]
    )
    def get(self, request: Request, result_id: str) -> HttpResponse:
        """The plan as the engine writes it, in the member `plan_json`."""
        content = b'{"plan_json": ' + self.plan_of(request, result_id) + b"}"
        return HttpResponse(content, content_type=JSON, headers=NO_STORE)


class JSONOutputView(PlanView):
    """``plan_json_api_url`` of the webhook: HCP Terraform's services expect the bare plan there."""

    @extend_schema(
        operation_id="run_task_json_output", responses={(200, JSON): OpenApiTypes.OBJECT}, auth=[]
    )
    def get(self, request: Request, result_id: str) -> HttpResponse:
        """The plan as the engine writes it."""
        content = self.plan_of(request, result_id)
        return HttpResponse(content, content_type=JSON, headers=NO_STORE)


class ResourceChangesView(ServiceView):
    """``resource_changes_url`` of the webhook."""

    @extend_schema(
        operation_id="run_task_resource_changes", responses=ResourceChangesSerializer, auth=[]
    )
    def get(self, request: Request, result_id: str) -> Response:
        """What the plan does to each resource; sensitive values are masked."""
        result = self.open(request, result_id)
        if result.stage == RunTaskStage.PRE_PLAN:
            raise NotFound("The task has no plan at this stage")
        rows = result.task.resource_changes.all()
        body = {"resource_changes": ResourceChangeSerializer(rows, many=True).data}
        return Response(body, headers=NO_STORE)
