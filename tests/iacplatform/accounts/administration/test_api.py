"""Organizations, members, teams, users and their tokens over REST."""

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import Settings
from rest_framework.test import APIClient

from iacplatform.accounts.audit.models import AuditEntry
from iacplatform.accounts.levels import Level
from iacplatform.accounts.models import APIToken, Membership, Team, User
from iacplatform.accounts.services import create_api_token
from tests.api_clients import api, base, client_of, engine, member, workspace
from tests.factories import (
    OrganizationFactory,
    StateVersionFactory,
    UserFactory,
    member_with,
    plain_member,
)
from tests.racing import at_once
from tests.runtasks.factories import NOWHERE
from workspaces.models import AccessGrant, EngineVersion, Workspace

__all__ = ["api", "base", "client_of", "engine", "member", "workspace"]
pytestmark = pytest.mark.django_db
HOUSE = "/api/v1/organizations/default"
TOKENS = "/api/v1/auth/tokens"


def bearer(text: str) -> APIClient:
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {text}")
    return client


def with_scopes(user: User, *scopes: str) -> APIClient:
    """Calls with a token that has these scopes."""
    return bearer(create_api_token(user, name="scoped", scopes=scopes)[1])


@pytest.fixture
def team(api: APIClient) -> dict[str, Any]:
    """A team of the seeded organization, as the API shows it."""
    answer = api.post(f"{HOUSE}/teams", {"name": "platform", "roles": ["settings"]})
    assert answer.status_code == 201, answer.content
    shown: dict[str, Any] = answer.json()
    return shown


def test_one_sees_the_organizations_that_one_belongs_to(
    client_of: Callable[[User], APIClient],
) -> None:
    OrganizationFactory.create(name="elsewhere")
    ada, root = plain_member(), UserFactory.create(superuser=True)

    seen = {
        user: [
            each["name"] for each in client_of(user).get("/api/v1/organizations").json()["items"]
        ]
        for user in (ada, root)
    }

    assert seen == {ada: ["default"], root: ["default", "elsewhere"]}
    assert client_of(ada).get("/api/v1/organizations/elsewhere").status_code == 404


def test_superusers_create_organizations_and_their_first_owner(
    client_of: Callable[[User], APIClient],
) -> None:
    root, grace = (
        client_of(UserFactory.create(superuser=True)),
        UserFactory.create(organizations=[]),
    )

    assert client_of(grace).post("/api/v1/organizations", {"name": "mine"}).status_code == 403
    assert root.post("/api/v1/organizations", {"name": "theirs"}).status_code == 201
    assert root.post("/api/v1/organizations", {"name": "theirs"}).status_code in {400, 409}
    first = {"username": grace.get_username(), "is_owner": True}
    assert root.post("/api/v1/organizations/theirs/members", first).status_code == 201
    assert client_of(grace).get("/api/v1/organizations/theirs/teams").status_code == 200


def test_only_owners_change_who_may_do_what(
    client_of: Callable[[User], APIClient], team: dict[str, Any]
) -> None:
    manager = member_with(Level.ADMIN, roles=("settings", "run_tasks", "notifications"))
    client = client_of(manager)
    at = f"{HOUSE}/teams/{team['team_id']}"
    refused = [
        client.post(f"{HOUSE}/teams", {"name": "mine"}),
        client.patch(at, {"roles": ["run_tasks"]}),
        client.put(f"{at}/members", {"usernames": [manager.get_username()]}),
        client.post(f"{at}/tokens", {"name": "ci"}),
        client.post(f"{HOUSE}/tokens", {"name": "ci"}),
        client.patch(f"{HOUSE}/members/{manager.pk}", {"is_owner": True}),
        client.post(f"{HOUSE}/access-grants", {"team_id": team["team_id"], "level": "admin"}),
        client.patch(HOUSE, {"display_name": "Mine"}),
    ]
    assert {answer.status_code for answer in refused} == {403}
    assert client.get(at).status_code == 200


def test_a_member_is_let_in_once_and_leaves_with_their_teams(
    api: APIClient, team: dict[str, Any]
) -> None:
    guest = UserFactory.create(username="guest", organizations=[])
    people = f"{HOUSE}/teams/{team['team_id']}/members"

    early = api.put(people, {"usernames": ["guest"]})
    assert (early.status_code, list(early.json()["fields"])) == (400, ["usernames"])
    assert api.post(f"{HOUSE}/members", {"username": "guest"}).status_code == 201
    assert api.post(f"{HOUSE}/members", {"username": "guest"}).status_code == 409
    assert api.put(people, {"usernames": ["guest"]}).json() == {"usernames": ["guest"]}
    assert api.delete(f"{HOUSE}/members/{guest.pk}").status_code == 204
    assert api.get(people).json() == {"usernames": []}
    assert not guest.teams.exists()


