"""The messages about a workspace's tasks over the REST API."""

from typing import Any

import pytest
from pytest_django import DjangoAssertNumQueries
from rest_framework.test import APIClient

from iacplatform.common.models import OutboxEntry
from notifications.models import NotificationConfig, NotificationLog
from tests.factories import TaskFactory
from tests.notifications.factories import AttachmentFactory, NotificationFactory, happen
from tests.runtasks.deliveries import deliver_all
from tests.runtasks.service import Reply, Service
from workspaces.models import Workspace, WorkspaceTask

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def url(base: str) -> str:
    return f"{base}/notification-logs"


@pytest.fixture
def task(workspace: Workspace) -> WorkspaceTask:
    return TaskFactory.create(workspace=workspace)


def only(api: APIClient, url: str) -> dict[str, Any]:
    (item,) = api.get(url).json()["items"]
    shown: dict[str, Any] = item
    return shown


def test_a_message_is_shown_with_what_was_sent_and_answered(
    api: APIClient, url: str, task: WorkspaceTask, receiver: Service
) -> None:
    receiver.replies = [Reply(200, b"thanks")]
    config = NotificationFactory.create(
        endpoint_url=receiver.url, secret="hunter2", everywhere=True
    )
    happen("task_failed", task)
    deliver_all()

    listed = only(api, url)
    expected = {
        "workspace_id": task.workspace.workspace_id,
        "task_id": task.pk,
        "notification_id": config.notification_id,
        "workspace_notification_id": None,
        "notification_name": config.name,
        "notification_type": "webhook",
        "event": "task_failed",
        "status": "success",
        "response_status_code": 200,
        "error_message": "",
        "retry_count": 0,
        "max_retry_count": 0,
        "next_retry_at": None,
    }
    assert {name: listed[name] for name in expected} == expected
    assert "request_payload" not in listed
    shown = api.get(f"{url}/{listed['log_id']}").json()
    assert shown["request_payload"] == receiver.last.payload
    assert shown["request_headers"]["X-IaC-Signature"] == "***"
    assert shown["response_body"] == "thanks"
    assert {name: shown[name] for name in listed} == listed


def test_the_list_is_narrowed(api: APIClient, url: str, task: WorkspaceTask) -> None:
    config = NotificationFactory.create(everywhere=True)
    AttachmentFactory.create(workspace=task.workspace)
    happen("task_created", task)
    happen("task_failed", task)
    happen("task_failed", TaskFactory.create(workspace=task.workspace))
    happen("task_failed")
    NotificationLog.objects.filter(event="task_created").update(status="success")

    for query, count in {
        "": 6,
        "event=task_failed": 4,
        "status=success": 2,
        "status=pending&event=task_created": 0,
        f"task_id={task.pk}": 4,
        f"notification_id={config.notification_id}": 3,
    }.items():
        assert api.get(f"{url}?{query}").json()["total"] == count, query
    for bad in ("event=task", "status=done", "task_id=x", "task_id=9999999999999999999"):
        answer = api.get(f"{url}?{bad}")
        assert (answer.status_code, list(answer.json()["fields"])) == (400, [bad.split("=")[0]])


def test_a_message_that_was_given_up_is_sent_again(
    api: APIClient, url: str, task: WorkspaceTask, receiver: Service
) -> None:
    receiver.replies = [Reply(500), Reply(200)]
    NotificationFactory.create(endpoint_url=receiver.url, everywhere=True)
    happen("task_failed", task)
    deliver_all()
    failed = only(api, url)
    assert (failed["status"], failed["error_message"]) == ("failed", "The receiver answered 500")

    answer = api.post(f"{url}/{failed['log_id']}/replay")
    assert (answer.status_code, answer.json()["status"]) == (200, "pending")
    deliver_all()

    assert only(api, url)["status"] == "success"
    assert api.post(f"{url}/{failed['log_id']}/replay").status_code == 409


def test_a_message_whose_entry_is_gone_is_not_sent_again(
    api: APIClient, url: str, task: WorkspaceTask
) -> None:
    NotificationFactory.create(everywhere=True)
    happen("task_failed", task)
    NotificationLog.objects.update(status="failed")
    OutboxEntry.objects.all().delete()

    assert api.post(f"{url}/{only(api, url)['log_id']}/replay").status_code == 409


def test_a_message_of_another_workspace_is_not_found(api: APIClient, url: str) -> None:
    """F3: each child through its workspace."""
    NotificationFactory.create(everywhere=True)
    theirs = NotificationLog.objects.get(task=happen())
    at = f"{url}/{theirs.log_id}"

    assert {api.get(at).status_code, api.post(f"{at}/replay").status_code} == {404}


def test_the_messages_of_a_deleted_notification_are_shown(
    api: APIClient, url: str, task: WorkspaceTask
) -> None:
    NotificationFactory.create(name="ops", everywhere=True)
    happen("task_failed", task)
    NotificationConfig.objects.all().delete()

    assert (only(api, url)["notification_id"], only(api, url)["notification_name"]) == (None, "ops")


def test_the_list_takes_a_fixed_number_of_queries(
    api: APIClient,
    url: str,
    task: WorkspaceTask,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    for _ in range(12):
        AttachmentFactory.create(workspace=task.workspace)
    happen("task_failed", task)
    with django_assert_max_num_queries(8):
        assert api.get(url).json()["total"] == 12
