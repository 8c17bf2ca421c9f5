"""API tokens: shown once, kept as a digest, ended at once."""

from datetime import timedelta

import pytest
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries
from rest_framework.test import APIClient

from iacplatform.accounts.models import APIToken, User, token_digest
from iacplatform.accounts.services import create_api_token
from tests.factories import APITokenFactory, UserFactory

TOKENS = "/api/v1/auth/tokens"


@pytest.fixture
def user(db: None) -> User:
    """The owner of tokens."""
    return UserFactory.create()


@pytest.fixture
def api(user: User) -> APIClient:
    """Calls as the user, without a token of theirs."""
    client = APIClient()
    client.force_authenticate(user)
    return client


def status(token: str) -> int:
    """The status of a request with a token."""
    return int(APIClient().get(TOKENS, headers={"Authorization": f"Bearer {token}"}).status_code)


def test_a_token_is_shown_once_and_stored_as_a_digest(api: APIClient) -> None:
    created = api.post(TOKENS, {"name": "ci"})
    assert created.status_code == 201
    assert created.headers["Cache-Control"] == "no-store"
    token = created.json()["token"]
    assert token.startswith("iac_")
    assert status(token) == 200
    listed = api.get(TOKENS)
    assert token.encode() not in listed.content
    assert token.startswith(listed.json()["items"][0]["hint"])
    assert APIToken.objects.get().digest == token_digest(token)


def test_a_revoked_token_opens_nothing_and_stays_in_the_list(api: APIClient) -> None:
    created = api.post(TOKENS, {"name": "ci"}).json()
    url = f"{TOKENS}/{created['id']}"
    assert api.delete(url).status_code == 204
    assert status(created["token"]) == 401
    item = api.get(TOKENS).json()["items"][0]
    assert (item["is_usable"], item["revoked_at"] is None) == (False, False)
    assert api.delete(url).status_code == 204
    assert api.get(TOKENS).json()["items"][0]["revoked_at"] == item["revoked_at"]


def test_a_token_ends_when_it_says(user: User) -> None:
    token, text = create_api_token(user, name="ci", expires_at=timezone.now() + timedelta(hours=1))
    assert status(text) == 200
    APIToken.objects.filter(pk=token.pk).update(expires_at=timezone.now())
    assert status(text) == 401


@pytest.mark.parametrize("end", ["2001-01-01T00:00:00Z", "soon", "9999-12-31T23:59:59-14:00"])
def test_an_end_that_makes_no_sense_is_refused(api: APIClient, end: str) -> None:
    answer = api.post(TOKENS, {"name": "ci", "expires_at": end})
    assert answer.status_code == 400
    assert list(answer.json()["fields"]) == ["expires_at"]


def test_a_token_of_a_deactivated_user_opens_nothing(user: User) -> None:
    _, text = create_api_token(user, name="ci")
    User.objects.filter(pk=user.pk).update(is_active=False)
    assert status(text) == 401


def test_nobody_sees_or_revokes_anothers_token(api: APIClient) -> None:
    other = APITokenFactory.create()
    assert api.get(TOKENS).json()["total"] == 0
    assert api.delete(f"{TOKENS}/{other.pk}").status_code == 404
    other.refresh_from_db()
    assert other.revoked_at is None


def test_a_use_is_noted_once_a_minute(
    user: User, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    token, text = create_api_token(user, name="ci")
    status(text)
    token.refresh_from_db()
    assert token.last_used_at is not None
    with django_assert_max_num_queries(3):
        status(text)
    token.refresh_from_db()
    first = token.last_used_at
    APIToken.objects.update(last_used_at=timezone.now() - timedelta(minutes=2))
    status(text)
    token.refresh_from_db()
    assert first is not None
    assert token.last_used_at is not None
    assert token.last_used_at >= first