def test_an_organization_keeps_an_owner(api: APIClient, member: User) -> None:
    alone = [
        api.patch(f"{HOUSE}/members/{member.pk}", {"is_owner": False}),
        api.delete(f"{HOUSE}/members/{member.pk}"),
    ]
    assert {(answer.status_code, answer.json()["code"]) for answer in alone} == {
        (409, "last_owner")
    }

    UserFactory.create()
    assert api.patch(f"{HOUSE}/members/{member.pk}", {"is_owner": False}).status_code == 200


@pytest.mark.django_db(transaction=True)
def test_two_owners_do_not_leave_at_once(client_of: Callable[[User], APIClient]) -> None:
    owners = [UserFactory.create(), UserFactory.create()]
    leaving = [partial(client_of(owner).delete, f"{HOUSE}/members/{owner.pk}") for owner in owners]

    answers = sorted(answer.status_code for answer in at_once(*leaving))

    assert answers == [204, 409]
    assert Membership.objects.filter(is_owner=True).count() == 1


# --- Tokens


def test_a_token_of_a_team_does_what_the_team_may(
    api: APIClient, base: str, team: dict[str, Any], workspace: Workspace
) -> None:
    at = f"{HOUSE}/teams/{team['team_id']}"
    created = api.post(f"{at}/tokens", {"name": "ci"})
    assert created.status_code == 201
    client = bearer(created.json()["token"])

    assert client.get(base).status_code == 404
    AccessGrant.objects.create(team=Team.objects.get(), workspace=workspace, level=Level.READ)
    assert client.get(base).status_code == 200
    assert client.post(f"{base}/lock", {}).status_code == 403
    assert client.post("/api/v1/projects", {"name": "retail"}).status_code == 201
    assert client.post(TOKENS, {"name": "mine"}).status_code == 403
    shown = api.get(f"{at}/tokens").json()["items"]
    assert [(each["name"], "token" in each) for each in shown] == [("ci", False)]
    assert shown[0]["last_used_at"] is not None

    assert api.delete(f"{at}/tokens/{shown[0]['id']}").status_code == 204
    assert client.get(base).status_code == 401


def test_a_token_of_an_organization_acts_as_an_owner_of_it_and_of_no_other(
    api: APIClient, base: str
) -> None:
    OrganizationFactory.create(name="elsewhere")
    client = bearer(api.post(f"{HOUSE}/tokens", {"name": "ci"}).json()["token"])

    assert client.delete(base).status_code == 204
    assert client.post(f"{HOUSE}/teams", {"name": "made by a program"}).status_code == 201
    assert client.get("/api/v1/organizations/elsewhere/teams").status_code == 404


def test_a_team_takes_its_tokens_along(api: APIClient, team: dict[str, Any]) -> None:
    at = f"{HOUSE}/teams/{team['team_id']}"
    client = bearer(api.post(f"{at}/tokens", {"name": "ci"}).json()["token"])

    assert api.delete(at).status_code == 204
    assert client.get("/api/v1/auth/me").status_code == 401
    assert not User.objects.filter(is_service=True).exists()


@pytest.mark.parametrize(
    ("scopes", "allowed"),
    [
        (["workspaces:read"], {"read"}),
        (["workspaces:plan"], {"read", "plan"}),
        (["workspaces:write"], {"read", "plan", "change", "lock"}),
        (["workspaces:admin"], {"read", "plan", "change", "lock"}),
        (["workspaces:admin", "state:sensitive"], {"read", "plan", "change", "lock", "state"}),
        (["organization:write"], {"project", "organization"}),
        (["organization:read"], {"organization"}),
        (["account"], {"token"}),
        ([], {"read", "plan", "change", "lock", "state", "project", "organization", "token"}),
    ],
)
def test_a_token_opens_what_its_scopes_say(
    member: User, base: str, scopes: list[str], allowed: set[str]
) -> None:
    client = with_scopes(member, *scopes)
    Workspace.objects.update(auto_apply=True)  # so that a change applies by itself
    asked = {
        "read": client.get(base),
        "plan": client.post(f"{base}/tasks", {"run_type": "plan"}),
        "change": client.post(f"{base}/tasks", {"run_type": "plan_and_apply"}),
        "lock": client.post(f"{base}/lock", {}),
        "state": client.get(f"{base}/state-versions/current/download"),
        "project": client.post("/api/v1/projects", {"name": "retail"}),
        "organization": client.get(f"{HOUSE}/teams"),
        "token": client.get(TOKENS),
    }

    assert {name for name, answer in asked.items() if answer.status_code != 403} == allowed
    assert client.get("/api/v1/auth/me").status_code == 200


