"""Who calls the API, and about which workspace."""

from collections.abc import Callable

import pytest
from rest_framework.test import APIClient

from iacplatform.accounts.models import User
from tests.api_clients import api, base, client_of, engine, member, workspace
from tests.factories import UserFactory

__all__ = ["api", "base", "client_of", "engine", "member", "workspace"]


@pytest.fixture
def administrator(client_of: Callable[[User], APIClient], db: None) -> APIClient:
    """Calls as somebody of the staff."""
    return client_of(UserFactory.create(username="root", staff=True))
