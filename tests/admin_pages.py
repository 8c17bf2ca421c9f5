"""Opening the admin's pages as an operator does, over HTTP."""

from typing import Any

from django.contrib.auth.models import Permission
from django.db.models import Model
from django.test import Client
from django.urls import reverse

from iacplatform.accounts.models import User
from tests.domain import a_task, a_workspace, finish_plan
from tests.factories import UserFactory
from workspaces.models import WorkspaceTask
from workspaces.services.queue import start_next


def operator() -> User:
    """Somebody who may do everything."""
    return UserFactory.create(username="olivia", superuser=True)


def colleague(*permissions: str) -> User:
    """Somebody who may sign in to the admin, with these permissions only."""
    user = UserFactory.create(username="victor", staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    return user


def signed_in(user: User) -> Client:
    """The browser of a user."""
    client = Client()
    client.force_login(user)
    return client


def address(model: type[Model] | Model, view: str, *ids: Any, **query: Any) -> str:
    """The address of a page: its view is ``changelist``, ``change``, ``add`` …"""
    name = f"admin:{model._meta.app_label}_{model._meta.model_name}_{view}"
    return reverse(name, args=ids, query=query or None)


def list_page(model: type[Model], **query: Any) -> str:
    """The address of a model's list."""
    return address(model, "changelist", **query)


def page(row: Model) -> str:
    """The address of a row's page."""
    return address(row, "change", row.pk)


def text(response: Any) -> str:
    """The body of an answer that must be a page."""
    assert response.status_code == 200
    body: str = response.content.decode()
    return body


def act(browser: Client, action: str, *rows: Model, **fields: str) -> Any:
    """Runs an action on selected rows, and follows to the page it leads to."""
    data = {"action": action, "_selected_action": [str(row.pk) for row in rows], **fields}
    return browser.post(list_page(type(rows[0])), data, follow=True)


def messages(response: Any) -> list[str]:
    """What a page tells the operator."""
    return [str(message) for message in response.context["messages"]]


def refusals(browser: Client, row: Model) -> list[int]:
    """How the forms that add, change and delete a row answer, as HTTP statuses."""
    forms = [address(row, "add"), page(row), address(row, "delete", row.pk)]
    return [browser.post(form, {"post": "yes"}).status_code for form in forms]


def planned_task(name: str = "shop", **fields: Any) -> WorkspaceTask:
    """A task whose change waits for approval; it holds its workspace's lock."""
    task = a_task(a_workspace(name, **fields))
    start_next(task.workspace_id)
    task.refresh_from_db()
    finish_plan(task, add=3, change=2, destroy=1, has_changes=True)
    task.refresh_from_db()
    return task
