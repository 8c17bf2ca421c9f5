"""Who may do what: the grants of an organization, and those of one workspace."""

from typing import Any

from django.db.models import Q, QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import mixins
from rest_framework.request import Request
from rest_framework.response import Response

from iacplatform.accounts.administration.views import OrganizationView
from iacplatform.accounts.models import Organization, Team
from iacplatform.common.conditional import conditional
from iacplatform.common.errors import InvalidInput
from iacplatform.common.idempotency import idempotent_actions
from workspaces.api.access import WorkspaceView
from workspaces.api.filters import GrantFilter
from workspaces.api.serializers.access import (
    GrantChangeSerializer,
    GrantSerializer,
    NewGrantSerializer,
    NewWorkspaceGrantSerializer,
)
from workspaces.models import AccessGrant
from workspaces.services.access_grants import Place, change_grant, grant_access

RELATED = ("team", "user", "organization", "project", "workspace", "created_by")


class ChangeGrant(mixins.RetrieveModelMixin, mixins.DestroyModelMixin):
    """What both kinds of views do with one grant."""

    @extend_schema(request=GrantChangeSerializer, responses=GrantSerializer)
    def partial_update(self: Any, request: Request, **_: Any) -> Response:
        """Changes the level."""
        grant = self.get_object()
        serializer = GrantChangeSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        change_grant(grant, **serializer.validated_data)
        return Response(GrantSerializer(grant).data)


@conditional()
@idempotent_actions("create")
class OrganizationGrantViewSet(mixins.ListModelMixin, ChangeGrant, OrganizationView[AccessGrant]):
    """Every grant in an organization, its projects and its workspaces."""

    queryset = AccessGrant.objects.all()
    serializer_class = GrantSerializer
    filterset_class = GrantFilter
    lookup_field = "grant_id"

    def rows(self) -> QuerySet[AccessGrant]:
        """In the order in which they were made."""
        ours = (
            Q(organization=self.organization)
            | Q(project__organization=self.organization)
            | Q(workspace__organization=self.organization)
        )
        return AccessGrant.objects.filter(ours).select_related(*RELATED).order_by("pk")

    @extend_schema(request=NewGrantSerializer, responses={201: GrantSerializer})
    def create(self, request: Request, **_: Any) -> Response:
        """Gives a team a level in the organization, or in one project or workspace of it."""
        serializer = NewGrantSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        fields = serializer.validated_data
        team = team_of(self.organization, fields["team_id"])
        grant = grant_access(self._place(fields), team=team, level=fields["level"], user=self.user)
        return Response(GrantSerializer(grant).data, status=201)

    def _place(self, fields: dict[str, Any]) -> Place:
        found: Any = self.organization
        parts: dict[str, Any] = {
            "project_id": self.organization.projects,
            "workspace_id": self.organization.workspaces,
        }
        for name, rows in parts.items():
            if name in fields:
                found = rows.filter(**{name: fields[name]}).first()
            if found is None:
                raise InvalidInput(name, "the organization has none with this id")
        place: Place = found
        return place


@conditional()
@idempotent_actions("create")
class WorkspaceGrantViewSet(mixins.ListModelMixin, ChangeGrant, WorkspaceView[AccessGrant]):
    """The grants in one workspace, which its administrators give; wider ones are the owners'."""

    queryset = AccessGrant.objects.all()
    serializer_class = GrantSerializer
    filter_backends = []
    lookup_field = "grant_id"

    def rows(self) -> QuerySet[AccessGrant]:
        """In the order in which they were made."""
        return self.workspace.grants.select_related(*RELATED).order_by("pk")

    @extend_schema(request=NewWorkspaceGrantSerializer, responses={201: GrantSerializer})
    def create(self, request: Request, **_: Any) -> Response:
        """Gives a team a level here, which counts whatever it has in general."""
        serializer = NewWorkspaceGrantSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        fields = serializer.validated_data
        team = team_of(self.workspace.organization, fields["team_id"])
        grant = grant_access(self.workspace, team=team, level=fields["level"], user=self.user)
        return Response(GrantSerializer(grant).data, status=201)


def team_of(organization: Organization, team_id: str) -> Team:
    """The team of the organization with this id; raises ``InvalidInput``."""
    found = organization.teams.filter(team_id=team_id).first()
    if found is None:
        raise InvalidInput("team_id", "the organization has no such team")
    return found
