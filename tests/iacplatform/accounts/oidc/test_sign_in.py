"""Signing in with a real OpenID provider, which is a process of its own."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
import requests
from django.test import Client
from pytest_django import Settings

from iacplatform.accounts.audit.models import AuditEntry
from iacplatform.accounts.models import Membership, Organization, Team, User
from iacplatform.accounts.oidc.client import _made
from iacplatform.accounts.oidc.models import OIDCIdentity
from iacplatform.accounts.oidc.users import groups_of
from iacplatform.common.redis_client import redis_client
from tests.factories import UserFactory

pytestmark = pytest.mark.django_db
BASE_URL = "http://testserver"
LOGIN = "/api/v1/auth/oidc/login"
CALLBACK = "/api/v1/auth/oidc/callback"
PROVIDER = Path(__file__).parent.parent / "oidc_provider.py"
ADA = {"sub": "ada-1", "preferred_username": "ada", "email": "ada@example.com"}


@pytest.fixture(scope="module")
def issuer() -> Iterator[str]:
    """A provider that runs for as long as the tests do."""
    command = [sys.executable, str(PROVIDER), BASE_URL + CALLBACK]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
        process.kill()


@pytest.fixture(autouse=True)
def _platform(settings: Settings, issuer: str) -> Iterator[None]:
    settings.BASE_URL = BASE_URL
    settings.OIDC_ISSUER = issuer
    settings.OIDC_CLIENT_ID = "iacplatform-test"
    settings.OIDC_CLIENT_SECRET = "known to both sides and to nobody else"
    settings.OIDC_CREATE_USERS = True
    settings.OUTBOUND_ALLOWED_NETWORKS = ["127.0.0.1"]
    for key in redis_client().scan_iter("iacplatform:login:*"):
        redis_client().delete(key)
    yield
    _made.cache_clear()


def at_provider(browser: Client, person: dict[str, Any], fault: str = "", **query: str) -> str:
    """Begins a sign-in and lets a person agree; the address that the provider sends them back to."""
    begun = browser.get(LOGIN, query)
    assert begun.status_code == 302
    answer = {"as": json.dumps(person), "fault": fault}
    address = f"{begun.headers['Location']}&{urlencode(answer)}"
    agreed = requests.get(address, allow_redirects=False, timeout=10)
    assert agreed.status_code == 302, agreed.text
    return agreed.headers["Location"].removeprefix(BASE_URL)


def sign_in(browser: Client, person: dict[str, Any], fault: str = "", **query: str) -> Any:
    return browser.get(at_provider(browser, person, fault, **query))


def who(browser: Client) -> str | None:
    """The name that the API knows a browser by."""
    name: str | None = browser.get("/api/v1/auth/me").json().get("username")
    return name


def test_a_person_signs_in_and_comes_back_to_where_they_were(client: Client) -> None:
    answer = sign_in(client, ADA, next="/admin/")
    assert (answer.status_code, answer.headers["Location"]) == (302, "/admin/")
    assert who(client) == "ada"
    ada = User.objects.get()
    assert (ada.email, ada.has_usable_password(), ada.is_staff) == ("ada@example.com", False, False)
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.via, entry.actor, entry.status) == ("auth.login", "oidc", ada, 302)


def test_the_same_person_is_the_same_user_whatever_they_are_called_by_now() -> None:
    sign_in(Client(), ADA)
    later = Client()
    sign_in(later, {**ADA, "preferred_username": "lovelace", "email": "ada@elsewhere.com"})
    assert who(later) == "ada"
    assert User.objects.count() == OIDCIdentity.objects.count() == 1


def test_the_request_has_state_nonce_and_a_code_challenge(client: Client) -> None:
    query = parse_qs(urlsplit(client.get(LOGIN).headers["Location"]).query)
    assert query["code_challenge_method"] == ["S256"]
    assert query["redirect_uri"] == [BASE_URL + CALLBACK]
    assert all(len(query[name][0]) >= 20 for name in ("state", "nonce", "code_challenge"))


@pytest.mark.parametrize(
    "fault",
    [
        "wrong_nonce",
        "no_nonce",
        "wrong_audience",
        "wrong_issuer",
        "other_party",
        "expired",
        "no_subject",
        "other_key",
        "unknown_key",
        "unsigned",
        "signed_by_secret",
        "no_id_token",
        "denied",
    ],
)
def test_a_provider_that_breaks_a_rule_signs_nobody_in(client: Client, fault: str) -> None:
    answer = sign_in(client, ADA, fault)
    assert answer.status_code == 403
    assert "You are not signed in" in answer.content.decode()
    assert who(client) is None
    assert not User.objects.exists()
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.via, entry.actor, entry.status) == ("auth.login", "oidc", None, 403)


def test_an_answer_is_good_for_one_sign_in(client: Client) -> None:
    address = at_provider(client, ADA)
    assert client.get(address).status_code == 302
    client.logout()
    assert client.get(address).status_code == 403
    assert who(client) is None


def test_an_answer_is_good_in_the_browser_that_asked_only(client: Client) -> None:
    """A stranger's answer, put into somebody's browser, does not sign them in as the stranger."""
    address = at_provider(Client(), ADA)
    assert client.get(address).status_code == 403
    at_provider(client, ADA)
    assert client.get(address).status_code == 403
    assert who(client) is None


@pytest.mark.parametrize("query", ["", "?code=x", "?state=x", "?code=x&state=y", "?error=x"])
def test_a_made_up_answer_is_refused(client: Client, query: str) -> None:
    assert client.get(CALLBACK + query).status_code == 403


def test_an_answer_in_the_name_of_another_provider_is_refused(client: Client) -> None:
    """RFC 9207: the answer's `iss`, where there is one, is that of the provider asked."""
    address = at_provider(client, ADA)
    assert client.get(f"{address}&iss=https://elsewhere.example.com").status_code == 403


