"""Who looks at the pages."""

import pytest
from django.test import Client

from iacplatform.accounts.models import User
from tests import admin_pages


@pytest.fixture
def operator(db: None) -> User:
    """Somebody who may do everything."""
    return admin_pages.operator()


@pytest.fixture
def browser(operator: User) -> Client:
    """The operator's browser."""
    return admin_pages.signed_in(operator)
