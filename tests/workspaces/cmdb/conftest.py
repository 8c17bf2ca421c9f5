"""Who calls the API, and external sources on this machine."""

from collections.abc import Callable

import pytest
from pytest_django import Settings
from rest_framework.test import APIClient

from iacplatform.accounts.models import User
from tests.api_clients import api, client_of, member
from tests.factories import OrganizationFactory, UserFactory

__all__ = ["api", "client_of", "member"]


@pytest.fixture(autouse=True)
def _may_call_this_machine(settings: Settings) -> None:
    settings.OUTBOUND_ALLOWED_NETWORKS = ["127.0.0.1"]


@pytest.fixture
def administrator(client_of: Callable[[User], APIClient], db: None) -> APIClient:
    """Calls as staff of the seeded organization."""
    return client_of(UserFactory.create(username="root", staff=True))


@pytest.fixture
def stranger(client_of: Callable[[User], APIClient], db: None) -> APIClient:
    """Calls as staff of another organization."""
    elsewhere = OrganizationFactory.create(name="elsewhere")
    return client_of(UserFactory.create(organizations=[elsewhere], staff=True))
