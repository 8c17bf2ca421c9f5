"""The addresses that webhooks name."""

import pytest
from django.test import Client
from pytest_django import Settings

from tests.admin_pages import operator, signed_in
from tests.factories import TaskFactory
from workspaces.pages import task_url, workspace_url

pytestmark = pytest.mark.django_db


def test_a_workspace_and_a_task_have_pages(settings: Settings) -> None:
    settings.BASE_URL = ""
    task = TaskFactory.create(description="More servers")
    browser = signed_in(operator())

    workspace_page = browser.get(workspace_url(task.workspace), follow=True)
    task_page = browser.get(task_url(task), follow=True)

    assert task.workspace.name in workspace_page.content.decode()
    assert "More servers" in task_page.content.decode()


def test_who_is_not_signed_in_is_asked_to(settings: Settings) -> None:
    settings.BASE_URL = ""
    task = TaskFactory.create()

    for url in (workspace_url(task.workspace), task_url(task)):
        assert Client().get(url, follow=True).redirect_chain[-1][0].startswith("/admin/login/")
