"""The search box of the admin's start page."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from executor.models import WorkerHost
from tests import admin_pages
from tests.admin_pages import list_page, messages, page
from tests.domain import a_running_task, a_workspace, open_stage
from tests.executor.test_admin import a_host
from tests.factories import StateVersionFactory, VariableFactory
from tests.runtasks.factories import ResultFactory
from workspaces.models import Workspace, WorkspaceTask

pytestmark = pytest.mark.django_db


@pytest.fixture
def browser() -> Client:
    return admin_pages.signed_in(admin_pages.operator())


@pytest.fixture
def task() -> WorkspaceTask:
    return a_running_task(name="shop", workspace_id="ws-shop")


def find(browser: Client, wanted: str, **options: Any) -> Any:
    """What the search box answers."""
    return browser.get(reverse("admin-find", query={"q": wanted}), **options)


@pytest.mark.parametrize(
    "wanted",
    [
        "{pk}",
        "#{pk}",
        " task #{pk} ",
        "Task {pk}",
        "https://iac.example.com/workspaces/ws-shop/tasks/{pk}",
        "/api/v1/workspaces/ws-shop/tasks/{pk}/logs?type=all",
    ],
)
def test_the_number_of_a_task_leads_to_it_however_it_is_written(
    wanted: str, browser: Client, task: WorkspaceTask
) -> None:
    assert find(browser, wanted.format(pk=task.pk)).url == page(task)


def test_the_number_of_a_stage_leads_to_its_task(browser: Client, task: WorkspaceTask) -> None:
    assert find(browser, f"stage {open_stage(task).pk}").url == page(task)


@pytest.mark.parametrize("wanted", ["ws-shop", "shop"])
def test_a_workspace_is_found_by_id_and_by_name(
    wanted: str, browser: Client, task: WorkspaceTask
) -> None:
    a_workspace("shop-2")
    assert find(browser, wanted).url == page(task.workspace)


@pytest.mark.parametrize("wanted", ["ws-shop v2", "ws-shop version 2", "ws-shop state 2"])
def test_a_state_version_is_found_by_workspace_and_number(
    wanted: str, browser: Client, task: WorkspaceTask
) -> None:
    _, second = StateVersionFactory.create_batch(2, workspace=task.workspace)
    assert find(browser, wanted).url == page(second)


def test_any_semantic_id_is_found(browser: Client, task: WorkspaceTask) -> None:
    result = ResultFactory.create(task=task)
    variable = VariableFactory.create(workspace=task.workspace, is_current=False)
    newest = VariableFactory.create(
        workspace=task.workspace, variable_id=variable.variable_id, key=variable.key, version=2
    )
    assert find(browser, result.result_id).url == page(result)
    assert find(browser, variable.variable_id).url == page(newest)


def test_a_worker_host_is_found_by_its_name(browser: Client) -> None:
    a_host("worker-1.example.com")
    assert find(browser, "worker-1.example.com").url == page(WorkerHost.objects.get())


def test_part_of_a_name_leads_to_the_workspaces_that_have_it(
    browser: Client, task: WorkspaceTask
) -> None:
    found = find(browser, "sho", follow=True)
    assert list(found.context["cl"].result_list) == [task.workspace]
    assert messages(found) == ["Nothing has exactly this id or name: sho"]


@pytest.mark.parametrize("wanted", ["", "#999", "9" * 300, "rtr-gone", "<script>", "\x00"])
def test_what_is_not_there_breaks_nothing(wanted: str, browser: Client) -> None:
    response = find(browser, wanted, follow=True)
    assert response.status_code == 200
    assert b'<script>"' not in response.content


def test_nobody_is_led_to_what_they_may_not_see(task: WorkspaceTask) -> None:
    browser = admin_pages.signed_in(admin_pages.colleague("view_workspace"))
    assert find(browser, f"#{task.pk}").url.startswith(list_page(Workspace))
    assert find(browser, "ws-shop").url == page(task.workspace)
    stranger = admin_pages.signed_in(admin_pages.operator())
    stranger.logout()
    assert "/admin/login/" in find(stranger, "ws-shop").url
