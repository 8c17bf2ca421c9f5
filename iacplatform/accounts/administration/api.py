"""Organizations, members, teams and their tokens over REST."""

from functools import partial
from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import mixins
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer

from iacplatform.accounts.administration.filters import MemberFilter, OrganizationFilter, TeamFilter
from iacplatform.accounts.administration.serializers import (
    MemberChangeSerializer,
    MemberSerializer,
    NewMemberSerializer,
    OrganizationChangeSerializer,
    OrganizationSerializer,
    TeamMembersSerializer,
    TeamSerializer,
)
from iacplatform.accounts.administration.services import (
    add_member,
    change_member,
    create_organization,
    create_organization_token,
    create_team,
    create_team_token,
    delete_team,
    remove_member,
    set_team_members,
    update_organization,
    update_team,
)
from iacplatform.accounts.administration.views import OrganizationView
from iacplatform.accounts.api import new_token_answer
from iacplatform.accounts.models import APIToken, Membership, Organization, Team
from iacplatform.accounts.organizations import member_organizations
from iacplatform.accounts.serializers import APITokenSerializer, NewAPITokenSerializer
from iacplatform.accounts.services import revoke_api_token
from iacplatform.accounts.views import RowsView
from iacplatform.common.conditional import conditional
from iacplatform.common.errors import NotFound
from iacplatform.common.idempotency import idempotent_actions


@idempotent_actions("create")
class OrganizationListViewSet(
    mixins.ListModelMixin, mixins.CreateModelMixin, RowsView[Organization]
):
    """The caller's organizations."""

    queryset = Organization.objects.all()
    serializer_class = OrganizationSerializer
    filterset_class = OrganizationFilter

    def rows(self) -> QuerySet[Organization]:
        """Those that the caller belongs to; a superuser sees all."""
        return member_organizations(self.user).order_by("name")

    def perform_create(self, serializer: BaseSerializer[Organization]) -> None:
        """Creates an organization; its first owner is added by a superuser."""
        serializer.instance = create_organization(**serializer.validated_data)


@conditional()
class OrganizationViewSet(OrganizationView[Organization]):
    """One organization."""

    queryset = Organization.objects.all()
    serializer_class = OrganizationSerializer
    filter_backends = []
    lookup_field = "name"
    lookup_url_kwarg = "organization"

    def rows(self) -> QuerySet[Organization]:
        """Itself."""
        return Organization.objects.filter(pk=self.organization.pk)

    def retrieve(self, request: Request, **_: Any) -> Response:
        """The organization."""
        return Response(OrganizationSerializer(self.get_object()).data)

    @extend_schema(request=OrganizationChangeSerializer)
    def partial_update(self, request: Request, **_: Any) -> Response:
        """Changes what it is called."""
        serializer = OrganizationChangeSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        organization = self.get_object()
        update_organization(organization, **serializer.validated_data)
        return Response(OrganizationSerializer(organization).data)


@conditional()
@idempotent_actions("create")
class MemberViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, OrganizationView[Membership]):
    """Who belongs to an organization."""

    queryset = Membership.objects.all()
    serializer_class = MemberSerializer
    filterset_class = MemberFilter
    lookup_field = "user_id"

    def rows(self) -> QuerySet[Membership]:
        """By name."""
        members = Membership.objects.filter(organization=self.organization)
        return members.select_related("user").order_by("user__username")

    @extend_schema(request=NewMemberSerializer, responses={201: MemberSerializer})
    def create(self, request: Request, **_: Any) -> Response:
        """Lets a user in; what they may do comes from their teams, unless they are an owner."""
        serializer = NewMemberSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        membership = add_member(self.organization, **serializer.validated_data)
        return Response(MemberSerializer(membership).data, status=201)

    @extend_schema(request=MemberChangeSerializer, responses=MemberSerializer)
    def partial_update(self, request: Request, **_: Any) -> Response:
        """Makes a member an owner, or no longer; 409 for the last owner."""
        membership = self.get_object()
        serializer = MemberChangeSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        change_member(membership, **serializer.validated_data)
        return Response(MemberSerializer(membership).data)

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, **_: Any) -> Response:
        """Takes somebody out of the organization and its teams; 409 for the last owner."""
        remove_member(self.get_object())
        return Response(status=204)


