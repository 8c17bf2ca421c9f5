"""The pages and probes around the API."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.management import call_command
from django.test import Client
from pytest_django import Settings

from iacplatform.common.redis_client import redis_client
from tests.factories import UserFactory

OPENAPI = Path(__file__).parents[3] / "docs" / "reference" / "openapi.yaml"


@pytest.fixture
def _redis_is_away(settings: Settings) -> Iterator[None]:
    settings.REDIS_URL = "unix:///nowhere/redis.sock"
    redis_client.cache_clear()
    yield
    redis_client.cache_clear()


@pytest.mark.parametrize("address", ["/health", "/health/live"])
def test_a_process_that_lives_says_so_without_asking_anybody(client: Client, address: str) -> None:
    assert client.get(address).json() == {"status": "ok"}


@pytest.mark.django_db
def test_a_server_is_ready_when_its_services_answer(client: Client) -> None:
    answer = client.get("/health/ready")
    assert answer.status_code == 200
    assert answer.json() == {"status": "ok", "checks": {"database": "ok", "redis": "ok"}}


@pytest.mark.django_db
@pytest.mark.usefixtures("_redis_is_away")
def test_a_server_without_redis_is_not_ready(client: Client) -> None:
    answer = client.get("/health/ready")
    assert answer.status_code == 503
    assert answer.json()["checks"] == {"database": "ok", "redis": "unavailable"}


@pytest.mark.django_db
@pytest.mark.usefixtures("_redis_is_away")
def test_people_can_sign_in_while_redis_is_away(client: Client) -> None:
    body = {"username": "nobody", "password": "wrong"}
    answer = client.post("/api/v1/auth/login", body, content_type="application/json")
    assert answer.status_code == 401


@pytest.mark.django_db
def test_the_start_page_leads_everywhere(client: Client) -> None:
    UserFactory.create(superuser=True)
    page = client.get("/").content.decode()
    for address in ("/admin/", "/api/docs/", "/api/schema/", "/health/ready"):
        assert f'href="{address}"' in page


@pytest.mark.django_db
def test_metrics_are_there_for_prometheus(client: Client) -> None:
    assert b"django_http_requests" in client.get("/metrics").content


def test_the_api_can_be_browsed_without_the_internet(client: Client) -> None:
    page = client.get("/api/docs/").content.decode()
    assert "/static/drf_spectacular_sidecar/" in page
    assert "cdn" not in page


def test_the_description_of_the_api_is_served(client: Client) -> None:
    answer = client.get("/api/schema/", headers={"Accept": "application/json"})
    paths = answer.json()["paths"]
    assert "/api/v1/workspaces/{workspace_id}/tasks/{task_id}/confirm-apply" in paths


def test_the_committed_description_of_the_api_is_current(tmp_path: Path) -> None:
    """`make schema` writes it."""
    written = tmp_path / "openapi.yaml"
    call_command("spectacular", "--validate", "--fail-on-warn", file=str(written))
    assert written.read_text() == OPENAPI.read_text()
