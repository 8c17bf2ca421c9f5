"""Signing in with a name and a password."""

import time

import jwt
import pytest
from django.conf import settings as django_settings
from pytest_django import Settings
from rest_framework.test import APIClient

from iacplatform.accounts.access_tokens import AUDIENCE, ISSUER
from iacplatform.accounts.models import User
from iacplatform.accounts.throttling import LoginThrottle
from iacplatform.common.redis_client import redis_client
from tests.factories import UserFactory

LOGIN = "/api/v1/auth/login"
ME = "/api/v1/auth/me"
PASSWORD = "correct horse"


@pytest.fixture(autouse=True)
def _nobody_tried_before() -> None:
    for key in redis_client().scan_iter("iacplatform:login:*"):
        redis_client().delete(key)


@pytest.fixture
def user(db: None) -> User:
    """Somebody with a password."""
    return UserFactory.create(username="ada", password=PASSWORD)


def me(token: str) -> int:
    """The status of asking who one is."""
    return int(APIClient().get(ME, headers={"Authorization": f"Bearer {token}"}).status_code)


def login(username: str, password: str):  # type: ignore[no-untyped-def]
    """Tries to sign in."""
    return APIClient().post(LOGIN, {"username": username, "password": password})


def test_a_login_gives_a_token_that_opens_the_api(user: User) -> None:
    answer = login("ada", PASSWORD)
    assert answer.status_code == 200
    body = answer.json()
    assert (body["token_type"], body["expires_in"]) == (
        "Bearer",
        django_settings.JWT_LIFETIME_SECONDS,
    )
    assert answer.headers["Cache-Control"] == "no-store"
    shown = APIClient().get(ME, headers={"Authorization": f"Bearer {body['access_token']}"})
    assert (shown.json()["username"], shown.json()["organizations"]) == ("ada", ["default"])
    user.refresh_from_db()
    assert user.last_login is not None


def test_the_token_names_its_issuer_its_audience_and_its_end(user: User) -> None:
    token = login("ada", PASSWORD).json()["access_token"]
    claims = jwt.decode(token, options={"verify_signature": False})
    assert (claims["iss"], claims["aud"], claims["sub"]) == (ISSUER, AUDIENCE, str(user.pk))
    assert claims["exp"] - claims["iat"] == django_settings.JWT_LIFETIME_SECONDS
    assert claims["jti"]


def test_wrong_names_and_wrong_passwords_answer_alike(user: User) -> None:
    """L4: nobody learns which users there are."""
    User.objects.create_user("gone", password=PASSWORD, is_active=False)
    answers = [login("ada", "wrong"), login("nobody", "wrong"), login("gone", PASSWORD)]
    assert {answer.status_code for answer in answers} == {401}
    assert len({answer.content for answer in answers}) == 1


def test_wrong_names_take_as_long_as_wrong_passwords(user: User, settings: Settings) -> None:
    """L4: nor by the time it takes."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.PBKDF2PasswordHasher"]
    user.set_password(PASSWORD)
    user.save()

    def seconds(username: str) -> float:
        begun = time.perf_counter()
        login(username, "wrong")
        return time.perf_counter() - begun

    known = min(seconds("ada") for _ in range(3))
    unknown = min(seconds("nobody") for _ in range(3))
    assert 0.3 < known / unknown < 3


@pytest.mark.parametrize("body", [{}, {"username": "ada"}, {"username": [], "password": {}}, []])
def test_credentials_are_two_texts(db: None, body: object) -> None:
    assert APIClient().post(LOGIN, body).status_code == 400


def test_too_many_attempts_have_to_wait(user: User) -> None:
    """L4: whatever the name, and right ones too."""
    allowed = LoginThrottle().num_requests
    assert allowed is not None
    answers = [login(f"user{number}", "wrong") for number in range(2 * allowed + 1)]
    refused = [answer for answer in answers if answer.status_code == 429]
    assert refused
    assert refused[0].json()["code"] == "throttled"
    assert 0 < int(refused[0].headers["Retry-After"]) <= 61


def test_a_forged_forwarding_header_does_not_start_the_count_again(user: User) -> None:
    answers = [
        APIClient().post(
            LOGIN,
            {"username": "ada", "password": "wrong"},
            headers={"X-Forwarded-For": f"10.0.0.{number}"},
        )
        for number in range(21)
    ]
    assert 429 in {answer.status_code for answer in answers}


def forged(user: User, algorithm: str, key: str, **changes: object) -> str:
    """A token like ours but for what is changed."""
    now = int(time.time())
    claims = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": str(user.pk),
        "iat": now,
        "exp": now + 600,
        "jti": "x",
        "session": user.get_session_auth_hash(),
    }
    return jwt.encode(
        {name: value for name, value in (claims | changes).items() if value is not None},
        key,
        algorithm=algorithm,
    )


def test_a_token_like_ours_opens_the_api(user: User) -> None:
    assert me(forged(user, "HS256", django_settings.JWT_SECRET)) == 200


@pytest.mark.parametrize(
    "changes",
    [
        {"exp": 1},
        {"exp": None},
        {"iss": "somebody"},
        {"aud": "another-api"},
        {"aud": None},
        {"sub": "0"},
        {"sub": "ada"},
        {"sub": "9" * 30},
        {"jti": None},
        {"session": "x"},
    ],
    ids=str,
)
def test_a_token_with_another_claim_is_refused(user: User, changes: dict[str, object]) -> None:
    assert me(forged(user, "HS256", django_settings.JWT_SECRET, **changes)) == 401


def test_another_algorithm_is_refused(user: User) -> None:
    """L4: neither none nor another one that the header asks for."""
    assert me(forged(user, "none", "")) == 401
    assert me(forged(user, "HS512", "x" * 64)) == 401
    assert me(forged(user, "HS512", django_settings.JWT_SECRET.ljust(64, "x"))) == 401
    assert me(forged(user, "HS256", "another secret of thirty-two bytes")) == 401


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "iac_x", "ü", "x" * 10_000, "\x00"])
def test_what_is_no_token_is_refused(db: None, token: str) -> None:
    answer = APIClient().get(ME, HTTP_AUTHORIZATION=f"Bearer {token}")
    assert answer.status_code == 401
    assert answer.json()["code"] == "authentication_failed"
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


def test_a_new_password_ends_all_access_tokens(user: User) -> None:
    token = login("ada", PASSWORD).json()["access_token"]
    user.set_password("another horse")
    user.save()
    assert me(token) == 401


def test_a_deactivated_user_is_refused(user: User) -> None:
    token = login("ada", PASSWORD).json()["access_token"]
    User.objects.filter(pk=user.pk).update(is_active=False)
    assert me(token) == 401


def test_nobody_is_told_who_they_are(db: None) -> None:
    answer = APIClient().get(ME)
    assert answer.status_code == 401
    assert answer.json()["code"] == "not_authenticated"
