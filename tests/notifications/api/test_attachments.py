"""The notifications of a workspace over the REST API."""

from typing import Any

import pytest
from pytest_django import DjangoAssertNumQueries
from rest_framework.test import APIClient

from notifications.models import NotificationConfig, WorkspaceNotification
from tests.factories import OrganizationFactory
from tests.notifications.factories import AttachmentFactory, NotificationFactory
from workspaces.models import Workspace

pytestmark = pytest.mark.django_db


@pytest.fixture
def config() -> NotificationConfig:
    return NotificationFactory.create(name="ops")


@pytest.fixture
def url(base: str) -> str:
    return f"{base}/notifications"


def new(config: NotificationConfig, **fields: Any) -> dict[str, Any]:
    return {"notification_id": config.notification_id, **fields}


def test_a_notification_is_attached_changed_and_detached(
    api: APIClient, url: str, config: NotificationConfig
) -> None:
    created = api.post(url, new(config, events=["task_failed"]))
    assert created.status_code == 201, created.json()
    shown = created.json()
    assert shown["workspace_notification_id"].startswith("wn-")
    assert (shown["notification_name"], shown["notification_type"]) == ("ops", "webhook")
    assert (shown["events"], shown["enabled"]) == (["task_failed"], True)

    at = f"{url}/{shown['workspace_notification_id']}"
    changed = api.put(at, {"events": "task_created,task_failed", "enabled": False})
    assert changed.status_code == 200, changed.json()
    assert changed.json()["events"] == ["task_created", "task_failed"]
    assert api.patch(at, {"enabled": True}).json()["enabled"] is True
    assert api.get(at).json()["enabled"] is True
    assert api.delete(at).status_code == 204
    assert api.get(at).status_code == 404


def test_events_have_a_default(api: APIClient, url: str, config: NotificationConfig) -> None:
    """Reference §1.6."""
    assert api.post(url, new(config)).json()["events"] == ["task_completed", "task_failed"]


def test_the_list_has_attachments_and_the_global_ones_that_none_replaces(
    api: APIClient, url: str, workspace: Workspace
) -> None:
    """F38: a disabled attachment replaces, too."""
    replaced = NotificationFactory.create(name="replaced", everywhere=True)
    AttachmentFactory.create(workspace=workspace, notification=replaced, enabled=False)
    NotificationFactory.create(name="everywhere", is_global=True)

    shown = api.get(url).json()

    (attached,) = shown["workspace_notifications"]
    assert (attached["notification_name"], attached["is_global"]) == ("replaced", True)
    (everywhere,) = shown["global_notifications"]
    assert (everywhere["name"], everywhere["is_global"]) == ("everywhere", True)
    assert everywhere["events"] == ["task_completed", "task_failed"]


def test_a_notification_is_attached_once(
    api: APIClient, url: str, config: NotificationConfig
) -> None:
    """Reference §1.6: unique by workspace and notification."""
    assert api.post(url, new(config)).status_code == 201
    again = api.post(url, new(config, events=["task_created"]))

    assert (again.status_code, list(again.json()["fields"])) == (409, ["notification_id"])
    assert WorkspaceNotification.objects.count() == 1


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("notification_id", "ntf-nobody"),
        ("notification_id", None),
        ("events", ["task"]),
        ("events", []),
        ("enabled", "perhaps"),
    ],
)
def test_bad_input_names_the_field(
    api: APIClient, url: str, config: NotificationConfig, field: str, value: Any
) -> None:
    answer = api.post(url, new(config) | {field: value})

    assert (answer.status_code, list(answer.json()["fields"])) == (400, [field])


def test_the_notification_of_another_organization_is_not_there(api: APIClient, url: str) -> None:
    theirs = NotificationFactory.create(organization=OrganizationFactory.create(name="elsewhere"))
    everybodys = NotificationFactory.create(organization=None)

    assert list(api.post(url, new(theirs)).json()["fields"]) == ["notification_id"]
    assert api.post(url, new(everybodys)).status_code == 201


def test_an_attachment_of_another_workspace_is_not_found(api: APIClient, url: str) -> None:
    """F3: each child through its workspace."""
    theirs = AttachmentFactory.create()
    at = f"{url}/{theirs.workspace_notification_id}"

    answers = [api.get(at), api.patch(at, {"enabled": False}), api.delete(at)]

    assert {answer.status_code for answer in answers} == {404}


def test_the_list_takes_a_fixed_number_of_queries(
    api: APIClient,
    url: str,
    workspace: Workspace,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    AttachmentFactory.create_batch(9, workspace=workspace)
    NotificationFactory.create_batch(9, everywhere=True)
    with django_assert_max_num_queries(8):
        assert len(api.get(url).json()["workspace_notifications"]) == 9
