"""Projects and grants over REST, and what they mean."""

from collections.abc import Callable

import pytest
from rest_framework.test import APIClient

from iacplatform.accounts.levels import Level
from iacplatform.accounts.models import Team, User
from tests.factories import (
    OrganizationFactory,
    UserFactory,
    WorkspaceFactory,
    member_with,
    plain_member,
)
from workspaces.models import AccessGrant, Project, Workspace

pytestmark = pytest.mark.django_db
ALL = "/api/v1/workspaces"
HOUSE = "/api/v1/organizations/default"


@pytest.fixture
def team(workspace: Workspace) -> Team:
    """A team of the workspace's organization with one member, who may do nothing yet."""
    team = Team.objects.create(organization=workspace.organization, name="platform")
    team.members.add(plain_member(username="grace"))
    return team


@pytest.fixture
def grace(team: Team, client_of: Callable[[User], APIClient]) -> APIClient:
    """Calls as the member of the team."""
    return client_of(team.members.get())


def test_a_grant_opens_a_workspace_and_its_end_closes_it(
    api: APIClient, base: str, grace: APIClient, team: Team
) -> None:
    assert grace.get(base).status_code == 404
    created = api.post(f"{base}/access-grants", {"team_id": team.team_id, "level": "read"})
    assert created.status_code == 201, created.content
    at = f"{base}/access-grants/{created.json()['grant_id']}"
    assert (grace.get(base).status_code, grace.post(f"{base}/lock", {}).status_code) == (200, 403)
    assert api.patch(at, {"level": "write"}).json()["level"] == "write"
    assert grace.post(f"{base}/lock", {}).status_code == 200
    assert api.delete(at).status_code == 204
    assert grace.get(base).status_code == 404


def test_the_most_specific_place_counts_also_with_a_lower_level(
    api: APIClient, base: str, grace: APIClient, team: Team, workspace: Workspace
) -> None:
    project = Project.objects.create(organization=workspace.organization, name="retail")
    other = WorkspaceFactory.create(name="other")
    grants = f"{HOUSE}/access-grants"
    named = {"team_id": team.team_id}

    assert api.post(grants, {**named, "level": "write"}).status_code == 201
    assert grace.post(f"{base}/lock", {}).status_code == 200
    assert grace.post(f"{base}/unlock", {}).status_code == 200
    inside = api.put(f"{base}/project", {"project_id": project.project_id})
    assert inside.status_code == 200, inside.content
    in_project = {**named, "project_id": project.project_id, "level": "read"}
    assert api.post(grants, in_project).status_code == 201
    assert grace.post(f"{base}/lock", {}).status_code == 403
    hidden = {**named, "workspace_id": workspace.workspace_id, "level": "none"}
    assert api.post(grants, hidden).status_code == 201
    assert grace.get(base).status_code == 404
    assert [each["name"] for each in grace.get(ALL).json()["items"]] == [other.name]


@pytest.mark.parametrize("place", ["organization", "project", "workspace"])
def test_a_team_has_one_level_in_a_place(
    api: APIClient, team: Team, workspace: Workspace, place: str
) -> None:
    project = Project.objects.create(organization=workspace.organization, name="retail")
    places = {
        "organization": {},
        "project": {"project_id": project.project_id},
        "workspace": {"workspace_id": workspace.workspace_id},
    }
    body = {"team_id": team.team_id, "level": "read", **places[place]}

    assert api.post(f"{HOUSE}/access-grants", body).status_code == 201
    again = api.post(f"{HOUSE}/access-grants", body)
    assert (again.status_code, list(again.json()["fields"])) == (409, ["team_id"])


def test_nothing_of_another_organization_can_be_named(
    api: APIClient, base: str, team: Team
) -> None:
    elsewhere = OrganizationFactory.create(name="elsewhere")
    foreign_team = Team.objects.create(organization=elsewhere, name="theirs")
    foreign = WorkspaceFactory.create(organization=elsewhere)
    project = Project.objects.create(organization=elsewhere, name="theirs")
    ours = {"team_id": team.team_id, "level": "read"}
    theirs = {"team_id": foreign_team.team_id, "level": "read"}
    answers = {
        "team_id": api.post(f"{base}/access-grants", theirs),
        "workspace_id": api.post(
            f"{HOUSE}/access-grants", {**ours, "workspace_id": foreign.workspace_id}
        ),
        "project_id": api.put(f"{base}/project", {"project_id": project.project_id}),
    }
    assert {
        name: (answer.status_code, list(answer.json()["fields"]))
        for name, answer in answers.items()
    } == {name: (400, [name]) for name in answers}
    two = {**ours, "workspace_id": "ws-1", "project_id": "prj-1"}
    assert api.post(f"{HOUSE}/access-grants", two).status_code == 400


