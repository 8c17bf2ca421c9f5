"""A run task service on a socket that may be called."""

from collections.abc import Iterator

import pytest
from pytest_django import Settings

from tests.runtasks.service import Service, running_service
from tests.web_server import web_server

__all__ = ["web_server"]


@pytest.fixture(autouse=True)
def _may_call_this_machine(settings: Settings) -> None:
    settings.OUTBOUND_ALLOWED_NETWORKS = ["127.0.0.0/8"]
    settings.RUN_TASK_WEBHOOK_WAITS = [0.0, 0.0]


@pytest.fixture
def service() -> Iterator[Service]:
    """A service that accepts everything and never calls back by itself."""
    with running_service() as running:
        yield running