def test_an_existing_account_is_not_taken_over_by_its_e_mail_address(client: Client) -> None:
    admin = UserFactory.create(username="root", email="ada@example.com", superuser=True)
    sign_in(client, ADA)
    assert who(client) == "ada"
    assert not OIDCIdentity.objects.filter(user=admin).exists()


@pytest.mark.parametrize("username", ["ada", "Ada"])
def test_nor_by_its_name(client: Client, username: str) -> None:
    UserFactory.create(username=username, email="ada@example.com", superuser=True)
    answer = sign_in(client, ADA)
    assert answer.status_code == 403
    assert "ask an administrator" in answer.content.decode()
    assert who(client) is None
    assert User.objects.count() == 1


def test_nor_by_another_subject_of_the_same_name_and_address(client: Client) -> None:
    sign_in(Client(), ADA)
    assert sign_in(client, {**ADA, "sub": "eve-1"}).status_code == 403
    assert who(client) is None


def test_an_administrator_binds_an_account_that_was_there_before(
    client: Client, issuer: str
) -> None:
    old = UserFactory.create(username="old-ada")
    OIDCIdentity.objects.create(user=old, issuer=issuer, subject="ada-1")
    sign_in(client, ADA)
    assert who(client) == "old-ada"
    assert OIDCIdentity.objects.get().last_used_at is not None


def test_an_inactive_user_is_refused(client: Client) -> None:
    sign_in(Client(), ADA)
    User.objects.update(is_active=False)
    assert sign_in(client, ADA).status_code == 403
    assert who(client) is None


def test_strangers_are_refused_where_nobody_may_be_created(
    client: Client, settings: Settings
) -> None:
    settings.OIDC_CREATE_USERS = False
    assert sign_in(client, ADA).status_code == 403
    assert not User.objects.exists()
    assert AuditEntry.objects.get().actor_name == "ada"


def test_a_new_user_belongs_to_the_organization_that_is_set(
    client: Client, settings: Settings
) -> None:
    sign_in(Client(), ADA)
    assert not Membership.objects.exists()
    settings.OIDC_ORGANIZATION = Organization.objects.get_or_create(name="default")[0].name
    sign_in(client, {"sub": "eve-1", "preferred_username": "eve"})
    assert Membership.objects.get().user.username == "eve"


def test_teams_are_those_that_the_provider_names_at_each_sign_in(
    client: Client, settings: Settings
) -> None:
    house = Organization.objects.get_or_create(name="default")[0]
    elsewhere = Organization.objects.create(name="elsewhere")
    settings.OIDC_ORGANIZATION, settings.OIDC_GROUPS_CLAIM = house.name, "groups"
    for organization in (house, elsewhere):
        for name in ("platform", "retail"):
            Team.objects.create(organization=organization, name=name)

    def teams_after(**claims: Any) -> list[tuple[str, str]]:
        sign_in(Client(), ADA | claims)
        found = Team.objects.filter(members__username="ada")
        return list(found.order_by("name").values_list("organization__name", "name"))

    assert teams_after(groups=["platform", "unknown"]) == [("default", "platform")]
    assert teams_after(groups=["retail"]) == [("default", "retail")]
    settings.OIDC_GROUPS_CLAIM = ""
    assert teams_after(groups=[]) == [("default", "retail")]
    settings.OIDC_GROUPS_CLAIM = "groups"
    assert teams_after(groups=[]) == []