def test_a_token_makes_none_that_opens_more(member: User) -> None:
    client = with_scopes(member, "account", "workspaces:read")
    wanted: list[list[str]] = [[], ["workspaces:write"], ["account", "platform"]]

    for scopes in wanted:
        answer = client.post(TOKENS, {"name": "more", "scopes": scopes})
        assert (answer.status_code, list(answer.json()["fields"])) == (400, ["scopes"])
    assert client.post(TOKENS, {"name": "same", "scopes": ["account"]}).status_code == 201
    assert APIToken.objects.get(name="same").scopes == ["account"]


def test_a_token_makes_none_that_lasts_longer(member: User) -> None:
    end = timezone.now() + timedelta(hours=1)
    client = bearer(create_api_token(member, name="short", expires_at=end)[1])

    for later in ({}, {"expires_at": end + timedelta(seconds=1)}):
        answer = client.post(TOKENS, {"name": "long", **later})
        assert (answer.status_code, list(answer.json()["fields"])) == (400, ["expires_at"])
    assert client.post(TOKENS, {"name": "same", "expires_at": end}).status_code == 201


def test_a_token_for_the_platform_does_not_make_users_who_open_more() -> None:
    root, grace = UserFactory.create(superuser=True), plain_member(username="grace")
    client = with_scopes(root, "platform")
    more: list[dict[str, Any]] = [
        {"password": "correct horse battery"},
        {"is_superuser": True},
        {"is_staff": True},
    ]
    for fields in more:
        assert client.patch(f"/api/v1/users/{grace.pk}", fields).status_code == 403
        assert client.post("/api/v1/users", {"username": "eve", **fields}).status_code == 403

    assert client.post("/api/v1/users", {"username": "eve"}).status_code == 201
    assert client.patch(f"/api/v1/users/{grace.pk}", {"is_active": False}).status_code == 200


def test_ones_own_password_is_changed_where_the_present_one_is_asked_for(
    client_of: Callable[[User], APIClient],
) -> None:
    root = UserFactory.create(superuser=True)
    changed = {"password": "correct horse battery"}

    assert client_of(root).patch(f"/api/v1/users/{root.pk}", changed).status_code == 409


def test_what_is_every_organizations_takes_a_token_for_the_platform(settings: Settings) -> None:
    settings.OUTBOUND_ALLOWED_NETWORKS = ["127.0.0.0/8"]
    staff = UserFactory.create(staff=True)
    narrow = with_scopes(staff, "organization:write")
    wide = with_scopes(staff, "organization:write", "platform")
    url = NOWHERE
    check = {"name": "all", "organization": None, "endpoint_url": url, "verify": False}
    told = {**check, "notification_type": "webhook"}
    del told["verify"]
    for address, body, name in (
        ("/api/v1/run-tasks", check, "run_task_id"),
        ("/api/v1/notifications", told, "notification_id"),
    ):
        assert narrow.post(address, body).status_code == 403
        made = wide.post(address, body)
        assert made.status_code == 201, made.content
        one = f"{address}/{made.json()[name]}"
        assert narrow.patch(one, {"description": "mine"}).status_code == 403
        assert narrow.delete(one).status_code == 403
        assert wide.patch(one, {"description": "ours"}).status_code == 200


def test_a_token_that_writes_takes_away_no_lock_of_somebody_else(
    base: str, member: User, client_of: Callable[[User], APIClient]
) -> None:
    assert client_of(UserFactory.create()).post(f"{base}/lock", {}).status_code == 200
    answer = with_scopes(member, "workspaces:write").post(f"{base}/unlock", {"force": True})

    assert answer.status_code == 403, answer.content
    forced = with_scopes(member, "workspaces:admin").post(f"{base}/unlock", {"force": True})
    assert forced.status_code == 200


def test_an_unknown_scope_is_refused(api: APIClient) -> None:
    answer = api.post(TOKENS, {"name": "x", "scopes": ["everything"]})

    assert (answer.status_code, list(answer.json()["fields"])) == (400, ["scopes.0"])


# --- Users


def test_superusers_create_users_and_shut_them_out(client_of: Callable[[User], APIClient]) -> None:
    chief = UserFactory.create(superuser=True)
    root = client_of(chief)
    created = root.post("/api/v1/users", {"username": "eve", "password": "correct horse battery"})
    assert created.status_code == 201
    assert "password" not in created.json()
    eve = User.objects.get(username="eve")
    client = client_of(eve)

    assert client.get("/api/v1/users").status_code == 403
    assert root.patch(f"/api/v1/users/{eve.pk}", {"is_active": False}).status_code == 200
    assert client.get("/api/v1/auth/me").status_code == 401
    assert root.patch(f"/api/v1/users/{chief.pk}", {"is_active": False}).status_code == 409
    assert root.post("/api/v1/users", {"username": "bob", "password": "12345"}).status_code == 400
    assert root.post("/api/v1/users", {"username": "a:b"}).status_code == 400