def test_who_creates_a_workspace_administers_it_until_they_leave(
    client_of: Callable[[User], APIClient],
) -> None:
    writer = member_with(Level.WRITE)
    client = client_of(writer)
    created = client.post(ALL, {"name": "mine"})
    assert created.status_code == 201, created.content
    at = f"{ALL}/{created.json()['workspace_id']}"

    assert client.get(f"{at}/access-grants").status_code == 200
    writer.membership_set.all().delete()
    assert client.get(at).status_code == 404


def test_creating_needs_write_where_the_workspace_will_be(
    client_of: Callable[[User], APIClient],
) -> None:
    house = OrganizationFactory.create()
    project = Project.objects.create(organization=house, name="retail")
    inside = client_of(member_with(Level.WRITE, project=project))
    planner = client_of(member_with(Level.PLAN))

    assert planner.post(ALL, {"name": "a"}).status_code == 403
    assert inside.post(ALL, {"name": "a"}).status_code == 403
    made = inside.post(ALL, {"name": "a", "project_id": project.project_id})
    assert (made.status_code, made.json()["project_id"]) == (201, project.project_id)
    wrong = inside.post(ALL, {"name": "b", "project_id": "prj-none"})
    assert (wrong.status_code, list(wrong.json()["fields"])) == (400, ["project_id"])


def test_who_may_plan_starts_no_change_that_applies_by_itself_and_stops_no_other_persons(
    client_of: Callable[[User], APIClient], api: APIClient, base: str, workspace: Workspace
) -> None:
    planner = client_of(member_with(Level.PLAN, workspace=workspace))
    change = api.post(f"{base}/tasks", {"run_type": "plan_and_apply"}).json()["id"]

    assert planner.post(f"{base}/tasks/{change}/cancel", {}).status_code == 403
    own = planner.post(f"{base}/tasks", {"run_type": "plan_and_apply"})
    assert own.status_code == 201
    assert planner.post(f"{base}/tasks/{own.json()['id']}/cancel", {}).status_code == 200
    Workspace.objects.update(auto_apply=True)
    assert planner.post(f"{base}/tasks", {"run_type": "plan_and_apply"}).status_code == 403
    plan = planner.post(f"{base}/tasks", {"run_type": "plan"})
    assert plan.status_code == 201
    assert planner.post(f"{base}/tasks/{plan.json()['id']}/cancel", {}).status_code == 200


def test_another_persons_lock_is_taken_away_by_administrators_only(
    client_of: Callable[[User], APIClient], api: APIClient, base: str, workspace: Workspace
) -> None:
    """F10, with levels."""
    api.post(f"{base}/lock", {"reason": "moving"})
    writer = client_of(member_with(Level.WRITE, workspace=workspace))
    admin = client_of(member_with(Level.ADMIN, workspace=workspace))

    assert writer.post(f"{base}/unlock", {"force": True}).status_code == 403
    assert admin.post(f"{base}/unlock", {"force": True}).status_code == 200


def test_a_project_with_workspaces_stays(api: APIClient, base: str) -> None:
    project = api.post("/api/v1/projects", {"name": "retail"}).json()
    at = f"/api/v1/projects/{project['project_id']}"
    api.put(f"{base}/project", {"project_id": project["project_id"]})

    assert api.delete(at).status_code == 409
    assert api.put(f"{base}/project", {"project_id": None}).json() == {"project_id": None}
    assert api.delete(at).status_code == 204
    assert not AccessGrant.objects.filter(project__isnull=False).exists()


def test_projects_are_managed_by_those_with_the_role(
    client_of: Callable[[User], APIClient],
) -> None:
    member = client_of(member_with(Level.ADMIN))
    manager = client_of(member_with(Level.NONE, roles=("settings",)))
    stranger = client_of(UserFactory.create(organizations=[]))
    made = manager.post("/api/v1/projects", {"name": "retail"})
    at = f"/api/v1/projects/{made.json()['project_id']}"

    assert (made.status_code, member.get(at).status_code) == (201, 200)
    assert member.patch(at, {"description": "x"}).status_code == 403
    assert stranger.get(at).status_code == 404


def test_grants_and_projects_are_found_by_what_they_are_about(
    api: APIClient, team: Team, workspace: Workspace
) -> None:
    project = Project.objects.create(organization=workspace.organization, name="retail")
    AccessGrant.objects.create(team=team, project=project, level=Level.WRITE)
    AccessGrant.objects.create(team=team, workspace=workspace, level=Level.READ)
    levels = {
        query: [each["level"] for each in api.get(f"{HOUSE}/access-grants?{query}").json()["items"]]
        for query in (
            f"team_id={team.team_id}",
            f"project_id={project.project_id}",
            f"workspace_id={workspace.workspace_id}",
            "level=write",
            "level=admin",
        )
    }

    assert list(levels.values()) == [["write", "read"], ["write"], ["read"], ["write"], []]
    assert api.get(f"{HOUSE}/access-grants?level=40").status_code == 400
    assert [
        len(api.get(f"/api/v1/projects?{query}").json()["items"])
        for query in ("search=RET", "search=none", "organization=default", "organization=other")
    ] == [1, 0, 1, 0]