def test_an_organization_that_is_not_there_creates_nobody(
    client: Client, settings: Settings
) -> None:
    settings.OIDC_ORGANIZATION = "nowhere"
    assert sign_in(client, ADA).status_code == 403
    assert not User.objects.exists()


@pytest.mark.parametrize(
    ("told", "username"),
    [
        ("ada@example.com", "ada@example.com"),
        ("Ada Lovelace", "Ada-Lovelace"),
        ("a" * 200, "a" * 150),
    ],
)
def test_a_name_becomes_one_that_can_be_used(client: Client, told: str, username: str) -> None:
    sign_in(client, {**ADA, "preferred_username": told})
    assert User.objects.get().username == username


@pytest.mark.parametrize("told", [None, "", "///", 7, ["ada"]])
def test_without_a_name_nobody_is_created(client: Client, told: Any) -> None:
    assert sign_in(client, {**ADA, "preferred_username": told}).status_code == 403
    assert not User.objects.exists()


def test_what_the_id_token_does_not_say_is_asked_at_the_user_info_endpoint(client: Client) -> None:
    sign_in(client, ADA, "thin")
    assert who(client) == "ada"


def test_user_info_of_somebody_else_is_refused(client: Client) -> None:
    assert sign_in(client, {**ADA, "liar": True}, "thin").status_code == 403
    assert not User.objects.exists()


@pytest.mark.parametrize(
    ("claims", "groups"),
    [
        ({"groups": ["ops", "dev", "ops", "", 7]}, ["dev", "ops"]),
        ({"groups": "ops"}, ["ops"]),
        ({"groups": {"ops": 1}}, []),
        ({}, []),
    ],
)
def test_groups_are_names(settings: Settings, claims: dict[str, Any], groups: list[str]) -> None:
    settings.OIDC_GROUPS_CLAIM = "groups"
    assert groups_of(claims) == groups
    settings.OIDC_GROUPS_CLAIM = ""
    assert groups_of(claims) == []


@pytest.mark.parametrize(
    "target", ["https://evil.example.com/", "//evil.example.com", "javascript:alert(1)", "/\\evil"]
)
def test_a_sign_in_leads_to_no_other_site(client: Client, target: str) -> None:
    assert sign_in(client, ADA, next=target).headers["Location"] == "/"


def test_a_sign_in_may_lead_to_a_front_end_that_is_allowed(
    client: Client, settings: Settings
) -> None:
    settings.ALLOWED_ORIGINS = ["https://ui.example.com"]
    answer = sign_in(client, ADA, next="https://ui.example.com/workspaces")
    assert answer.headers["Location"] == "https://ui.example.com/workspaces"


def test_without_a_provider_there_is_nothing(client: Client, settings: Settings) -> None:
    settings.OIDC_ISSUER = ""
    assert client.get(LOGIN).status_code == client.get(CALLBACK).status_code == 404


@pytest.mark.parametrize(
    "issuer_now", ["http://127.0.0.1:9", "https://127.0.0.1:9", "http://idp.example.com"]
)
def test_a_provider_that_is_away_or_not_safe_is_said_to_be(
    client: Client, settings: Settings, issuer_now: str
) -> None:
    settings.OIDC_ISSUER = issuer_now
    answer = client.get(LOGIN)
    assert answer.status_code == 502
    assert "Try again" in answer.content.decode()


def test_a_provider_that_goes_away_in_between_signs_nobody_in(
    client: Client, settings: Settings
) -> None:
    address = at_provider(client, ADA)
    _made.cache_clear()
    settings.OUTBOUND_ALLOWED_NETWORKS = []  # now it may not be called
    assert client.get(address).status_code == 502
    assert who(client) is None
    assert AuditEntry.objects.get().status == 502


def test_a_provider_on_an_inner_network_has_to_be_allowed(
    client: Client, settings: Settings
) -> None:
    settings.OUTBOUND_ALLOWED_NETWORKS = []
    assert client.get(LOGIN).status_code == 502


def test_a_provider_by_another_name_is_refused(client: Client, settings: Settings) -> None:
    settings.OIDC_ISSUER += "/"
    assert client.get(LOGIN).status_code == 502


def test_a_wrong_client_secret_signs_nobody_in(client: Client, settings: Settings) -> None:
    settings.OIDC_CLIENT_SECRET = "wrong"
    assert sign_in(client, ADA).status_code == 403
