"""Who sees what: every address below a workspace, found in the URL configuration itself."""

import re
from collections.abc import Callable, Iterator

import pytest
from django.urls import URLPattern
from pytest_django import DjangoAssertNumQueries
from rest_framework.test import APIClient

from iacplatform.accounts.models import User
from tests.factories import (
    OrganizationFactory,
    OutputFactory,
    RemoteDataFactory,
    ResourceChangeFactory,
    ResourceFactory,
    StateVersionFactory,
    TaskFactory,
    UserFactory,
    VariableFactory,
    WorkspaceFactory,
)
from workspaces.api.urls import urlpatterns
from workspaces.models import (
    ConfigurationVersion,
    EngineVersion,
    TaskComment,
    TaskTransition,
    Workspace,
)

METHODS = ("get", "post", "put", "patch", "delete")


def addresses(of: Workspace) -> Iterator[tuple[str, str]]:
    """Every method and address of a workspace, its children being number 1."""
    for pattern in urlpatterns:
        route = str(pattern.pattern)
        if "workspace_id>" not in route or route.endswith("/full"):
            continue
        address = re.sub(r"<\w+:workspace_id>", of.workspace_id, route)
        address = re.sub(r"<sid:\w+>", "var-1", re.sub(r"<pk:\w+>", "1", address))
        for method in _methods(pattern):
            yield method, f"/api/v1/{address}"


def _methods(pattern: URLPattern) -> list[str]:
    actions = getattr(pattern.callback, "actions", {})
    return [method for method in METHODS if method in actions]


def call(client: APIClient, method: str, address: str) -> int:
    """Calls with a body that no service has to understand."""
    return int(getattr(client, method)(address).status_code)


def test_strangers_find_nothing_at_any_address_of_a_workspace(
    workspace: Workspace, client_of: Callable[[User], APIClient]
) -> None:
    """F3: not even that the workspace exists."""
    elsewhere = OrganizationFactory.create(name="elsewhere")
    stranger = client_of(UserFactory.create(organizations=[elsewhere], staff=True))
    found = list(addresses(workspace))
    assert len(found) > 50
    assert {each: call(stranger, *each) for each in found} == dict.fromkeys(found, 404)


def test_nobody_gets_anything_without_a_token(workspace: Workspace) -> None:
    found = list(addresses(workspace))
    assert {each: call(APIClient(), *each) for each in found} == dict.fromkeys(found, 401)


def test_a_superuser_sees_every_workspace(
    workspace: Workspace, client_of: Callable[[User], APIClient]
) -> None:
    root = client_of(UserFactory.create(organizations=[], superuser=True))
    assert call(root, "get", f"/api/v1/workspaces/{workspace.workspace_id}") == 200


def test_a_list_holds_only_what_the_caller_sees(
    api: APIClient, workspace: Workspace, client_of: Callable[[User], APIClient]
) -> None:
    WorkspaceFactory.create(organization=OrganizationFactory.create(name="elsewhere"))
    assert api.get("/api/v1/workspaces").json()["total"] == 1
    homeless = client_of(UserFactory.create(organizations=[]))
    assert homeless.get("/api/v1/workspaces").json()["total"] == 0


@pytest.mark.parametrize(
    "reference", ["ws-nobody", "0", "9" * 18, "9" * 40, "ws-%00", "ws-A", "..", "%F0%28"]
)
def test_a_workspace_that_cannot_be_is_not_found(api: APIClient, reference: str) -> None:
    answer = api.get(f"/api/v1/workspaces/{reference}")
    assert answer.status_code == 404
    assert answer.json()["code"] == "not_found"


def _fill(workspace: Workspace, user: User, rows: int) -> list[str]:
    """Adds rows of every kind; returns the addresses of all lists."""
    task = TaskFactory.create(workspace=workspace, created_by=user)
    variable = VariableFactory.create(workspace=workspace, created_by=user)
    resource = ResourceFactory.create(workspace=workspace, created_by=user)
    for number in range(rows):
        TaskFactory.create(workspace=workspace, created_by=UserFactory.create())
        VariableFactory.create(workspace=workspace, created_by=UserFactory.create())
        ResourceFactory.create(workspace=workspace, created_by=UserFactory.create())
        OutputFactory.create(workspace=workspace)
        RemoteDataFactory.create(workspace=workspace)
        StateVersionFactory.create(workspace=workspace, created_by=UserFactory.create())
        ResourceChangeFactory.create(task=task)
        TaskComment.objects.create(task=task, user=user, username="ada", comment="Hm")
        TaskTransition.objects.create(task=task, to_status="pending", stage="pending", actor="ada")
        ConfigurationVersion.objects.create(
            workspace=workspace,
            archive=b"tar",
            sha256="0" * 64,
            size_bytes=3,
            unpacked_bytes=3,
            file_count=1,
            created_by=UserFactory.create(),
        )
        VariableFactory.create(
            workspace=workspace,
            variable_id=variable.variable_id,
            version=number + 2,
            is_current=False,
        )
        resource.versions.create(version=number + 2, tf_code={}, created_by=UserFactory.create())
        WorkspaceFactory.create(
            created_by=UserFactory.create(), engine_version=EngineVersion.objects.first()
        )
    below = [
        "tasks",
        f"tasks/{task.pk}/comments",
        f"tasks/{task.pk}/transitions",
        f"tasks/{task.pk}/resource-changes",
        "variables",
        f"variables/{variable.variable_id}/versions",
        "resources",
        f"resources/{resource.pk}/versions",
        "configuration-versions",
        "state-versions",
        "outputs",
        "remote-data",
    ]
    lists = [f"/workspaces/{workspace.workspace_id}/{rest}" for rest in below]
    return [*lists, "/workspaces", "/engine-versions", "/auth/tokens"]


def test_every_list_takes_a_fixed_number_of_queries(
    api: APIClient,
    workspace: Workspace,
    member: User,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    for address in _fill(workspace, member, rows=12):
        with django_assert_max_num_queries(9):
            answer = api.get(f"/api/v1{address}?page_size=100")
        assert answer.status_code == 200, address
