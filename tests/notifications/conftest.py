"""Receivers on sockets that may be called: an HTTP server and a mail server."""

from collections.abc import Iterator

import pytest
from pytest_django import Settings

from tests.notifications.mail_server import MailServer, running_mail_server
from tests.runtasks.service import Service, running_service


@pytest.fixture(autouse=True)
def _may_call_this_machine(settings: Settings) -> None:
    settings.OUTBOUND_ALLOWED_NETWORKS = ["127.0.0.0/8"]
    settings.BASE_URL = "https://iac.example.com"


@pytest.fixture
def receiver() -> Iterator[Service]:
    """A server that accepts everything."""
    with running_service() as running:
        yield running


@pytest.fixture
def mail_server(settings: Settings) -> Iterator[MailServer]:
    """The platform's mail server."""
    with running_mail_server() as running:
        # Django puts a pretended one in place for tests.
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", running.port
        yield running
