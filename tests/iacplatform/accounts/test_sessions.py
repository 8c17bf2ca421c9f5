"""Signing out, changing one's password, and access tokens for a browser."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries
from rest_framework.test import APIClient

from iacplatform.accounts.access_tokens import issue_access_token
from iacplatform.accounts.audit.models import AuditEntry
from iacplatform.accounts.models import User
from iacplatform.accounts.services import create_api_token
from iacplatform.accounts.sessions import RevokedAccessToken, prune_revoked_access_tokens
from iacplatform.common.redis_client import redis_client
from tests.factories import UserFactory

AUTH = "/api/v1/auth"
JSON = "application/json"
PASSWORD = "correct horse battery"
CHANGE = {"current_password": PASSWORD, "new_password": "another horse battery"}


@pytest.fixture(autouse=True)
def _nobody_tried_before() -> None:
    for key in redis_client().scan_iter("iacplatform:login*"):
        redis_client().delete(key)


@pytest.fixture
def user(db: None) -> User:
    return UserFactory.create(username="ada", password=PASSWORD)


def bearer(token: str) -> APIClient:
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {token}")
    return client


def browser_of(user: User, **options: Any) -> Client:
    client = Client(**options)
    client.force_login(user)
    return client


def me(client: Any) -> int:
    return int(client.get(f"{AUTH}/me").status_code)


def test_signing_out_ends_one_access_token_and_no_other(user: User) -> None:
    here, there = bearer(issue_access_token(user)), bearer(issue_access_token(user))
    assert here.post(f"{AUTH}/logout").status_code == 204
    assert (me(here), me(there)) == (401, 200)
    assert here.post(f"{AUTH}/logout").status_code == 401
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.actor, entry.status) == ("auth.logout", user, 200)


def test_signing_out_ends_the_session_of_a_browser(user: User) -> None:
    browser = browser_of(user)
    assert browser.post(f"{AUTH}/logout").status_code == 204
    assert me(browser) == 401


def test_an_api_token_is_not_signed_out_by_mistake(user: User) -> None:
    client = bearer(create_api_token(user, name="ci")[1])
    assert client.post(f"{AUTH}/logout").status_code == 409
    assert me(client) == 200


def test_an_access_token_costs_one_query(
    user: User, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    from iacplatform.accounts.access_tokens import user_of_access_token  # noqa: PLC0415

    token = issue_access_token(user)
    with django_assert_num_queries(1):
        assert user_of_access_token(token) == user


def test_a_revocation_is_kept_for_as_long_as_its_token_would_live(user: User) -> None:
    bearer(issue_access_token(user)).post(f"{AUTH}/logout")
    assert prune_revoked_access_tokens() == 0
    past = timezone.now() - timedelta(seconds=1)
    RevokedAccessToken.objects.update(expires_at=past)
    assert prune_revoked_access_tokens() == 1


def test_a_new_password_ends_every_other_session(user: User) -> None:
    here, there = bearer(issue_access_token(user)), bearer(issue_access_token(user))
    browser = browser_of(user)
    answer = here.post(f"{AUTH}/password", CHANGE)
    assert answer.status_code == 200
    assert (me(here), me(there), me(browser)) == (401, 401, 401)
    assert me(bearer(answer.json()["access_token"])) == 200
    user.refresh_from_db()
    assert user.check_password(CHANGE["new_password"])
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.object_id, entry.status) == ("auth.password", str(user.pk), 200)
    assert "horse" not in str(entry.__dict__)


def test_the_browser_that_changes_the_password_stays_signed_in(user: User) -> None:
    here, there = browser_of(user), browser_of(user)
    assert here.post(f"{AUTH}/password", CHANGE, content_type=JSON).status_code == 200
    assert (me(here), me(there)) == (200, 401)


@pytest.mark.parametrize(
    ("field", "value"),
    [("current_password", "wrong"), ("new_password", "short"), ("new_password", "password123")],
)
def test_a_wrong_or_unsafe_password_changes_nothing(user: User, field: str, value: str) -> None:
    client = bearer(issue_access_token(user))
    answer = client.post(f"{AUTH}/password", {**CHANGE, field: value})
    assert answer.status_code == 400
    assert list(answer.json()["fields"]) == [field]
    assert me(client) == 200
    assert AuditEntry.objects.get().status == 400


def test_who_signs_in_elsewhere_has_no_password_to_change(user: User) -> None:
    user.set_unusable_password()
    user.save()
    client = bearer(issue_access_token(user))
    assert client.post(f"{AUTH}/password", CHANGE).status_code == 409


def test_the_present_password_cannot_be_guessed_for_long(user: User) -> None:
    client = bearer(issue_access_token(user))
    wrong = {**CHANGE, "current_password": "wrong"}
    answers = {client.post(f"{AUTH}/password", wrong).status_code for _ in range(21)}
    assert 429 in answers


def test_a_browser_gets_an_access_token_for_its_session(user: User) -> None:
    browser = browser_of(user, enforce_csrf_checks=True)
    browser.cookies["csrftoken"] = "x" * 32
    answer = browser.post(
        f"{AUTH}/session-token", content_type=JSON, headers={"X-CSRFToken": "x" * 32}
    )
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    assert me(bearer(answer.json()["access_token"])) == 200


def test_another_site_cannot_ask_for_one(user: User) -> None:
    browser = browser_of(user, enforce_csrf_checks=True)
    assert browser.post(f"{AUTH}/session-token", content_type=JSON).status_code == 403
    browser.cookies["csrftoken"] = "x" * 32
    assert browser.post(f"{AUTH}/session-token", content_type=JSON).status_code == 403


def test_a_token_does_not_make_another(user: User) -> None:
    client = bearer(create_api_token(user, name="ci")[1])
    assert client.post(f"{AUTH}/session-token").status_code in (401, 403)
    assert APIClient().post(f"{AUTH}/session-token").status_code in (401, 403)
