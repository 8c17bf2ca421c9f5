"""Variables and their history."""

from collections.abc import Sequence
from typing import Any

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import mixins
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer

from iacplatform.common.conditional import conditional
from iacplatform.common.idempotency import idempotent_actions
from workspaces.api.access import WorkspaceView
from workspaces.api.filters import VariableFilter
from workspaces.api.serializers.variables import VariableChangeSerializer, VariableSerializer
from workspaces.models import WorkspaceVariable
from workspaces.models.variable import Variable, VariableQuerySet
from workspaces.models.variable_set import SetVariableQuerySet
from workspaces.services.variables import create_variable, delete_variable, update_variable


@conditional()
@idempotent_actions("create")
class VariableViewSet(
    mixins.ListModelMixin,
    mixins.CreateModelMixin,
    mixins.RetrieveModelMixin,
    mixins.DestroyModelMixin,
    WorkspaceView[WorkspaceVariable],
):
    """The variables of a workspace; none can be changed while it is locked."""

    queryset = WorkspaceVariable.objects.all()
    serializer_class = VariableSerializer
    filterset_class = VariableFilter
    lookup_field = "variable_id"

    def rows(self) -> QuerySet[WorkspaceVariable]:
        """The current version of each."""
        current = self.workspace.variables.current().select_related("created_by")
        return current.order_by("key", "variable_type")

    def perform_create(self, serializer: BaseSerializer[WorkspaceVariable]) -> None:
        """Creates version 1."""
        serializer.instance = create_variable(
            self.workspace, user=self.user, **serializer.validated_data
        )

    @extend_schema(request=VariableChangeSerializer, responses=VariableSerializer)
    def update(self, request: Request, **_: Any) -> Response:
        """Writes the next version; 409 where `version` is not the current one."""
        serializer = VariableChangeSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        successor = update_variable(self.get_object(), user=self.user, **serializer.validated_data)
        return Response(VariableSerializer(successor).data)

    def perform_destroy(self, instance: WorkspaceVariable) -> None:
        """Takes the variable out; the rows stay for the tasks that were created with it."""
        delete_variable(instance)


class VariableVersions(mixins.ListModelMixin, mixins.RetrieveModelMixin):
    """All versions of one variable of a workspace or a set, newest first."""

    filter_backends: Sequence[Any] = []
    lookup_field = "version"
    variable: Variable

    def owned(self) -> VariableQuerySet | SetVariableQuerySet:
        """The variables of the workspace or the set in the address."""
        raise NotImplementedError

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Looks the variable up among them."""
        super().initial(request, *args, **kwargs)  # type: ignore[misc]  # the view's
        found = get_object_or_404(self.owned().current(), variable_id=kwargs["variable_id"])
        self.variable = found

    def rows(self) -> QuerySet[Any]:
        """Those of the variable."""
        versions = self.owned().filter(variable_id=self.variable.variable_id)
        return versions.select_related("created_by").order_by("-version")

    def get_serializer_context(self) -> dict[str, Any]:
        """What became sensitive hides the values it had before, too."""
        context = dict(super().get_serializer_context())  # type: ignore[misc]
        if getattr(self, "swagger_fake_view", False):
            return context
        return {**context, "hide_values": self.variable.sensitive}


class VariableVersionViewSet(VariableVersions, WorkspaceView[WorkspaceVariable]):
    """All versions of a variable, newest first."""

    queryset = WorkspaceVariable.objects.all()
    serializer_class = VariableSerializer

    def owned(self) -> VariableQuerySet:
        """Those of the workspace."""
        return self.workspace.variables.all()
