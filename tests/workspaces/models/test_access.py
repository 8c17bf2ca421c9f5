"""Which level a user has where, asked of rows and of queries."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from iacplatform.accounts.levels import Level
from iacplatform.accounts.models import Membership, Organization, Team, User
from tests.factories import (
    OrganizationFactory,
    ProjectFactory,
    UserFactory,
    WorkspaceFactory,
    member_with,
    plain_member,
)
from workspaces.models import AccessGrant, Project, Workspace, access_of

pytestmark = pytest.mark.django_db


def level(user: User, workspace: Workspace) -> Level:
    """The level that a user has now; what a query says of it has to be the same."""
    found = access_of(user).level_in_workspace(workspace)
    for each in Level:
        if each is not Level.NONE:
            seen = Workspace.objects.visible_to(user, each).filter(pk=workspace.pk).exists()
            assert seen == (found >= each)
    return found


def also(user: User, level: Level, **place: Any) -> None:
    """Gives the user's team another grant."""
    AccessGrant.objects.create(team=user.teams.get(), level=level, **place)


@pytest.fixture
def workspace() -> Workspace:
    """A workspace in a project."""
    return WorkspaceFactory.create(project=ProjectFactory.create())


# --- The most specific grant counts


def test_read_in_a_workspace_beats_write_in_its_organization(workspace: Workspace) -> None:
    user = member_with(Level.WRITE, organization=workspace.organization)
    also(user, Level.READ, workspace=workspace)
    assert level(user, workspace) == Level.READ
    assert level(user, WorkspaceFactory.create()) == Level.WRITE


def test_none_in_a_workspace_hides_it(workspace: Workspace) -> None:
    user = member_with(Level.ADMIN, organization=workspace.organization)
    also(user, Level.NONE, workspace=workspace)
    assert level(user, workspace) == Level.NONE


def test_a_project_is_between_the_two(workspace: Workspace) -> None:
    user = member_with(Level.ADMIN, organization=workspace.organization)
    also(user, Level.PLAN, project=workspace.project)
    assert level(user, workspace) == Level.PLAN
    also(user, Level.WRITE, workspace=workspace)
    assert level(user, workspace) == Level.WRITE
    assert level(user, WorkspaceFactory.create(project=workspace.project)) == Level.PLAN
    assert level(user, WorkspaceFactory.create()) == Level.ADMIN


def test_of_two_teams_in_one_place_the_higher_level_counts(workspace: Workspace) -> None:
    user = member_with(Level.PLAN, workspace=workspace)
    other = Team.objects.create(organization=workspace.organization, name="others")
    other.members.add(user)
    AccessGrant.objects.create(team=other, level=Level.NONE, workspace=workspace)
    assert level(user, workspace) == Level.PLAN


@pytest.mark.parametrize("each", list(Level))
@pytest.mark.parametrize("kind", ["organization", "project", "workspace"])
def test_a_grant_of_a_kind_gives_its_level(workspace: Workspace, kind: str, each: Level) -> None:
    place = workspace if kind == "workspace" else getattr(workspace, kind)
    where: dict[str, Any] = {kind: place}
    assert level(member_with(each, **where), workspace) == each


# --- Who has none


def test_a_team_of_another_organization_opens_nothing(workspace: Workspace) -> None:
    """Whatever is written down: the user belongs there and not here."""
    elsewhere = OrganizationFactory.create(name="elsewhere")
    user = plain_member(elsewhere)
    team = Team.objects.create(organization=elsewhere, name="others")
    team.members.add(user)
    for place in ("organization", "project", "workspace"):
        target = workspace if place == "workspace" else getattr(workspace, place)
        AccessGrant.objects.create(team=team, level=Level.ADMIN, **{place: target})
    assert level(user, workspace) == Level.NONE


def test_neither_does_it_to_who_belongs_to_both(workspace: Workspace) -> None:
    elsewhere = OrganizationFactory.create(name="elsewhere")
    user = member_with(Level.ADMIN, organization=elsewhere)
    also(user, Level.ADMIN, workspace=workspace)
    Membership.objects.create(user=user, organization=workspace.organization)
    assert level(user, workspace) == Level.NONE


def test_who_leaves_the_organization_leaves_what_they_had(workspace: Workspace) -> None:
    user = member_with(Level.ADMIN, workspace=workspace)
    AccessGrant.objects.create(user=user, level=Level.ADMIN, workspace=workspace)
    assert level(user, workspace) == Level.ADMIN
    Membership.objects.filter(user=user).delete()
    assert level(user, workspace) == Level.NONE


