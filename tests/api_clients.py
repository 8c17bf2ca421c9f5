"""A member of the seeded organization, a workspace of it, and clients that call as somebody."""

from collections.abc import Callable

import pytest
from rest_framework.test import APIClient

from iacplatform.accounts.models import User
from tests.factories import EngineVersionFactory, UserFactory, WorkspaceFactory, api_token
from workspaces.models import EngineVersion, Workspace


@pytest.fixture
def engine(db: None) -> EngineVersion:
    """The platform's default engine."""
    return EngineVersionFactory.create(version="1.9.5", default=True)


@pytest.fixture
def member(db: None) -> User:
    """Somebody who sees the workspace."""
    return UserFactory.create(username="ada")


@pytest.fixture
def client_of() -> Callable[[User], APIClient]:
    """Makes a client that calls as a user, with an API token."""

    def make(user: User) -> APIClient:
        client = APIClient()
        client.credentials(HTTP_AUTHORIZATION=f"Bearer {api_token(user)}")
        return client

    return make


@pytest.fixture
def api(client_of: Callable[[User], APIClient], member: User) -> APIClient:
    """Calls as the member."""
    return client_of(member)


@pytest.fixture
def workspace(engine: EngineVersion) -> Workspace:
    """A workspace that the member sees."""
    return WorkspaceFactory.create(name="shop")


@pytest.fixture
def base(workspace: Workspace) -> str:
    """The address of the workspace."""
    return f"/api/v1/workspaces/{workspace.workspace_id}"
