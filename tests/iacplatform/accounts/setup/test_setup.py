"""The first administrator: once, by whoever has the token."""

from concurrent.futures import ThreadPoolExecutor
from io import StringIO
from threading import Barrier
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connections
from django.test import Client
from pytest_django import Settings
from rest_framework.test import APIClient

from iacplatform.accounts.audit.models import AuditEntry
from iacplatform.accounts.models import DEFAULT_ORGANIZATION, Organization, User
from iacplatform.accounts.setup.services import new_setup_token, setup_needed
from iacplatform.common.redis_client import redis_client
from tests.factories import OrganizationFactory, UserFactory

pytestmark = pytest.mark.django_db
SETUP = "/api/v1/setup"
PASSWORD = "correct horse battery"


@pytest.fixture(autouse=True)
def _nobody_tried_before() -> None:
    for key in redis_client().scan_iter("iacplatform:login:*"):
        redis_client().delete(key)


@pytest.fixture
def token() -> str:
    return new_setup_token()


def set_up(token: str = "", **changes: Any) -> Any:
    body = {"username": "root", "password": PASSWORD, "email": "root@example.com", "token": token}
    return APIClient().post(SETUP, body | changes)


def needed() -> bool:
    answer: bool = APIClient().get(SETUP).json()["needed"]
    return answer


def test_a_new_installation_is_set_up_once(token: str) -> None:
    assert needed()
    answer = set_up(token, organization_name="Acme Inc.")
    assert answer.status_code == 201
    root = User.objects.get()
    assert (root.username, root.is_superuser, root.is_staff) == ("root", True, True)
    assert root.check_password(PASSWORD)
    organization = Organization.objects.get(name=DEFAULT_ORGANIZATION)
    assert (organization.display_name, list(root.organizations.all())) == (
        "Acme Inc.",
        [organization],
    )
    assert not needed()
    assert set_up(token).status_code == 409


def test_an_administrator_who_is_gone_does_not_open_the_door_again(token: str) -> None:
    set_up(token)
    User.objects.update(is_active=False)
    assert set_up(token, username="eve").status_code == 409
    User.objects.all().delete()
    assert set_up(token, username="eve").status_code == 409
    with pytest.raises(CommandError):
        call_command("setup_token")
    assert not needed()


def test_an_administrator_made_otherwise_closes_the_door(token: str) -> None:
    UserFactory.create(superuser=True, is_active=False)
    assert set_up(token).status_code == 409
    assert not needed()


def test_an_ordinary_user_does_not_close_it(token: str) -> None:
    UserFactory.create()
    assert set_up(token).status_code == 201


@pytest.mark.parametrize("given", ["", "wrong", "ü", None])
def test_a_stranger_without_the_token_is_refused(token: str, given: str | None) -> None:
    answer = set_up() if given is None else set_up(given)
    assert answer.status_code == 403
    assert not User.objects.exists()
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.via, entry.object_name, entry.status) == (
        "setup",
        "setup",
        "root",
        403,
    )


def test_without_any_token_nobody_can_set_up() -> None:
    answer = set_up("")
    assert answer.status_code == 403
    assert "setup_token" in answer.json()["error"]


def test_a_new_token_ends_the_one_before(token: str) -> None:
    out = StringIO()
    call_command("setup_token", stdout=out)
    assert set_up(token).status_code == 403
    assert set_up(out.getvalue().strip()).status_code == 201


def test_the_setting_is_a_token_too(settings: Settings) -> None:
    settings.SETUP_TOKEN = "from the orchestrator"
    assert set_up("from the orchestrator").status_code == 201


def test_the_token_is_stored_as_a_digest_and_not_after_set_up(token: str) -> None:
    from iacplatform.accounts.setup.models import Setup  # noqa: PLC0415

    assert token not in Setup.objects.get().token_digest
    set_up(token)
    assert Setup.objects.get().token_digest == ""


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("password", "password"),
        ("password", "root"),
        ("username", "no spaces"),
        ("username", ""),
        ("email", "nowhere"),
    ],
)
def test_what_makes_no_administrator_is_refused(token: str, field: str, value: str) -> None:
    answer = set_up(token, **{field: value})
    assert answer.status_code == 400
    assert list(answer.json()["fields"]) == [field]
    assert needed()


def test_a_name_that_is_taken_is_refused(token: str) -> None:
    UserFactory.create(username="root")
    assert list(set_up(token).json()["fields"]) == ["username"]


@pytest.mark.django_db(transaction=True)
def test_of_two_at_once_one_makes_the_administrator() -> None:
    token, barrier = new_setup_token(), Barrier(2)

    def attempt(name: str) -> int:
        barrier.wait()
        try:
            return int(set_up(token, username=name).status_code)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(attempt, ["ada", "eve"])) == [201, 409]
    assert User.objects.count() == 1


def test_guessing_is_limited(token: str) -> None:
    assert 429 in {set_up("wrong").status_code for _ in range(21)}
    assert needed()


FORM = {
    "username": "root",
    "password": PASSWORD,
    "repeated": PASSWORD,
    "email": "root@example.com",
    "organization_name": "Acme",
}


def test_the_start_page_leads_to_a_form_that_needs_no_script(client: Client, token: str) -> None:
    assert client.get("/").headers["Location"] == "/setup"
    page = client.get("/setup").content.decode()
    assert '<form method="post">' in page
    assert "<script" not in page
    answer = client.post("/setup", {**FORM, "token": token})
    assert answer.headers["Location"] == "/admin/"
    assert client.get("/admin/").status_code == 200
    assert client.get("/").status_code == 200
    assert client.get("/setup").headers["Location"] == "/"
    assert client.post("/setup", {**FORM, "token": token}).headers["Location"] == "/"


@pytest.mark.parametrize(
    ("changes", "status", "sentence"),
    [
        ({"token": "wrong"}, 403, "The set-up token is wrong"),
        ({"repeated": "another"}, 400, "not the same password"),
        ({"password": "12345678", "repeated": "12345678"}, 400, "too common"),
        ({"email": "x"}, 400, "valid email"),
    ],
)
def test_the_form_says_what_is_wrong(
    client: Client, token: str, changes: dict[str, str], status: int, sentence: str
) -> None:
    answer = client.post("/setup", {**FORM, "token": token, **changes})
    assert (answer.status_code, sentence in answer.content.decode()) == (status, True)
    assert PASSWORD not in answer.content.decode()
    assert not User.objects.exists()


def test_the_form_is_safe_from_other_sites(token: str) -> None:
    browser = Client(enforce_csrf_checks=True)
    assert browser.post("/setup", {**FORM, "token": token}).status_code == 403


def test_bootstrap_closes_the_door_too() -> None:
    OrganizationFactory.create()  # a test before this one may have emptied the tables
    assert setup_needed()
    out = StringIO()
    call_command("bootstrap", username="ops", password=PASSWORD, stdout=out)
    User.objects.all().delete()
    assert not setup_needed()
