"""Signing in with a name and a password."""

import os
import subprocess
import sys
import time

import jwt
import pytest
from django.conf import settings as django_settings
from django.contrib.auth.hashers import MD5PasswordHasher
from django.test import Client
from pytest_django import Settings
from rest_framework.test import APIClient

from iacplatform.accounts.access_tokens import AUDIENCE, ISSUER
from iacplatform.accounts.audit.models import AuditEntry
from iacplatform.accounts.models import User
from iacplatform.accounts.throttling import AccountThrottle, LoginThrottle
from iacplatform.common.redis_client import redis_client
from tests.factories import UserFactory

LOGIN = "/api/v1/auth/login"
ME = "/api/v1/auth/me"
PASSWORD = "correct horse"


@pytest.fixture(autouse=True)
def _nobody_tried_before() -> None:
    for key in redis_client().scan_iter("iacplatform:login*"):
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


class CountingHasher(MD5PasswordHasher):
    """Counts how often a password is worked on, which is what takes the time of a login."""

    algorithm = "counting"
    count = 0

    def encode(self, password: str, salt: str) -> str:
        """Counts and encodes."""
        CountingHasher.count += 1
        return str(super().encode(password, salt))


@pytest.mark.parametrize("username", ["ada", "nobody", "gone"])
def test_every_refused_login_works_on_one_password(
    user: User, settings: Settings, username: str
) -> None:
    """L4: a wrong password, an unknown user and an inactive one take the same time."""
    settings.PASSWORD_HASHERS = [f"{__name__}.CountingHasher"]
    gone = User.objects.create_user("gone", password=PASSWORD, is_active=False)
    user.set_password(PASSWORD)
    user.save()
    CountingHasher.count = 0
    password = PASSWORD if username == gone.username else "wrong"
    assert login(username, password).status_code == 401
    assert CountingHasher.count == 1


def test_logins_are_in_the_audit_log_refused_ones_too(user: User) -> None:
    login("ada", PASSWORD)
    login("ada", "wrong")
    login("nobody\N{SNOWMAN}", "hunter2")
    entries = AuditEntry.objects.order_by("id")
    assert list(entries.values_list("action", "actor", "actor_name", "via", "status")) == [
        ("auth.login", user.pk, "ada", "login", 200),
        ("auth.login", None, "ada", "login", 401),
        ("auth.login", None, "nobody\N{SNOWMAN}", "login", 401),
    ]
    assert "hunter2" not in str(list(entries.values()))


@pytest.mark.parametrize("username", ["ada", "nobody"])
def test_an_account_is_guessed_at_slowly_from_however_many_addresses(
    user: User, username: str
) -> None:
    """L4: whether there is such an account or not."""
    allowed = AccountThrottle().num_requests
    assert allowed is not None
    statuses = [
        APIClient(REMOTE_ADDR=f"192.0.2.{number}")
        .post(LOGIN, {"username": username if number % 2 else username.upper(), "password": "x"})
        .status_code
        for number in range(2 * allowed + 1)
    ]
    assert 429 in statuses
    assert statuses[: allowed // 2] == [401] * (allowed // 2)


def test_the_admin_counts_logins_too(user: User) -> None:
    """L4: there is no door beside the limit."""
    form = {"username": "ada", "password": "wrong"}
    pages = [Client().post("/admin/login/", form).content.decode() for _ in range(21)]
    assert "Too many attempts" in pages[-1]
    assert login("ada", PASSWORD).status_code == 429


@pytest.mark.parametrize("name", ["token", "access_token", "authorization", "jwt"])
def test_a_token_in_the_address_opens_nothing(user: User, name: str) -> None:
    """L4: addresses are logged; a token in one is not looked at."""
    token = login("ada", PASSWORD).json()["access_token"]
    assert APIClient().get(ME, {name: token}).status_code == 401


@pytest.mark.parametrize(
    "path",
    [
        "run-tasks",
        "notifications",
        "cmdb/search?q=a",
        "cmdb/stats",
        "workspaces/ws-1/tasks/1/run-task-results",
        "audit-log",
    ],
)
def test_f46_what_others_left_open_asks_who_one_is(db: None, path: str) -> None:
    """F46: results of run tasks, notifications and the CMDB need a sign-in."""
    assert APIClient().get(f"/api/v1/{path}").status_code in (401, 404)


@pytest.mark.parametrize("missing", ["SECRET_KEY", "JWT_SECRET", "ENCRYPTION_KEYS"])
@pytest.mark.parametrize("how", ["unset", "empty"])
def test_a_server_without_a_secret_does_not_start(missing: str, how: str) -> None:
    """L4: the secret of access tokens is that of sessions unless it is set; an empty one is none."""
    environment = {**os.environ, "JWT_SECRET": "x" * 40}
    environment.pop(missing, None)
    if how == "empty":
        environment[missing] = ""
    command = [sys.executable, "-c", "import iacplatform.settings.base"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    derived = (missing, how) == ("JWT_SECRET", "unset")
    assert (done.returncode == 0) is derived
    assert derived or missing in done.stderr
