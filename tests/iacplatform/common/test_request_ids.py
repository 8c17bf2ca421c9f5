"""The id of a request: in its answer, in the log, and in what it sends to workers."""

import io
import json
import logging
import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import redis
import structlog
from django.db import OperationalError
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.urls import include, path
from pytest_django import Settings
from rest_framework.test import APIClient

from iacplatform.logging import RENDERERS, SHARED_PROCESSORS
from tests.api_clients import api, base, client_of, engine, member, workspace
from tests.frozen_redis import own_redis
from tests.web_server import web_server

__all__ = ["api", "base", "client_of", "engine", "member", "web_server", "workspace"]
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}")
ID = {"X-Request-ID": "ticket/4711:a"}
logger = structlog.get_logger(__name__)


def broken(request: HttpRequest) -> HttpResponse:
    """Fails, after a word to the log."""
    logger.info("about_to_fail")
    raise RuntimeError("the password is hunter2")


def unreachable(request: HttpRequest) -> HttpResponse:
    """Fails as without a database."""
    raise OperationalError("the password is hunter2")


urlpatterns = [
    path("api/v1/broken", broken),
    path("", include("iacplatform.urls")),
]
handler500 = "iacplatform.common.api_errors.server_error"


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """What is written to the log, as production writes it."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=SHARED_PROCESSORS,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                *RENDERERS["json"],
            ],
        )
    )
    logging.getLogger().addHandler(handler)
    yield stream
    logging.getLogger().removeHandler(handler)


def lines(log: io.StringIO) -> list[dict[str, str]]:
    """The events of the log."""
    return [json.loads(line) for line in log.getvalue().splitlines()]


@pytest.mark.parametrize(
    ("address", "status"),
    [
        ("/api/v1/auth/me", 401),
        ("/api/v1/nothing", 404),
        ("/nothing", 404),
        ("/health/live", 200),
        ("/admin/", 302),
        ("/static/iacplatform/missing.css", 404),
        ("/api/docs/", 200),
    ],
)
def test_every_answer_has_an_id(db: None, address: str, status: int) -> None:
    own, given = Client().get(address), Client().get(address, headers=ID)

    assert (own.status_code, given.status_code) == (status, status)
    assert UUID.fullmatch(own.headers["X-Request-ID"])
    assert given.headers["X-Request-ID"] == "ticket/4711:a"


def test_no_two_answers_have_the_same(api: APIClient) -> None:
    ids = {api.get("/api/v1/auth/me").headers["X-Request-ID"] for _ in range(5)}

    assert len(ids) == 5


@pytest.mark.parametrize("given", ["", " ", "two words", "a\tb", "<b>", "ä", '"', "x" * 129, "{}"])
def test_what_a_log_should_not_hold_is_replaced(db: None, given: str) -> None:
    answer = Client().get("/api/v1/auth/me", headers={"X-Request-ID": given})

    assert UUID.fullmatch(answer.headers["X-Request-ID"])


@pytest.mark.urls(__name__)
def test_l4_a_failure_hides_what_happened_and_names_the_request_under_which_the_log_tells_it(
    db: None, log: io.StringIO
) -> None:
    answer = Client(raise_request_exception=False).get("/api/v1/broken", headers=ID)

    assert answer.status_code == 500
    assert answer.headers["X-Request-ID"] == answer.json()["request_id"] == "ticket/4711:a"
    assert b"hunter2" not in answer.content
    told = lines(log)
    assert {"about_to_fail", "request_failed"} <= {line["event"] for line in told}
    assert {line.get("request_id") for line in told} == {"ticket/4711:a"}
    assert any("hunter2" in line.get("exception", "") for line in told)


def test_djangos_own_line_about_a_refusal_has_the_id_too(db: None, log: io.StringIO) -> None:
    Client().get("/api/v1/auth/me", headers=ID)

    (line,) = [each for each in lines(log) if each["logger"] == "django.request"]
    assert line["request_id"] == "ticket/4711:a"


@pytest.mark.django_db(transaction=True)
def test_behind_the_web_server_it_is_the_same(web_server: str, log: io.StringIO) -> None:
    answers = [
        httpx.get(f"http://{web_server}/api/v1/auth/me", headers={"X-Request-ID": f"call-{number}"})
        for number in range(3)
    ]

    assert [answer.headers["X-Request-ID"] for answer in answers] == ["call-0", "call-1", "call-2"]
    told = [each for each in lines(log) if each["logger"] == "django.request"]
    assert [line["request_id"] for line in told] == ["call-0", "call-1", "call-2"]


@pytest.mark.django_db(transaction=True)
def test_a_message_for_a_worker_carries_the_id_of_the_request_that_caused_it(
    api: APIClient, base: str, tmp_path: Path, settings: Settings
) -> None:
    with own_redis(tmp_path, settings) as server:
        assert api.post(f"{base}/tasks", {}, headers=ID).status_code == 201
        with redis.Redis.from_url(server.url) as client:
            (message,) = client.lrange("stages.local", 0, -1)

    assert json.loads(message)["headers"]["__django_structlog__"]["request_id"] == "ticket/4711:a"
