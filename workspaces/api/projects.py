"""Projects, and the project of a workspace."""

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer
from rest_framework.viewsets import ModelViewSet

from iacplatform.accounts.views import RowsView
from iacplatform.common.conditional import conditional
from iacplatform.common.errors import InvalidInput
from iacplatform.common.idempotency import idempotent_actions
from workspaces.api.access import WorkspaceView
from workspaces.api.filters import ProjectFilter
from workspaces.api.serializers.access import (
    NewProjectSerializer,
    ProjectSerializer,
    WorkspaceProjectSerializer,
)
from workspaces.models import Project, Workspace
from workspaces.services.projects import create_project, move_workspace, update_project


@conditional()
@idempotent_actions("create")
class ProjectViewSet(RowsView[Project], ModelViewSet[Project]):
    """The projects of the caller's organizations."""

    queryset = Project.objects.all()
    serializer_class = ProjectSerializer
    filterset_class = ProjectFilter
    lookup_field = "project_id"

    def rows(self) -> QuerySet[Project]:
        """By name."""
        visible = Project.objects.visible_to(self.user)
        return visible.select_related("organization").order_by("name", "pk")

    @extend_schema(request=NewProjectSerializer, responses={201: ProjectSerializer})
    def create(self, request: Request, *_: Any, **__: Any) -> Response:
        """Creates a project in one of the caller's organizations."""
        serializer = NewProjectSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        project = create_project(user=self.user, **serializer.validated_data)
        return Response(ProjectSerializer(project).data, status=201)

    def perform_update(self, serializer: BaseSerializer[Project]) -> None:
        """Changes the given fields."""
        assert serializer.instance is not None  # noqa: S101
        update_project(serializer.instance, **serializer.validated_data)

    def perform_destroy(self, instance: Project) -> None:
        """Removes it with its grants; 409 while it has workspaces."""
        instance.delete()


@conditional("project", ("move",))
class WorkspaceProjectViewSet(WorkspaceView[Workspace]):
    """The project of a workspace."""

    queryset = Workspace.objects.all()
    serializer_class = WorkspaceProjectSerializer
    filter_backends = []

    @extend_schema(responses=WorkspaceProjectSerializer)
    def project(self, request: Request, **_: Any) -> Response:
        """In which project it is; null where in none."""
        project = self.workspace.project
        return Response({"project_id": project.project_id if project else None})

    @extend_schema(request=WorkspaceProjectSerializer, responses=WorkspaceProjectSerializer)
    def move(self, request: Request, **kwargs: Any) -> Response:
        """Moves it into a project, or with null out of any; the grants there count for it from now on."""
        serializer = WorkspaceProjectSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        project = self._named(serializer.validated_data["project_id"])
        move_workspace(self.workspace, project, user=self.user)
        return self.project(request, **kwargs)

    def _named(self, project_id: str | None) -> Project | None:
        if project_id is None:
            return None
        found = Project.objects.visible_to(self.user).filter(project_id=project_id).first()
        if found is None:
            raise InvalidInput("project_id", "there is no such project")
        return found
