"""Rate limits on real addresses of the API."""

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from django.db import connection
from django.http import HttpResponse
from pytest_django import Settings
from rest_framework.test import APIClient

from iacplatform.accounts.models import User
from iacplatform.common.rates import Rate
from iacplatform.common.redis_client import redis_client
from tests.api_clients import api, base, client_of, engine, member, workspace
from tests.factories import UserFactory
from tests.frozen_redis import frozen, own_redis

__all__ = ["api", "base", "client_of", "engine", "member", "workspace"]
pytestmark = pytest.mark.django_db
ME = "/api/v1/auth/me"
WRONG = {"Authorization": "Bearer iac_nobody"}


@pytest.fixture(autouse=True)
def _few_requests(settings: Settings) -> None:
    """Three for each token, two for each address; nobody has asked yet."""
    settings.API_RATE_USER = Rate(3, 60)
    settings.API_RATE_ANONYMOUS = Rate(2, 60)
    for key in redis_client().scan_iter("iacplatform:rate:*"):
        redis_client().delete(key)


def remaining(answer: HttpResponse) -> tuple[int, int]:
    """How many requests are left, for how many seconds."""
    found = re.fullmatch(r'"\w+";r=(\d+);t=(\d+)', answer.headers["RateLimit"])
    assert found
    return int(found[1]), int(found[2])


def test_each_answer_says_what_is_left_until_there_is_none(api: APIClient) -> None:
    answers = [api.get(ME) for _ in range(4)]

    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert [remaining(answer)[0] for answer in answers] == [2, 1, 0, 0]
    assert {answer.headers["RateLimit-Policy"] for answer in answers} == {'"user";q=3;w=60'}
    assert answers[3].json()["code"] == "throttled"
    assert int(answers[3].headers["Retry-After"]) == remaining(answers[3])[1]
    assert 0 < remaining(answers[3])[1] <= 60


def test_a_window_ends(api: APIClient, settings: Settings) -> None:
    settings.API_RATE_USER = Rate(1, 1)
    assert api.get(ME).status_code == 200
    while (answer := api.get(ME)).status_code == 429:
        assert answer.headers["Retry-After"] == "1"

    assert answer.status_code == 200


def test_errors_and_addresses_that_are_not_there_count_too(api: APIClient, base: str) -> None:
    for _ in range(3):
        api.get("/api/v1/workspaces/ws-0000000000")

    assert api.get(base).status_code == 429


def test_one_token_does_not_use_up_another(
    client_of: Callable[[User], APIClient], member: User
) -> None:
    script, person = client_of(member), client_of(member)
    other = client_of(UserFactory.create())
    for _ in range(4):
        script.get(ME)

    assert [client.get(ME).status_code for client in (script, person, other)] == [429, 200, 200]


def test_a_user_without_a_token_has_a_count_of_their_own(member: User) -> None:
    browser = APIClient()
    browser.force_login(member)

    assert [browser.get(ME).status_code for _ in range(4)] == [200, 200, 200, 429]


def test_requests_that_name_nobody_are_counted_by_address(db: None) -> None:
    """The first two are told who they must be, the third to wait: guessing tokens is slow."""
    answers = [APIClient().get(ME, headers=headers) for headers in (WRONG, {}, WRONG)]

    assert [answer.status_code for answer in answers] == [401, 401, 429]
    assert answers[0].headers["RateLimit-Policy"] == '"anonymous";q=2;w=60'
    assert answers[2].json()["code"] == "throttled"
    assert answers[2].headers["Retry-After"]
    elsewhere = APIClient(REMOTE_ADDR="192.0.2.7").get(ME)
    assert elsewhere.status_code == 401


def test_what_anybody_may_read_is_counted_by_address(db: None) -> None:
    assert [APIClient().get("/api/schema/").status_code for _ in range(3)] == [200, 200, 429]


def test_who_has_a_token_is_not_held_up_by_strangers_at_the_address(api: APIClient) -> None:
    for _ in range(3):
        APIClient().get(ME)

    assert api.get(ME).status_code == 200


def test_a_forged_forwarding_header_does_not_start_the_count_again(db: None) -> None:
    forged = [{"X-Forwarded-For": f"192.0.2.{number}"} for number in range(3)]

    assert [APIClient().get(ME, headers=each).status_code for each in forged] == [401, 401, 429]


def test_health_checks_are_not_counted(db: None) -> None:
    answers = [APIClient().get("/health/live") for _ in range(5)]

    assert {answer.status_code for answer in answers} == {200}
    assert not any("RateLimit" in answer.headers for answer in answers)


def test_a_limit_of_none_is_none(api: APIClient, settings: Settings) -> None:
    settings.API_RATE_USER = None
    answers = [api.get(ME) for _ in range(5)]

    assert {answer.status_code for answer in answers} == {200}
    assert not any("RateLimit" in answer.headers for answer in answers)


@pytest.mark.django_db(transaction=True)
def test_of_many_at_once_no_more_pass_than_may(api: APIClient, settings: Settings) -> None:
    settings.API_RATE_USER = Rate(10, 60)

    def ask(_: int) -> int:
        try:
            return int(api.get(ME).status_code)
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(ask, range(40)))

    assert statuses.count(200) == 10
    assert statuses.count(429) == 30


def test_without_redis_everybody_is_let_in(
    api: APIClient, tmp_path: Path, settings: Settings
) -> None:
    with own_redis(tmp_path, settings) as server:
        with frozen(server):
            answers = [api.get(ME) for _ in range(5)]
        assert {answer.status_code for answer in answers} == {200}
        assert not any("RateLimit" in answer.headers for answer in answers)
