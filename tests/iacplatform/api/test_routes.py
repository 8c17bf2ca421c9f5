"""Every route, with everybody who may not use it and with who may: the rows are in ``routes``."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from django.db import transaction
from django.test import Client
from django.urls import get_resolver
from rest_framework.test import APIClient

from iacplatform.accounts.levels import Level, OrganizationRole, TokenScope
from iacplatform.accounts.models import Organization, Team, User
from iacplatform.accounts.permissions import rule_of
from iacplatform.accounts.rules import Audience, Rule
from iacplatform.accounts.services import create_api_token
from tests.docs.test_completeness import methods_of, walk
from tests.factories import (
    EngineVersionFactory,
    OrganizationFactory,
    ProjectFactory,
    UserFactory,
    WorkspaceFactory,
    member_with,
    plain_member,
)
from tests.iacplatform.api.route_objects import (
    BODIES,
    LISTED,
    QUERIES,
    Place,
    names_of,
)
from tests.iacplatform.api.routes import API, LEVELS, ROUTES, Route
from workspaces.models import AccessGrant, Workspace

ALL_SCOPES = list(TokenScope.values)
OK = "neither refused nor broken"
SECRETS = ["workspaces:admin", "state:sensitive"]
SHARED = {"engine_version_id"}
"""Names of what belongs to no organization."""
OWN = {"token_id"}
"""Names of what belongs to a person."""


def operations() -> Iterator[tuple[str, str, Any]]:
    """Method and path below the API, and the view, of every route there is."""
    for path, callback in walk(get_resolver().url_patterns):
        if path.startswith(f"{API}/"):
            for method in methods_of(callback):
                yield method, path.removeprefix(API), callback


VIEWS = {f"{method} {path}": callback for method, path, callback in operations()}


def params(wanted: Callable[[Route], bool]) -> list[Any]:
    """Routes as parameters. A streamed answer closes the connection where a transaction is open."""
    alone = pytest.mark.django_db(transaction=True)
    return [
        pytest.param(each, id=str(each), marks=[alone] if each.is_streamed else [])
        for each in ROUTES
        if wanted(each)
    ]


def action_of(route: Route) -> tuple[Any, str]:
    """The view class of a route and the name of what it does."""
    callback = VIEWS[str(route)]
    actions = getattr(callback, "actions", None)
    name = route.method.lower()
    return callback.cls, actions[name] if actions else name


# --- The table


def test_every_route_has_a_row_and_no_row_is_stale() -> None:
    assert sorted(map(str, ROUTES)) == sorted(VIEWS)


def test_what_is_said_besides_is_said_of_routes_that_there_are() -> None:
    paths = {route.path for route in ROUTES}
    assert set(BODIES) <= set(map(str, ROUTES))
    assert set(QUERIES) | set(LISTED) <= paths


def test_every_list_beside_workspaces_has_a_row_to_look_for() -> None:
    lists = {
        route.path
        for route in ROUTES
        if route.method == "GET"
        and not route.names
        and route.needs not in {"public", "signed-in"}
        and not route.is_streamed
    }
    assert lists == set(LISTED)


def expected_rule(needs: str) -> Rule:
    """What the access table has to say of a route."""
    scopes = frozenset(TokenScope(each) for each in scopes_of(needs) or [])
    if needs in (*LEVELS, "secrets"):
        level = Level.of_word("admin" if needs == "secrets" else needs)
        return Rule(Audience.WORKSPACE, scopes, level=level, sensitive=needs == "secrets")
    audience, _, role = needs.partition(":")
    audiences = {
        "public": Audience.EVERYBODY,
        "signed-in": Audience.SIGNED_IN,
        "account": Audience.SIGNED_IN,
        "session": Audience.SIGNED_IN,
        "member": Audience.ORGANIZATION,
        "owner": Audience.ORGANIZATION,
        "role": Audience.ORGANIZATION,
        "all": Audience.OPERATORS,
        "staff": Audience.STAFF,
        "superuser": Audience.SUPERUSERS,
    }
    wanted = OrganizationRole(role) if role else None
    return Rule(audiences[audience], scopes, role=wanted, owner=audience == "owner")


def scopes_of(needs: str) -> list[str] | None:
    """The scopes of which a token has to have one; ``None`` where any token will do."""
    if needs == "secrets":
        return ["workspaces:admin"]
    if needs in LEVELS:
        return [f"workspaces:{level}" for level in LEVELS[LEVELS.index(needs) :]]
    return {
        "public": None,
        "signed-in": None,
        "account": ["account"],
        "session": ["account"],
        "member": ["organization:read", "organization:write"],
        "owner": ["organization:write"],
        "role": ["organization:write"],
        "all": ["platform"],
        "staff": ["platform"],
        "superuser": ["platform"],
    }[needs.partition(":")[0]]


@pytest.mark.parametrize("route", ROUTES, ids=str)
def test_the_access_table_says_the_same(route: Route) -> None:
    assert rule_of(*action_of(route)) == expected_rule(route.needs)


PAGES = {
    "/": 302,
    "/setup": 200,
    "/workspaces/{workspace_id}": 302,
    "/workspaces/{workspace_id}/tasks/{task_id}": 302,
    "/api/docs/": 200,
    "/api/schema/": 200,
    "/health": 200,
    "/health/live": 200,
    "/health/ready": 200,
    "/metrics": 200,
}
"""What somebody who has not signed in is answered beside the API: 302 leads to the login page."""


def test_every_page_beside_the_api_has_a_row_and_asks_who_one_is(db: None) -> None:
    """The admin's pages have tests of their own: Django's permission is asked by the site itself."""
    paths = {path for path, _ in walk(get_resolver().url_patterns)}
    assert {path for path in paths if not path.startswith(("/admin/", f"{API}/"))} == set(PAGES)
    names = {"workspace_id": WorkspaceFactory.create().pk, "task_id": 1}
    found = {path: Client().get(path.format(**names)).status_code for path in PAGES}
    assert found == PAGES


# --- Calls


@dataclass
class Call:
    """A route with names in its path, called by whomever."""

    route: Route
    names: dict[str, Any]

    def __call__(self, client: APIClient, *, keep: bool = False, **names: Any) -> Any:
        """The answer; what the call has changed is taken back unless it is to be kept."""
        path = API + self.route.path.format(**(self.names | names))
        url = f"{path}?{QUERIES.get(self.route.path, '')}"
        body = BODIES.get(str(self.route), {})
        arguments = {"data": body, "format": "json"} if self.route.writes else {}
        if self.route.is_streamed:
            return client.get(url)  # it gives its connection back
        with transaction.atomic():
            answer = getattr(client, self.route.method.lower())(url, **arguments)
            transaction.set_rollback(not keep)
        return answer


def client_of(user: User | None, *scopes: str) -> APIClient:
    """Calls as a user, with a token that has these scopes (none: all)."""
    client = APIClient()
    if user is None:
        return client
    token, text = create_api_token(user, name="walk")
    token.scopes = list(scopes)
    token.save()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {text}")
    return client


def outcome(answer: Any) -> int | str:
    """The status where the caller was refused or something broke, else :data:`OK`."""
    status = int(answer.status_code)
    return status if status in {401, 403, 404, 429} or status >= 500 else OK


@pytest.fixture
def house(db: None) -> Organization:
    """The organization that most of it is about."""
    EngineVersionFactory.create(version="1.9.5", default=True)
    return OrganizationFactory.create()


@pytest.fixture
def elsewhere(house: Organization) -> Organization:
    """Another organization."""
    return OrganizationFactory.create(name="elsewhere")


@pytest.fixture
def place(house: Organization) -> Place:
    """A workspace of a project, and an owner of its organization."""
    project = ProjectFactory.create(organization=house)
    workspace = WorkspaceFactory.create(name="shop", organization=house, project=project)
    return Place(UserFactory.create(organizations=[house]), workspace)


@pytest.fixture
def call(route: Route, place: Place) -> Call:
    """The route, with rows of the place in its path."""
    return Call(route, names_of(route, place))


def role_in(organization: Organization, role: str) -> User:
    """A member whose team has a role in the organization."""
    user = plain_member(organization)
    Team.objects.create(organization=organization, name=f"{user}", roles=[role]).members.add(user)
    return user


def hides(route: Route) -> bool:
    """Whether a route is about something that strangers must not even find."""
    return route.needs != "superuser" and bool(set(route.names) - SHARED)


def allowed(route: Route, place: Place) -> User:
    """Somebody with exactly what a route needs."""
    if route.level:
        return member_with(Level.of_word(route.level), **where(route, place))
    kind, _, role = route.needs.partition(":")
    if kind in {"role", "all"}:
        return role_in(place.organization, role)
    if kind == "member":
        return plain_member(place.organization)
    if kind in {"staff", "superuser"}:
        return UserFactory.create(organizations=[place.organization], **{kind: True})
    return place.owner


def where(route: Route, place: Place) -> dict[str, Any]:
    """The place of a level: in the project, for what joins two workspaces; making one takes a general one."""
    if str(route) == "POST /workspaces":
        return {"organization": place.organization}
    return {"project": place.workspace.project}


# --- Who may not


def strangers(route: Route, elsewhere: Organization) -> dict[str, User]:
    """People who have everything, elsewhere."""
    people = {"stranger": UserFactory.create(organizations=[elsewhere])}
    if route.needs == "staff":
        people["staff of others"] = UserFactory.create(organizations=[elsewhere], staff=True)
    return people


def without_a_grant(place: Place) -> dict[str, User]:
    """Members who do not see the workspace; one of them sees all others of the organization."""
    shut_out = member_with(Level.ADMIN, organization=place.organization)
    team = shut_out.teams.get()
    AccessGrant.objects.create(team=team, workspace=place.workspace, level=Level.NONE)
    return {"without a grant": plain_member(place.organization), "shut out": shut_out}


def lower(route: Route, place: Place, elsewhere: Organization) -> dict[str, User]:
    """People who see what a route is about, and have less than it needs."""
    if route.level:
        levels = LEVELS[: LEVELS.index(route.level)]
        place_of = where(route, place)
        return {level: member_with(Level.of_word(level), **place_of) for level in levels}
    kind, _, role = route.needs.partition(":")
    if kind == "role":
        others = [each for each in OrganizationRole.values if each != role]
        in_another = role_in(elsewhere, role)
        in_another.membership_set.create(organization=place.organization)
        other_role = role_in(place.organization, others[0])
        return {"plain": plain_member(), "other role": other_role, "role elsewhere": in_another}
    if kind == "all":
        return {
            "plain": plain_member(),
            "role elsewhere": role_in(elsewhere, role),
            "owner elsewhere": UserFactory.create(organizations=[elsewhere]),
        }
    if kind == "staff":
        return {"owner": place.owner}
    if kind == "superuser":
        return {"owner": place.owner, "staff": UserFactory.create(staff=True)}
    return {}


@pytest.mark.parametrize("route", params(lambda route: route.needs != "public"))
def test_who_may_not_is_refused_and_changes_nothing(
    route: Route, call: Call, place: Place, elsewhere: Organization
) -> None:
    """F3, F46: anonymous 401; 404 for what one may not see; 403 for what one sees and may not do."""
    people, expected = refused(route, place, elsewhere)
    clients = {name: client_of(user) for name, user in people.items()}
    rows = rows_of(route)
    found = {name: outcome(call(client, keep=True)) for name, client in clients.items()}
    assert found == expected
    assert rows_of(route) == rows


def refused(
    route: Route, place: Place, elsewhere: Organization
) -> tuple[dict[str, User | None], dict[str, int | str]]:
    """Who may not call a route, and what each of them is answered."""
    people: dict[str, User | None] = {"anonymous": None}
    expected: dict[str, int | str] = {"anonymous": 401}
    if hides(route):
        outside = strangers(route, elsewhere) | (without_a_grant(place) if route.level else {})
        people |= outside
        expected |= dict.fromkeys(outside, 404)
        if route.needs == "staff":
            expected["stranger"] = 403
    below = lower(route, place, elsewhere)
    if str(route) == "POST /run-tasks/test":
        del below["role elsewhere"]  # it is about no organization: the role in any will do
    return people | below, expected | dict.fromkeys(below, 403)


def rows_of(route: Route) -> list[Any]:
    """What there is of what a route is about."""
    model = getattr(getattr(action_of(route)[0], "queryset", None), "model", None)
    if model is None or not route.writes:
        return []
    shown = [field.name for field in model._meta.concrete_fields if field.name != "last_used_at"]
    return list(model.objects.order_by("pk").values(*shown))


LISTS = [each for each in ROUTES if each.path in LISTED and each.method == "GET"]


METHODS = {
    path: {each.method for each in ROUTES if each.path == path}
    for path in {each.path for each in ROUTES}
}


@pytest.mark.parametrize(
    "route",
    params(
        lambda route: (
            route.needs not in {"public", "session"} and route.method == min(METHODS[route.path])
        )
    ),
)
def test_a_method_that_is_not_there_is_a_405(route: Route, call: Call, place: Place) -> None:
    missing = {"GET", "POST", "PUT", "PATCH", "DELETE"} - METHODS[route.path]
    client = client_of(allowed(route, place))

    answers = {
        name: client.generic(name, API + route.path.format(**call.names)) for name in missing
    }
    assert {name: answer.status_code for name, answer in answers.items()} == dict.fromkeys(
        missing, 405
    )


@pytest.mark.parametrize("route", LISTS, ids=str)
def test_a_list_holds_nothing_of_strangers(
    route: Route, call: Call, place: Place, elsewhere: Organization
) -> None:
    """F44 too: neither rows nor numbers of what the caller may not see."""
    text = LISTED[route.path](place)
    who = allowed(route, place)
    owner = place.owner if route.path.startswith("/audit-log") else who
    assert text in shown(call(client_of(owner)))
    if route.needs == "superuser" or route.path == "/engine-versions":
        return
    outside = list(strangers(route, elsewhere).values())[-1:]
    if route.level:
        outside += without_a_grant(place).values()
    for user in outside:
        answer = call(client_of(user))
        assert answer.status_code == 200
        assert text not in shown(answer)


def shown(answer: Any) -> str:
    """The text of an answer, a streamed one too."""
    assert answer.status_code == 200, answer.content
    return str(answer.getvalue().decode())


# --- Who may


@pytest.mark.parametrize("route", params(lambda route: route.needs not in {"public", "session"}))
def test_who_may_is_let_through(route: Route, call: Call, place: Place) -> None:
    """Somebody with exactly what it takes, an owner, and a superuser."""
    people = {"exactly": allowed(route, place)}
    if not set(route.names) & OWN:
        people["superuser"] = UserFactory.create(superuser=True)
    if route.needs not in {"staff", "superuser"}:
        people["owner"] = place.owner
    found = {name: outcome(call(client_of(user))) for name, user in people.items()}
    assert found == dict.fromkeys(people, OK)


@pytest.mark.parametrize("route", params(lambda route: route.needs not in {"public", "session"}))
def test_a_token_opens_what_its_scopes_say(route: Route, call: Call, place: Place) -> None:
    """403 for a scope that is not enough, although the token's user may; the right one is let through."""
    user = allowed(route, place)
    enough = scopes_of(route.needs)
    asked = [scope for scope in ALL_SCOPES if scope in telling(enough)]
    found = {scope: outcome(call(client_of(user, scope))) for scope in asked}
    expected = {scope: OK if enough is None or scope in enough else 403 for scope in asked}
    if route.needs == "secrets":
        expected = dict.fromkeys(asked, 403)
        assert outcome(call(client_of(user, *SECRETS))) == OK
    assert found == expected


