"""Variable sets: the list, one of them, its variables, and where it applies."""

from typing import Any

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import mixins
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer
from rest_framework.viewsets import ModelViewSet

from iacplatform.accounts.api import signed_in_user
from iacplatform.accounts.models import User
from iacplatform.accounts.views import RowsView
from iacplatform.common.conditional import conditional
from iacplatform.common.idempotency import idempotent_actions
from workspaces.api.access import WorkspaceView
from workspaces.api.filters import SetVariableFilter, VariableSetFilter
from workspaces.api.serializers.variable_sets import (
    AssignedProjectsSerializer,
    AssignedWorkspacesSerializer,
    EffectiveVariableSerializer,
    NewVariableSetSerializer,
    SetVariableSerializer,
    VariableSetSerializer,
)
from workspaces.api.serializers.variables import VariableChangeSerializer
from workspaces.api.variables import VariableVersions
from workspaces.models import SetVariable, VariableSet, Workspace, WorkspaceVariable
from workspaces.models.variable_set import SetVariableQuerySet
from workspaces.services.effective_variables import effective_variables
from workspaces.services.variable_sets import (
    assign_projects,
    assign_workspaces,
    create_set_variable,
    create_variable_set,
    delete_set_variable,
    delete_variable_set,
    update_set_variable,
    update_variable_set,
)


def visible_sets(user: User) -> QuerySet[VariableSet]:
    """The sets that a user may see, with what an answer shows of them."""
    visible = VariableSet.objects.kept().visible_to(user)
    return visible.select_related("organization", "created_by").order_by("name", "pk")


@conditional()
@conditional("projects", ("assign_projects",))
@conditional("workspaces", ("assign_workspaces",))
@idempotent_actions("create")
class VariableSetViewSet(ModelViewSet[VariableSet]):
    """The variable sets of the caller's organizations."""

    queryset = VariableSet.objects.all()
    serializer_class = VariableSetSerializer
    filterset_class = VariableSetFilter
    lookup_field = "variable_set_id"

    @property
    def user(self) -> User:
        """The caller."""
        return signed_in_user(self.request)

    def get_queryset(self) -> QuerySet[VariableSet]:
        """Those that were not deleted."""
        if getattr(self, "swagger_fake_view", False):
            return super().get_queryset()
        return visible_sets(self.user)

    @extend_schema(request=NewVariableSetSerializer, responses={201: VariableSetSerializer})
    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Creates an empty set in one of the caller's organizations."""
        serializer = NewVariableSetSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        created = create_variable_set(user=self.user, **serializer.validated_data)
        return Response(VariableSetSerializer(created).data, status=201)

    def perform_update(self, serializer: BaseSerializer[VariableSet]) -> None:
        """Changes the given fields; also while workspaces are locked."""
        assert serializer.instance is not None  # noqa: S101
        serializer.instance = update_variable_set(serializer.instance, **serializer.validated_data)

    def perform_destroy(self, instance: VariableSet) -> None:
        """Takes the set out of every workspace; tasks that were created with it keep its values."""
        delete_variable_set(instance)

    @extend_schema(responses=AssignedProjectsSerializer)
    def projects(self, request: Request, **_: Any) -> Response:
        """The projects to which the set applies where its scope is `projects`."""
        assigned = self.get_object().projects.order_by("project_id")
        return Response({"project_ids": list(assigned.values_list("project_id", flat=True))})

    @extend_schema(request=AssignedProjectsSerializer, responses=AssignedProjectsSerializer)
    def assign_projects(self, request: Request, **kwargs: Any) -> Response:
        """Says to which projects the set applies."""
        variable_set = self.get_object()
        serializer = AssignedProjectsSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        assign_projects(variable_set, serializer.validated_data["project_ids"])
        return self.projects(request, **kwargs)

    @extend_schema(responses=AssignedWorkspacesSerializer)
    def workspaces(self, request: Request, **_: Any) -> Response:
        """The workspaces to which the set applies where its scope is `workspaces`: those you see."""
        seen = Workspace.objects.visible_to(self.user).values("pk")
        assigned = self.get_object().workspaces.filter(pk__in=seen).order_by("workspace_id")
        return Response({"workspace_ids": list(assigned.values_list("workspace_id", flat=True))})

    @extend_schema(request=AssignedWorkspacesSerializer, responses=AssignedWorkspacesSerializer)
    def assign_workspaces(self, request: Request, **kwargs: Any) -> Response:
        """Says to which workspaces the set applies; those that you do not see stay."""
        variable_set = self.get_object()
        serializer = AssignedWorkspacesSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        references = serializer.validated_data["workspace_ids"]
        assign_workspaces(variable_set, references, user=self.user)
        return self.workspaces(request, **kwargs)


class SetVariableView(RowsView[SetVariable]):
    """A view of what belongs to the variable set in its address."""

    queryset = SetVariable.objects.all()
    serializer_class = SetVariableSerializer

    variable_set: VariableSet

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Looks the set up, once it is known who asks."""
        super().initial(request, *args, **kwargs)
        sets = visible_sets(self.user)
        self.variable_set = get_object_or_404(sets, variable_set_id=kwargs["variable_set_id"])
        self.check_object_permissions(request, self.variable_set)

    def rows(self) -> QuerySet[SetVariable]:
        """The current version of each variable."""
        current = self.variable_set.variables.current()
        related = current.select_related("created_by", "variable_set")
        return related.order_by("key", "variable_type")


@conditional()
@idempotent_actions("create")
class SetVariableViewSet(
    mixins.ListModelMixin,
    mixins.CreateModelMixin,
    mixins.RetrieveModelMixin,
    mixins.DestroyModelMixin,
    SetVariableView,
):
    """The variables of a set; they can be changed while workspaces are locked."""

    filterset_class = SetVariableFilter
    lookup_field = "variable_id"

    def perform_create(self, serializer: BaseSerializer[SetVariable]) -> None:
        """Creates version 1."""
        serializer.instance = create_set_variable(
            self.variable_set, user=self.user, **serializer.validated_data
        )

    @extend_schema(request=VariableChangeSerializer, responses=SetVariableSerializer)
    def update(self, request: Request, **_: Any) -> Response:
        """Writes the next version; 409 where `version` is not the current one."""
        serializer = VariableChangeSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        found = self.get_object()
        successor = update_set_variable(found, user=self.user, **serializer.validated_data)
        return Response(SetVariableSerializer(successor).data)

    def perform_destroy(self, instance: SetVariable) -> None:
        """Takes the variable out; the rows stay for the tasks that were created with it."""
        delete_set_variable(instance)


class SetVariableVersionViewSet(VariableVersions, SetVariableView):
    """All versions of a set's variable, newest first."""

    def owned(self) -> SetVariableQuerySet:
        """Those of the set."""
        return self.variable_set.variables.all()


class EffectiveVariableViewSet(WorkspaceView[Any]):
    """The variables that a task of the workspace would get if it were created now."""

    queryset = WorkspaceVariable.objects.all()
    serializer_class = EffectiveVariableSerializer
    filter_backends = []

    def list(self, request: Request, **_: Any) -> Response:
        """Each key once, with whose variable it is and whose variables it overrides."""
        effective = effective_variables(self.workspace, with_values=True)
        page = self.paginate_queryset(effective)
        return self.get_paginated_response(self.get_serializer(page, many=True).data)