@conditional()
@conditional("members", ("set_members",))
@idempotent_actions("create")
class TeamViewSet(
    mixins.ListModelMixin,
    mixins.CreateModelMixin,
    mixins.RetrieveModelMixin,
    mixins.UpdateModelMixin,
    mixins.DestroyModelMixin,
    OrganizationView[Team],
):
    """The teams of an organization."""

    queryset = Team.objects.all()
    serializer_class = TeamSerializer
    filterset_class = TeamFilter
    lookup_field = "team_id"

    def rows(self) -> QuerySet[Team]:
        """By name."""
        return self.organization.teams.select_related("organization").order_by("name")

    def perform_create(self, serializer: BaseSerializer[Team]) -> None:
        """Creates a team without members."""
        serializer.instance = create_team(self.organization, **serializer.validated_data)

    def perform_update(self, serializer: BaseSerializer[Team]) -> None:
        """Changes the given fields."""
        assert serializer.instance is not None  # noqa: S101
        update_team(serializer.instance, **serializer.validated_data)

    def perform_destroy(self, instance: Team) -> None:
        """Removes it with its grants and tokens."""
        delete_team(instance)

    @extend_schema(responses=TeamMembersSerializer)
    def members(self, request: Request, **_: Any) -> Response:
        """Who is in the team."""
        people = self.get_object().members.filter(is_service=False).order_by("username")
        return Response({"usernames": list(people.values_list("username", flat=True))})

    @extend_schema(request=TeamMembersSerializer, responses=TeamMembersSerializer)
    def set_members(self, request: Request, **kwargs: Any) -> Response:
        """Says who is in the team, in place of those so far: members of the organization only."""
        team = self.get_object()
        serializer = TeamMembersSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        set_team_members(team, **serializer.validated_data)
        return self.members(request, **kwargs)


class OrganizationTokenViewSet(
    mixins.ListModelMixin, mixins.DestroyModelMixin, OrganizationView[APIToken]
):
    """Tokens that act as an owner of the organization."""

    queryset = APIToken.objects.all()
    serializer_class = APITokenSerializer
    filter_backends = []
    lookup_url_kwarg = "token_id"

    def rows(self) -> QuerySet[APIToken]:
        """Newest first."""
        return self.organization.api_tokens.order_by("-created_at", "-pk")

    @extend_schema(request=APITokenSerializer, responses={201: NewAPITokenSerializer})
    def create(self, request: Request, **_: Any) -> Response:
        """Creates a token; its text is in this answer and never again."""
        make = partial(create_organization_token, self.organization, user=self.user)
        return new_token_answer(request, make)

    def perform_destroy(self, instance: APIToken) -> None:
        """Revokes it; the row stays in the list."""
        revoke_api_token(instance)


class TeamTokenViewSet(OrganizationTokenViewSet):
    """Tokens that act as a team."""

    team: Team

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Looks the team up in the organization."""
        super().initial(request, *args, **kwargs)
        found = self.organization.teams.filter(team_id=kwargs["team_id"]).first()
        if found is None:
            raise NotFound("There is no such team")
        self.team = found

    def rows(self) -> QuerySet[APIToken]:
        """Newest first."""
        return self.team.api_tokens.order_by("-created_at", "-pk")

    @extend_schema(request=APITokenSerializer, responses={201: NewAPITokenSerializer})
    def create(self, request: Request, **_: Any) -> Response:
        """Creates a token; its text is in this answer and never again."""
        return new_token_answer(request, partial(create_team_token, self.team, user=self.user))