def telling(enough: list[str] | None) -> set[str]:
    """The least scope that is enough, the one below it, and one of another kind.

    That all of them are what they should be, the comparison with the access table says.
    """
    least = (enough or ALL_SCOPES)[0]
    below = ALL_SCOPES[max(0, ALL_SCOPES.index(least) - 1)]
    other = "account" if least != "account" else "platform"
    return {least, below, other, "state:sensitive"}


# --- What belongs to another workspace

CHILDREN = [
    each
    for each in ROUTES
    if each.names[1:] and each.names[0] in {"workspace_id", "variable_set_id"}
]


@pytest.mark.parametrize("route", params(lambda route: route in CHILDREN))
@pytest.mark.parametrize("where", ["same organization", "another organization"])
def test_a_child_of_another_workspace_is_not_found(
    route: Route, where: str, house: Organization, elsewhere: Organization
) -> None:
    """F3, F51, F52: although the caller is an owner of both."""
    owner = UserFactory.create(organizations=[house, elsewhere])
    call, theirs = _two_places(route, owner, house if where == "same organization" else elsewhere)
    children = route.names[1:]
    client = client_of(owner)
    foreign = {name: theirs[name] for name in children}
    assert outcome(call(client, **foreign)) == 404
    if len(children) > 1 and children[-1] != "version":
        last = children[-1]
        assert outcome(call(client, **{last: theirs[last]})) == 404
    assert outcome(call(client)) == OK  # it is there, in its place


def _two_places(route: Route, owner: User, there: Organization) -> tuple[Call, dict[str, Any]]:
    """A call with names of one workspace, and the names of another, which are other ones."""
    here = WorkspaceFactory.create(name="shop", organization=OrganizationFactory.create())
    other: Workspace = WorkspaceFactory.create(name="bank", organization=there)
    theirs = names_of(route, Place(owner, other))
    if route.names[-1] == "version" and len(route.names) == 2:
        more = names_of(route, Place(owner, other))
        return Call(route, names_of(route, Place(owner, here))), more  # they have a second one
    return Call(route, names_of(route, Place(owner, here))), theirs
