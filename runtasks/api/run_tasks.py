"""RunTasks: the list, one of them, and trying its service."""

from typing import Any

from django.db.models import Count, Q, QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer
from rest_framework.viewsets import ModelViewSet

from iacplatform.accounts.api import signed_in_user
from iacplatform.accounts.levels import OrganizationRole
from iacplatform.accounts.organizations import require_role_somewhere
from iacplatform.accounts.permissions import check_platform_wide
from iacplatform.common.conditional import conditional
from runtasks.api.filters import RunTaskFilter
from runtasks.api.serializers.run_tasks import (
    NewRunTaskSerializer,
    RunTaskChangeSerializer,
    RunTaskSerializer,
    TrialReportSerializer,
    TrialSerializer,
)
from runtasks.models import RunTask
from runtasks.services.configuration import (
    check_administrator,
    create_run_task,
    delete_run_task,
    update_run_task,
)
from runtasks.services.verification import address_for_tests, report
from workspaces.models import Workspace


@conditional()
class RunTaskViewSet(ModelViewSet[RunTask]):
    """The RunTasks of the caller's organizations, and those of the whole platform.

    Those of an organization are written by who has the role ``run_tasks`` there, the platform's by staff.
    """

    queryset = RunTask.objects.all()
    filterset_class = RunTaskFilter
    lookup_field = "run_task_id"

    def get_queryset(self) -> QuerySet[RunTask]:
        """Those that the caller sees, by name."""
        if getattr(self, "swagger_fake_view", False):
            return super().get_queryset()
        user = signed_in_user(self.request)
        seen = Q(attachments__workspace__in=Workspace.objects.visible_to(user))
        count = Count("attachments__workspace", distinct=True, filter=seen)
        counted = RunTask.objects.visible_to(user).annotate(workspace_count=count)
        return counted.select_related("organization", "created_by").order_by("name", "pk")

    def get_serializer_class(self) -> type[BaseSerializer[RunTask]]:
        """Writing takes more than reading shows."""
        if self.action in {"update", "partial_update"}:
            return RunTaskChangeSerializer
        return RunTaskSerializer

    @extend_schema(request=NewRunTaskSerializer, responses={201: RunTaskSerializer})
    def create(self, request: Request, *_: Any, **__: Any) -> Response:
        """Creates a RunTask; 422 where its service does not accept a test request."""
        serializer = NewRunTaskSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        fields = serializer.validated_data
        platform_wide = "organization" in fields and fields["organization"] is None
        check_platform_wide(request, platform_wide)
        run_task = create_run_task(
            user=signed_in_user(request),
            platform_wide=platform_wide,
            verified=fields.pop("verify"),
            **fields,
        )
        return Response(RunTaskSerializer(run_task).data, status=201)

    @extend_schema(request=RunTaskChangeSerializer, responses=RunTaskSerializer)
    def update(self, request: Request, *_: Any, partial: bool = False, **__: Any) -> Response:
        """Changes a RunTask; 422 where its service is reached anew and does not accept a test request.

        Results that are there already keep the name, the address and the enforcement they were made with.
        """
        run_task = self.get_object()
        serializer = RunTaskChangeSerializer(run_task, data=request.data, partial=partial)
        serializer.is_valid(raise_exception=True)
        changes = {**serializer.validated_data}
        verified = changes.pop("verify", True)
        update_run_task(run_task, user=signed_in_user(request), verified=verified, **changes)
        return Response(RunTaskSerializer(run_task).data)

    @extend_schema(request=RunTaskChangeSerializer, responses=RunTaskSerializer)
    def partial_update(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """The same as PUT, for some of the fields."""
        return super().partial_update(request, *args, **kwargs)

    def perform_destroy(self, instance: RunTask) -> None:
        """Removes a RunTask; 409 while a workspace has an attachment for it, or while it is asked."""
        delete_run_task(instance, user=signed_in_user(self.request))

    @extend_schema(operation_id="run_tasks_test", request=None, responses=TrialReportSerializer)
    def test(self, request: Request, **_: Any) -> Response:
        """Sends a test request to `/test` below the RunTask's address; 200 whatever comes of it."""
        run_task = self.get_object()
        check_administrator(run_task, signed_in_user(request))
        url = address_for_tests(run_task)
        named = {
            "run_task_id": run_task.run_task_id,
            "endpoint_url": run_task.endpoint_url,
            "test_url": url,
        }
        return Response(report(run_task, url) | named)

    @extend_schema(
        operation_id="run_tasks_try_out", request=TrialSerializer, responses=TrialReportSerializer
    )
    def try_out(self, request: Request, **_: Any) -> Response:
        """Sends a test request to an address that is not saved; 200 whatever comes of it.

        For who may create run tasks somewhere: others have no business with what this server reaches.
        """
        require_role_somewhere(signed_in_user(request), OrganizationRole.RUN_TASKS)
        serializer = TrialSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        unsaved = RunTask(**serializer.validated_data)
        url = unsaved.endpoint_url
        return Response(report(unsaved, url) | {"endpoint_url": url, "test_url": url})