def test_a_member_of_no_team_sees_nothing(workspace: Workspace) -> None:
    assert level(plain_member(), workspace) == Level.NONE


@pytest.mark.parametrize("lower", [Level.NONE, Level.READ])
def test_an_owner_is_an_administrator_whatever_else_is_said(
    workspace: Workspace, lower: Level
) -> None:
    owner = UserFactory.create()
    AccessGrant.objects.create(user=owner, level=lower, workspace=workspace)
    assert level(owner, workspace) == Level.ADMIN


def test_a_superuser_is_an_administrator_everywhere(workspace: Workspace) -> None:
    assert level(UserFactory.create(organizations=[], superuser=True), workspace) == Level.ADMIN


# --- Rows and queries say the same, for whatever is granted


@dataclass
class World:
    """Places, and people and teams of two organizations."""

    organizations: list[Organization]
    projects: list[Project]
    workspaces: list[Workspace]
    users: list[User]
    teams: list[Team]


def a_world(chance: random.Random) -> World:
    """Two organizations with two projects and eight workspaces each."""
    organizations = [OrganizationFactory.create(name=name) for name in ("one", "two")]
    projects = [ProjectFactory.create(organization=each) for each in organizations for _ in "ab"]
    workspaces = [
        WorkspaceFactory.create(organization=each, project=project)
        for each in organizations
        for project in (None, None, *(p for p in projects if p.organization == each))
        for _ in "ab"
    ]
    teams = [
        Team.objects.create(organization=each, name=name)
        for each in organizations
        for name in "xyz"
    ]
    users = [UserFactory.create(organizations=[]) for _ in range(4)]
    for user in users:
        for organization in organizations:
            if chance.random() < 0.7:
                Membership.objects.create(
                    user=user, organization=organization, is_owner=chance.random() < 0.15
                )
        user.teams.set([team for team in teams if chance.random() < 0.5])
    return World(organizations, projects, workspaces, users, teams)


def grant_at_random(world: World, chance: random.Random) -> None:
    """Grants to teams in any of the places, and to users in workspaces."""
    places: dict[str, list[Any]] = {
        "organization": world.organizations,
        "project": world.projects,
        "workspace": world.workspaces,
    }
    for team in world.teams:
        for kind, theirs in places.items():
            for place in theirs:
                if chance.random() < 0.3:
                    AccessGrant.objects.create(
                        team=team, level=chance.choice(Level.values), **{kind: place}
                    )
    for user in world.users:
        place = chance.choice(world.workspaces)
        AccessGrant.objects.create(user=user, level=chance.choice(Level.values), workspace=place)


def oracle(user: User, workspace: Workspace, grants: list[AccessGrant]) -> Level:
    """The rule once more, in the plainest words: grant by grant, place by place."""
    memberships = {row.organization_id: row for row in user.membership_set.all()}
    here = memberships.get(workspace.organization_id)
    if here is None:
        return Level.NONE
    if here.is_owner:
        return Level.ADMIN
    teams = {team.pk for team in user.teams.all() if team.organization == workspace.organization}
    mine = [grant for grant in grants if grant.team_id in teams or grant.user_id == user.pk]
    tests: list[Callable[[AccessGrant], bool]] = [
        lambda grant: grant.workspace_id == workspace.pk,
        lambda grant: grant.project_id is not None and grant.project_id == workspace.project_id,
        lambda grant: grant.organization_id == workspace.organization_id,
    ]
    for applies in tests:
        if levels := [grant.level for grant in mine if applies(grant)]:
            return Level(max(levels))
    return Level.NONE


@pytest.mark.parametrize("seed", range(12))
def test_rows_and_queries_agree_with_the_rule_for_grants_at_random(seed: int) -> None:
    chance = random.Random(seed)
    world = a_world(chance)
    grant_at_random(world, chance)
    grants = list(AccessGrant.objects.all())
    for user in world.users:
        access = access_of(user)
        expected = {each.pk: oracle(user, each, grants) for each in world.workspaces}
        assert {each.pk: access.level_in_workspace(each) for each in world.workspaces} == expected
        for wanted in (Level.READ, Level.PLAN, Level.WRITE, Level.ADMIN):
            seen = set(Workspace.objects.visible_to(user, wanted).values_list("pk", flat=True))
            assert seen == {key for key, has in expected.items() if has >= wanted}
