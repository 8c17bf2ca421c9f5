"""Who sees what: every address of the app, found in the URL configuration itself."""

import re
from collections.abc import Callable, Iterator

from rest_framework.test import APIClient

from iacplatform.accounts.models import User
from tests.factories import OrganizationFactory, UserFactory, WorkspaceFactory
from tests.workspaces.cmdb.inventories import a_source
from tests.workspaces.cmdb.states import resource, synced
from workspaces.cmdb.api.urls import urlpatterns
from workspaces.cmdb.models import ResourceIndex

METHODS = ("get", "post", "put", "patch", "delete")
FOR_ADMINISTRATORS = ("sync-all", "external-sources")


def addresses() -> Iterator[tuple[str, str]]:
    """Every method and address, with the ids of what is there."""
    workspace = WorkspaceFactory.create()
    synced(workspace, resource("aws_x.a"))
    ids = {
        "workspace_id": workspace.workspace_id,
        "source_id": a_source().source_id,
        "pk": str(ResourceIndex.objects.get().pk),
    }
    for pattern in urlpatterns:
        address = re.sub(r"<\w+:(\w+)>", lambda found: ids[found[1]], str(pattern.pattern))
        for method in METHODS:
            if method in getattr(pattern.callback, "actions", {}):
                yield method, f"/api/v1/{address}"


def status(client: APIClient, method: str, address: str) -> int:
    return int(getattr(client, method)(address).status_code)


def test_nobody_gets_anything_without_a_token(db: None) -> None:
    """F46: CMDB reads need authentication."""
    found = list(addresses())
    assert len(found) > 15
    assert {each: status(APIClient(), *each) for each in found} == dict.fromkeys(found, 401)


def test_strangers_find_nothing_that_belongs_to_others(stranger: APIClient) -> None:
    """F44: not even that it exists."""
    theirs = [each for each in addresses() if re.search(r"/(ws-|cmdb-src-|resources/)", each[1])]

    assert len(theirs) > 10
    assert {each: status(stranger, *each) for each in theirs} == dict.fromkeys(theirs, 404)


def test_what_is_for_administrators_is_for_nobody_else(api: APIClient) -> None:
    for_them = [each for each in addresses() if any(part in each[1] for part in FOR_ADMINISTRATORS)]

    assert len(for_them) > 8
    assert {each: status(api, *each) for each in for_them} == dict.fromkeys(for_them, 403)


def test_a_stranger_counts_and_finds_nothing(
    client_of: Callable[[User], APIClient], db: None
) -> None:
    """F44: nor do numbers, types and suggestions tell of what one may not see."""
    list(addresses())
    elsewhere = OrganizationFactory.create(name="elsewhere")
    client = client_of(UserFactory.create(organizations=[elsewhere]))

    assert client.get("/api/v1/cmdb/search?q=aws").json()["items"] == []
    assert client.get("/api/v1/cmdb/suggestions?q=aws").json()["suggestions"] == []
    assert client.get("/api/v1/cmdb/resource-types").json()["items"] == []
    assert client.get("/api/v1/cmdb/workspace-counts").json()["items"] == []
    stats = client.get("/api/v1/cmdb/stats").json()
    assert {value for value in stats.values() if isinstance(value, int)} == {0}
    assert stats["types"] == stats["providers"] == []
