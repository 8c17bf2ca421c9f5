"""Checks: asking for one, cancelling it, the history, and where workspaces stand."""

from typing import Any

from django.db.models import Case, CharField, QuerySet, Value, When
from drf_spectacular.utils import extend_schema
from rest_framework import mixins
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer
from rest_framework.viewsets import GenericViewSet

from iacplatform.accounts.api import signed_in_user
from iacplatform.common.idempotency import idempotent_actions
from workspaces.api.access import WorkspaceView
from workspaces.drift.api.filters import CheckFilter, ResourceDriftFilter, StatusFilter
from workspaces.drift.api.pages import ResourceDriftPagination
from workspaces.drift.api.serializers.checks import (
    DRIFTED,
    SYNCED,
    UNAPPLIED,
    ChecksCancelledSerializer,
    CheckStartedSerializer,
    DriftCheckDetailSerializer,
    DriftCheckSerializer,
    DriftedResourceSerializer,
    DriftStatusDetailSerializer,
    DriftStatusSerializer,
    ResourceDriftSerializer,
)
from workspaces.drift.models import DriftCheck, DriftStatus
from workspaces.drift.services.checks import cancel_checks, check_now
from workspaces.models import WorkspaceResource

LARGE = (
    "last_check__resources",
    "result__resources",
    "workspace__tf_code",
    "workspace__provider_config",
    "workspace__lock_file",
)


@idempotent_actions("start")
class CheckViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, WorkspaceView[DriftCheck]):
    """The checks of a workspace, newest first."""

    queryset = DriftCheck.objects.all()
    filterset_class = CheckFilter
    lookup_field = "check_id"

    def rows(self) -> QuerySet[DriftCheck]:
        """All that are kept; a list is shown without what was found."""
        checks = DriftCheck.objects.filter(workspace=self.workspace)
        return checks.light() if self.action == "list" else checks

    def get_serializer_class(self) -> type[BaseSerializer[DriftCheck]]:
        """One check is shown with what it found."""
        return DriftCheckSerializer if self.action == "list" else DriftCheckDetailSerializer

    @extend_schema(request=None, responses={202: CheckStartedSerializer})
    def start(self, request: Request, **_: Any) -> Response:
        """Starts a check whatever the schedule says; while something is applied it waits for the end.

        409 `check_running` while another check has not ended, 423 while the workspace is locked.
        """
        task = check_now(self.workspace, user=self.user)
        check = DriftCheck.objects.light().get(task=task)
        answer = {"message": "The check was started", "task_id": task.pk}
        return Response({**answer, "check_id": check.check_id}, status=202)

    @extend_schema(responses={200: ChecksCancelledSerializer})
    def cancel(self, request: Request, **_: Any) -> Response:
        """Cancels the check that has not ended, if there is one: its engine is stopped."""
        count = cancel_checks(self.workspace, user=self.user)
        message = "The check is being cancelled" if count else "No check was under way"
        return Response({"message": message, "tasks_updated": count})


class StatusViewSet(WorkspaceView[DriftStatus]):
    """Where one workspace stands."""

    queryset = DriftStatus.objects.all()
    serializer_class = DriftStatusDetailSerializer
    filter_backends = []

    def retrieve(self, request: Request, **_: Any) -> Response:
        """What is known of the workspace's drift, and how its last check ended."""
        rows = DriftStatus.objects.select_related("last_check", "result").defer(*LARGE[:2])
        found = rows.filter(workspace=self.workspace).first()
        status = found or DriftStatus(workspace=self.workspace)
        status.workspace = self.workspace
        return Response(DriftStatusDetailSerializer(status).data)


class DriftListViewSet(mixins.ListModelMixin, GenericViewSet[DriftStatus]):
    """The workspaces that have drifted."""

    queryset = DriftStatus.objects.all()
    serializer_class = DriftStatusSerializer
    filterset_class = StatusFilter

    def get_queryset(self) -> QuerySet[DriftStatus]:
        """Of those that the caller sees, by name."""
        if getattr(self, "swagger_fake_view", False):
            return super().get_queryset()
        visible = DriftStatus.objects.visible_to(signed_in_user(self.request))
        related = visible.select_related("workspace", "last_check", "result").defer(*LARGE)
        return related.order_by("workspace__name", "pk")


class ResourceDriftViewSet(mixins.ListModelMixin, WorkspaceView[WorkspaceResource]):
    """The resources of a workspace and what drifted below them."""

    queryset = WorkspaceResource.objects.all()
    serializer_class = ResourceDriftSerializer
    filterset_class = ResourceDriftFilter
    pagination_class = ResourceDriftPagination
    found: list[dict[str, Any]]

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Reads what the last check has found."""
        super().initial(request, *args, **kwargs)
        checks = DriftCheck.objects.filter(pk__in=self.workspace_results())
        found: Any = checks.values_list("resources", flat=True).first()
        self.found = found or []

    def workspace_results(self) -> QuerySet[DriftStatus, Any]:
        """The check that the workspace's drift is known from."""
        return DriftStatus.objects.filter(workspace=self.workspace).values("result")

    def rows(self) -> QuerySet[WorkspaceResource]:
        """Those of the configuration, drifted ones first."""
        drifted = [each["resource_id"] for each in self.found if each["has_drift"]]
        status = Case(
            When(resource_id__in=drifted, then=Value(DRIFTED)),
            When(last_applied_at=None, then=Value(UNAPPLIED)),
            default=Value(SYNCED),
            output_field=CharField(),
        )
        resources = self.workspace.resources.filter(is_active=True)
        return resources.annotate(drift_status=status).order_by("drift_status", "resource_id")

    def get_serializer_context(self) -> dict[str, Any]:
        """With what was found below each of them."""
        context = super().get_serializer_context()
        found = {each["resource_id"]: each for each in getattr(self, "found", [])}
        return {**context, "found": found}

    def list(self, request: Request, **kwargs: Any) -> Response:
        """A page of resources, and what drifted outside of them."""
        response = super().list(request, **kwargs)
        known = self.workspace.resources.filter(is_active=True)
        ids = set(known.values_list("resource_id", flat=True)) if self.found else set()
        others = [each for each in self.found if each["resource_id"] not in ids]
        response.data["others"] = DriftedResourceSerializer(others, many=True).data
        return response
