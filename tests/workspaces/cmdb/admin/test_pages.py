"""What an operator sees of the CMDB, and may do."""

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from iacplatform.common.models import OutboxEntry
from tests.admin_pages import (
    act,
    colleague,
    list_page,
    messages,
    operator,
    page,
    refusals,
    signed_in,
    text,
)
from tests.factories import WorkspaceFactory
from tests.iacplatform.common.outbound.servers import running_server
from tests.workspaces.cmdb.inventories import a_source, item, items
from tests.workspaces.cmdb.states import instance, resource, synced
from workspaces.cmdb.models import (
    ExternalSource,
    ModuleHierarchy,
    ResourceIndex,
    SyncLog,
    WorkspaceSync,
)
from workspaces.models import Workspace

pytestmark = pytest.mark.django_db
MODELS = (ResourceIndex, ModuleHierarchy, WorkspaceSync, ExternalSource, SyncLog)


@pytest.fixture
def browser() -> Client:
    return signed_in(operator())


@pytest.fixture
def workspace() -> Workspace:
    workspace = WorkspaceFactory.create(name="shop")
    web = instance(id="i-1", tags={"Name": "front <door>"})
    synced(workspace, resource("aws_instance.web", web), resource("aws_x.a", module="module.net"))
    return workspace


def test_resources_are_found_by_the_search(browser: Client, workspace: Workspace) -> None:
    body = text(browser.get(list_page(ResourceIndex, q="front")))

    assert "aws_instance.web" in body
    assert "aws_x.a" not in body
    assert "no such thing" not in text(browser.get(list_page(ResourceIndex, q="100%")))


def test_a_resource_is_shown_with_its_attributes(browser: Client, workspace: Workspace) -> None:
    body = text(browser.get(page(ResourceIndex.objects.get(cloud_resource_id="i-1"))))

    for shown in ("i-1", "front &lt;door&gt;", "shop", "Terraform"):
        assert shown in body, shown


def test_nothing_is_changed_by_a_form(browser: Client, workspace: Workspace) -> None:
    SyncLog.objects.create(source=a_source())
    for model in MODELS:
        row = model._default_manager.first()
        assert row is not None
        assert refusals(browser, row) == [403, 403, 403]


def test_the_module_tree_leads_to_resources(browser: Client, workspace: Workspace) -> None:
    module = ModuleHierarchy.objects.get(module_path="module.net")
    body = text(browser.get(page(module)))

    assert "module_path__exact=module.net" in body
    query = {"workspace__id__exact": workspace.pk, "module_path__exact": "module.net"}
    found = text(browser.get(list_page(ResourceIndex, **query)))
    assert "aws_x.a" in found
    assert "aws_instance.web" not in found


def test_a_sync_is_asked_for_from_the_page_of_a_workspaces_index(
    browser: Client, workspace: Workspace
) -> None:
    sync = WorkspaceSync.objects.get()
    WorkspaceSync.objects.update(last_error="The state is not JSON")
    body = text(browser.get(page(sync)))
    assert "Failed" in body
    assert "The state is not JSON" in body

    assert messages(act(browser, "sync", sync)) == ["A sync of shop was asked for"]
    assert OutboxEntry.objects.get().kind == "cmdb.sync"


def test_a_source_is_shown_without_its_header_values(browser: Client) -> None:
    source = a_source(auth_headers={"X-Key": "hunter2 hunter2"}, last_sync_status="failed")

    body = text(browser.get(page(source))) + text(browser.get(list_page(ExternalSource)))

    assert "X-Key" in body
    assert "badge-bad" in body
    assert "hunter2" not in body


def test_a_source_is_tried_and_pulled_from_its_page(browser: Client) -> None:
    with running_server(items(item("a"))) as server:
        source = a_source(server.url, name="vms")
        assert messages(act(browser, "send_a_test", source)) == ["vms: 1 resources"]
    assert not ResourceIndex.objects.exists()

    assert messages(act(browser, "pull", source)) == ["A pull of vms was asked for"]
    assert OutboxEntry.objects.get().kind == "cmdb.pull"
    ExternalSource.objects.update(is_enabled=False)
    assert messages(act(browser, "pull", source)) == ["The external source is disabled"]
    assert 'value="pull"' not in text(browser.get(page(source)))


def test_who_may_only_look_cannot_act(workspace: Workspace) -> None:
    browser = signed_in(colleague("view_workspacesync", "view_externalsource"))
    act(browser, "sync", WorkspaceSync.objects.get())
    act(browser, "pull", a_source())

    assert not OutboxEntry.objects.exists()


def test_lists_take_a_fixed_number_of_queries(
    browser: Client, workspace: Workspace, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for _ in range(8):
        SyncLog.objects.create(source=a_source())
        synced(WorkspaceFactory.create(), resource("aws_x.a"))
    for model in MODELS:
        with django_assert_max_num_queries(12):
            text(browser.get(list_page(model)))
