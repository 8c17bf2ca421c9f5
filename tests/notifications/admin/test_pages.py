"""What an operator sees of notifications, and may do to them."""

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from notifications.models import NotificationConfig, NotificationLog, WorkspaceNotification
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
from tests.factories import TaskFactory
from tests.notifications.factories import (
    AttachmentFactory,
    NotificationFactory,
    happen,
    told,
)
from tests.runtasks.deliveries import deliver_all
from tests.runtasks.service import Reply, Service

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def browser() -> Client:
    return signed_in(operator())


def test_a_notification_is_shown_without_what_is_secret(browser: Client) -> None:
    """F39: nor is its address, where that is a password."""
    signed = NotificationFactory.create(
        name="ops",
        secret="hunter2 hunter2",
        custom_headers={"X-Key": "swordfish"},
        is_global=True,
        organization=None,
    )
    AttachmentFactory.create(notification=signed)
    chat = NotificationFactory.create(
        notification_type="slack", endpoint_url="https://hooks.slack.com/services/swordfish"
    )
    body = text(browser.get(page(signed)))

    for shown in (
        "ops",
        "the whole platform",
        "globally of task_completed, task_failed",
        "1 workspaces",
        "X-Key",
        "0, each after 1 s",
    ):
        assert shown in body, shown
    everything = (
        body + text(browser.get(page(chat))) + text(browser.get(list_page(NotificationConfig)))
    )
    assert "https://hooks.slack.com/services/****" in everything
    assert "hunter2" not in everything
    assert "swordfish" not in everything


def test_nothing_is_changed_by_a_form(browser: Client) -> None:
    AttachmentFactory.create()
    happen(task=TaskFactory.create(workspace=WorkspaceNotification.objects.get().workspace))
    for model in (NotificationConfig, WorkspaceNotification, NotificationLog):
        assert refusals(browser, model.objects.get()) == [403, 403, 403]


def test_a_notification_is_switched_off_and_on(browser: Client) -> None:
    config = NotificationFactory.create(name="ops", custom_headers={"X-Key": "swordfish"})

    assert "what waits to be sent is given up" in text(act(browser, "disable", config))
    disabled = act(browser, "disable", config, confirmed="yes")
    assert messages(disabled) == ["ops is disabled"]
    config.refresh_from_db()
    assert (config.enabled, config.custom_headers) == (False, {"X-Key": "swordfish"})
    assert messages(act(browser, "enable", config)) == ["ops is enabled"]


def test_a_receiver_is_tried_from_its_page(browser: Client, receiver: Service) -> None:
    works = NotificationFactory.create(name="ops", endpoint_url=receiver.url)
    broken = NotificationFactory.create(name="chat")

    assert messages(act(browser, "send_a_test", works)) == ["ops: it accepted the test message"]
    (said,) = messages(act(browser, "send_a_test", broken))
    assert said.startswith("chat: 127.0.0.1:9 cannot be connected")
    assert receiver.last.payload["test"] is True


def test_who_may_only_look_cannot_act(receiver: Service) -> None:
    config = NotificationFactory.create(endpoint_url=receiver.url)
    browser = signed_in(colleague("view_notificationconfig"))
    assert 'value="disable"' not in text(browser.get(page(config)))
    act(browser, "disable", config, confirmed="yes")
    act(browser, "send_a_test", config)

    config.refresh_from_db()
    assert config.enabled
    assert receiver.requests == []


def test_a_message_that_was_given_up_is_sent_again_from_its_page(
    browser: Client, receiver: Service
) -> None:
    receiver.replies = [Reply(500, b"out of <disk>"), Reply(200)]
    log = told(receiver.url)
    assert 'value="replay_failed"' not in text(browser.get(page(log)))
    deliver_all()
    body = text(browser.get(page(log)))
    for shown in (
        "badge-bad",
        "The receiver answered 500",
        "out of &lt;disk&gt;",
        "task_completed",
    ):
        assert shown in body, shown

    assert "The receiver answered 500" in text(act(browser, "replay_failed", log))
    log.refresh_from_db()
    assert log.status == "failed"
    sent = act(browser, "replay_failed", log, confirmed="yes")
    assert messages(sent) == [f"Message {log.log_id} is sent again"]
    deliver_all()
    log.refresh_from_db()
    assert log.status == "success"
    again = act(browser, "replay_failed", log, confirmed="yes")
    assert messages(again) == ["Only a message that was given up can be sent again"]


def test_the_page_of_a_task_shows_its_messages(browser: Client) -> None:
    NotificationFactory.create(name="ops", everywhere=True)
    task = happen("task_failed")
    deliver_all()
    body = text(browser.get(page(task)))

    for shown in ("<h2>Notifications</h2>", "Task failed", "ops", "Webhook", "badge-bad"):
        assert shown in body, shown
    assert "<h2>Notifications</h2>" not in text(browser.get(page(TaskFactory.create())))


def test_the_message_of_a_deleted_notification_is_shown(browser: Client) -> None:
    log = told("http://127.0.0.1:9/", name="task_failed")
    NotificationConfig.objects.all().delete()

    assert "(deleted)" in text(browser.get(page(log)))


def test_the_messages_of_a_notification_are_linked(browser: Client) -> None:
    log = told("http://127.0.0.1:9/")
    other = NotificationFactory.create()
    for config, shown in ((log.notification, True), (other, False)):
        listed = text(browser.get(list_page(NotificationLog, notification__id__exact=config.pk)))
        assert (log.log_id in listed) is shown
        assert f"notification__id__exact={config.pk}" in text(browser.get(page(config)))


def test_lists_take_a_fixed_number_of_queries(
    browser: Client, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    task = TaskFactory.create()
    for _ in range(8):
        AttachmentFactory.create(workspace=task.workspace)
    happen("task_failed", task)
    for model in (NotificationConfig, WorkspaceNotification, NotificationLog):
        with django_assert_max_num_queries(12):
            text(browser.get(list_page(model)))