# --- The audit log


def test_changes_and_refusals_are_in_the_audit_log_with_who_where_and_how(
    api: APIClient, base: str, client_of: Callable[[User], APIClient], workspace: Workspace
) -> None:
    reader = member_with(Level.READ)
    api.post(f"{base}/lock", {"reason": "moving"})
    client_of(reader).post(f"{base}/unlock", {})
    api.get(base)
    api.post(f"{HOUSE}/teams", {"name": "platform"})

    entries = AuditEntry.objects.order_by("pk").values_list(
        "actor_name", "action", "status", "workspace_id", "organization__name"
    )
    place = (workspace.workspace_id, "default")
    assert list(entries) == [
        ("ada", "workspace.lock", 200, *place),
        (reader.get_username(), "workspace.unlock", 403, *place),
        ("ada", "team.create", 201, "", "default"),
    ]


def test_an_entry_is_of_the_organization_that_it_is_about(
    client_of: Callable[[User], APIClient], engine: EngineVersion
) -> None:
    theirs = OrganizationFactory.create(name="theirs")
    root = client_of(UserFactory.create(superuser=True))
    root.post("/api/v1/users", {"username": "eve"})
    root.post("/api/v1/organizations", {"name": "third"})
    root.post("/api/v1/workspaces", {"name": "one", "organization": theirs.name})
    root.post("/api/v1/projects", {"name": "two"})
    root.post("/api/v1/projects", {"name": "three", "organization": "nowhere"})

    entries = AuditEntry.objects.order_by("pk").values_list("action", "organization__name")
    assert list(entries) == [
        ("account.create", None),
        ("organization.create", None),
        ("workspace.create", "theirs"),
        ("project.create", "default"),
        ("project.create", None),
    ]


def test_what_was_made_is_in_the_audit_log_by_its_id(api: APIClient, base: str) -> None:
    made = [
        api.post("/api/v1/workspaces", {"name": "one"}).json()["workspace_id"],
        api.post(f"{HOUSE}/teams", {"name": "platform"}).json()["team_id"],
        api.post(f"{base}/variables", {"key": "a", "value": "b"}).json()["variable_id"],
        str(api.post(TOKENS, {"name": "ci"}).json()["id"]),
    ]
    api.post(f"{HOUSE}/teams", {"name": "platform"})

    entries = AuditEntry.objects.order_by("pk").values_list("object_id", flat=True)
    assert list(entries) == [*made, ""]
    assert AuditEntry.objects.filter(workspace_id=made[0]).count() == 1


def test_reading_a_state_with_its_secrets_is_in_the_audit_log(
    api: APIClient, base: str, workspace: Workspace
) -> None:
    """F47: state download needs a level of its own, and each access is on record with its time."""
    StateVersionFactory.create(workspace=workspace)
    assert api.get(f"{base}/state-versions/1/download").status_code == 200

    entry = AuditEntry.objects.get()
    assert (entry.action, entry.status) == ("state_content.download", 200)
    assert entry.at is not None
    writer = with_scopes(member_with(Level.WRITE))
    assert writer.get(f"{base}/state-versions/1/download").status_code == 403
    assert AuditEntry.objects.latest("pk").status == 403


def found(client: APIClient, address: str, field: str) -> list[str]:
    answer = client.get(address)
    assert answer.status_code == 200, answer.content
    return [each[field] for each in answer.json()["items"]]


def test_members_teams_and_users_are_found_by_what_they_are_called(
    api: APIClient, team: dict[str, Any], client_of: Callable[[User], APIClient]
) -> None:
    plain_member(username="grace", email="hopper@example.com")
    UserFactory.create(username="gone", organizations=[], is_active=False)
    root = client_of(UserFactory.create(superuser=True, username="root"))
    owners = f"{HOUSE}/members?is_owner=true&search=gra"

    assert found(api, f"{HOUSE}/members?search=GRA", "username") == ["grace"]
    assert found(api, owners, "username") == []
    assert found(api, f"{HOUSE}/teams?search=plat", "name") == ["platform"]
    assert found(api, f"{HOUSE}/teams?search=other", "name") == []
    assert found(root, "/api/v1/users?search=hopper", "username") == ["grace"]
    assert found(root, "/api/v1/users?is_active=false", "username") == ["gone"]
    assert found(root, "/api/v1/users?is_superuser=true", "username") == ["root"]
    assert found(root, "/api/v1/organizations?search=nowhere", "name") == []
