"""Addresses of organizations, members and teams."""

from typing import Any

from django.urls import path

from iacplatform.accounts.administration.api import (
    MemberViewSet,
    OrganizationListViewSet,
    OrganizationTokenViewSet,
    OrganizationViewSet,
    TeamTokenViewSet,
    TeamViewSet,
)
from iacplatform.accounts.administration.users import AccountViewSet
from iacplatform.common import converters  # noqa: F401  # registers `pk`, `sid`

ORGANIZATION = "organizations/<slug:organization>"
MEMBER = f"{ORGANIZATION}/members/<pk:user_id>"
TEAM = f"{ORGANIZATION}/teams/<sid:team_id>"
Actions = dict[str, Any]
COLLECTION: Actions = {"get": "list", "post": "create"}
TEAM_ITEM: Actions = {
    "get": "retrieve",
    "put": "update",
    "patch": "partial_update",
    "delete": "destroy",
}
DELETE: Actions = {"delete": "destroy"}

urlpatterns = [
    path("organizations", OrganizationListViewSet.as_view(COLLECTION)),
    path(ORGANIZATION, OrganizationViewSet.as_view({"get": "retrieve", "patch": "partial_update"})),
    path(f"{ORGANIZATION}/members", MemberViewSet.as_view(COLLECTION)),
    path(
        MEMBER,
        MemberViewSet.as_view({"get": "retrieve", "patch": "partial_update", "delete": "destroy"}),
    ),
    path(f"{ORGANIZATION}/teams", TeamViewSet.as_view(COLLECTION)),
    path(TEAM, TeamViewSet.as_view(TEAM_ITEM)),
    path(f"{TEAM}/members", TeamViewSet.as_view({"get": "members", "put": "set_members"})),
    path(f"{TEAM}/tokens", TeamTokenViewSet.as_view(COLLECTION)),
    path(f"{TEAM}/tokens/<pk:token_id>", TeamTokenViewSet.as_view(DELETE)),
    path(f"{ORGANIZATION}/tokens", OrganizationTokenViewSet.as_view(COLLECTION)),
    path(f"{ORGANIZATION}/tokens/<pk:token_id>", OrganizationTokenViewSet.as_view(DELETE)),
    path("users", AccountViewSet.as_view(COLLECTION)),
    path(
        "users/<pk:user_id>",
        AccountViewSet.as_view({"get": "retrieve", "patch": "partial_update"}),
    ),
]
