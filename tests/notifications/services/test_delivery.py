"""Delivering messages over real sockets: what is sent, and what becomes of what is not accepted."""

import time
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.db.models.functions import Now

from iacplatform.common.models import OutboxEntry
from iacplatform.common.outbox import replay
from iacplatform.common.outbox.claims import claim_next
from notifications.models import NotificationConfig, NotificationLog
from notifications.services.configuration import update_notification
from notifications.services.logs import replay_message
from tests.factories import TaskFactory, UserFactory
from tests.iacplatform.common.outbound.servers import running_server
from tests.notifications.factories import NOWHERE, NotificationFactory, happen, told
from tests.runtasks.deliveries import deliver_all
from tests.runtasks.service import Reply, Request, Service

pytestmark = pytest.mark.django_db(transaction=True)
SECRET = "hunter2 hunter2"
RETRIED: dict[str, Any] = {"retry_count": 3}


def log() -> NotificationLog:
    """The only message, as it is now."""
    return NotificationLog.objects.select_related("notification").get()


def let_time_pass() -> None:
    """What waits to be tried again is due."""
    OutboxEntry.objects.filter(status="pending").update(next_attempt_at=Now())


def deliver_to_the_end() -> None:
    """Delivers until nothing is left to be tried."""
    while OutboxEntry.objects.filter(status="pending").exists():
        let_time_pass()
        deliver_all()


def wait_of_the_entry() -> float:
    """Seconds from now until the entry is due."""
    left = OutboxEntry.objects.annotate(now=Now()).values_list("next_attempt_at", "now").get()
    return (left[0] - left[1]).total_seconds()


def change(**fields: Any) -> None:
    """Changes the notification, as somebody who may."""
    root = UserFactory.create(username="root", superuser=True)
    update_notification(NotificationConfig.objects.get(), user=root, **fields)


def test_a_message_that_is_accepted_is_a_success(receiver: Service) -> None:
    receiver.replies = [Reply(202, b"thanks")]
    assert told(receiver.url).status == "pending"
    deliver_all()

    row = log()
    assert (row.status, row.retry_count, row.error_message) == ("success", 0, "")
    assert (row.response_status_code, row.response_body) == (202, "thanks")
    assert row.sent_at is not None
    assert row.completed_at is not None
    assert row.next_retry_at is None
    assert receiver.last.payload == row.request_payload
    assert OutboxEntry.objects.get().status == "delivered"


def test_it_is_tried_again_until_it_is_accepted(receiver: Service) -> None:
    """M4: 500, 500, 200 with three retries: one log, two retries, success."""
    receiver.replies = [Reply(500), Reply(500), Reply(200)]
    told(receiver.url, **RETRIED)
    deliver_all()
    row = log()
    assert (row.status, row.retry_count, row.response_status_code) == ("pending", 0, 500)
    assert row.error_message == "The receiver answered 500"
    assert row.next_retry_at is not None

    deliver_to_the_end()

    row = log()
    assert (row.status, row.retry_count, row.error_message) == ("success", 2, "")
    assert row.next_retry_at is None
    assert len(receiver.requests) == 3
    assert len({request.headers["X-IaC-Delivery"] for request in receiver.requests}) == 1


def test_it_is_given_up_after_the_last_retry(receiver: Service) -> None:
    """M4: always 500: failed after 1 + 3 attempts."""
    receiver.replies = [Reply(500, b"no")]
    told(receiver.url, **RETRIED)
    deliver_to_the_end()

    row = log()
    assert (row.status, row.retry_count, row.max_retry_count) == ("failed", 3, 3)
    assert (row.error_message, row.response_body) == ("The receiver answered 500", "no")
    assert row.completed_at is not None
    assert row.next_retry_at is None
    assert len(receiver.requests) == 4
    assert OutboxEntry.objects.get().status == "dead"


def test_retries_keep_their_distance(receiver: Service) -> None:
    receiver.replies = [Reply(500)]
    told(receiver.url, retry_count=1, retry_interval_seconds=30)
    deliver_all()

    assert 25 < wait_of_the_entry() <= 30
    due = log().next_retry_at
    assert due is not None
    assert abs((due - OutboxEntry.objects.get().next_attempt_at).total_seconds()) < 2


@pytest.mark.parametrize(
    ("status", "asked", "low", "high"),
    [
        (429, "7", 5, 7),
        (503, "7", 5, 7),
        (429, "0", -1, 1),
        (429, "31536000", 3500, 3600),
        (429, "tomorrow", 25, 30),
        (500, "7", 25, 30),
    ],
)
def test_a_receiver_may_ask_for_time(
    receiver: Service, status: int, asked: str, low: int, high: int
) -> None:
    """``Retry-After`` of 429 and 503 counts, and at most an hour of it."""
    receiver.replies = [Reply(status, headers={"Retry-After": asked})]
    told(receiver.url, retry_count=1, retry_interval_seconds=30)
    deliver_all()

    assert low <= wait_of_the_entry() <= high


def test_a_redirect_is_a_failure_that_says_so(receiver: Service) -> None:
    """F50: nothing is sent to where it leads."""
    other = receiver.url.replace("/hook", "/elsewhere")
    receiver.replies = [Reply(302, headers={"Location": other})]
    told(receiver.url)
    deliver_all()

    assert log().status == "failed"
    assert log().error_message == "The receiver answered 302: redirects are not followed"
    assert [request.path for request in receiver.requests] == ["/hook"]


def test_of_a_huge_answer_little_is_kept(receiver: Service) -> None:
    receiver.replies = [Reply(200, b"x\0" * 30 * 1024**2)]
    told(receiver.url)
    deliver_all()

    row = log()
    assert row.status == "success"
    assert row.response_body == "x\N{REPLACEMENT CHARACTER}" * 500


def test_a_receiver_that_hangs_is_left_when_its_time_is_up(receiver: Service) -> None:
    """F39: each notification has a time-out of its own."""
    receiver.before_answering = lambda _: time.sleep(8)
    told(receiver.url, timeout_seconds=5)
    started = time.monotonic()
    deliver_all()

    assert 4.5 < time.monotonic() - started < 7.5
    assert log().error_message == "127.0.0.1 did not answer within 5 s"
    assert log().status == "failed"


def test_a_receiver_that_drips_is_left_as_well() -> None:
    def drip(client: Any) -> None:
        for _ in range(100):
            client.sendall(b"H")
            time.sleep(0.2)

    with running_server(drip) as server:
        told(server.url, timeout_seconds=5)
        started = time.monotonic()
        deliver_all()

    assert 4.5 < time.monotonic() - started < 7.5
    assert log().status == "failed"


def test_a_receiver_that_is_not_there_is_named() -> None:
    told(NOWHERE)
    deliver_all()

    row = log()
    assert row.status == "failed"
    assert row.error_message == "127.0.0.1:9 cannot be connected: Connection refused"
    assert row.request_headers["X-IaC-Delivery"] == row.log_id


def test_an_address_that_may_not_be_called_is_given_up_at_once(settings: Any) -> None:
    """F50: the policy is that of every outbound request."""
    settings.OUTBOUND_ALLOWED_NETWORKS = []
    told(NOWHERE, **RETRIED)
    deliver_all()

    row = log()
    assert (row.status, row.retry_count) == ("failed", 0)
    assert "may not be called" in row.error_message


def test_secrets_are_neither_in_the_log_nor_in_the_outbox(receiver: Service) -> None:
    """F39: headers are kept without their values, and what the receiver repeats is masked."""
    headers = {"Authorization": "Bearer swordfish"}
    receiver.replies = [
        Reply(500, b'{"you sent": "Bearer swordfish", "secret": "hunter2 hunter2"}')
    ]
    told(receiver.url, secret=SECRET, custom_headers=headers)
    deliver_all()

    row = log()
    assert receiver.last.headers["Authorization"] == "Bearer swordfish"
    assert row.request_headers["Authorization"] == "***"
    assert row.request_headers["X-IaC-Signature"] == "***"
    assert row.request_headers["X-IaC-Event"] == "task_completed"
    assert row.response_body == '{"you sent": "***", "secret": "***"}'
    for table in ("log", "config"):
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT * FROM notifications_notification{table}")  # noqa: S608
            stored = str(
                [[bytes(c) if isinstance(c, memoryview) else c for c in row] for row in cursor]
            )
        assert "hunter2" not in stored
        assert "swordfish" not in stored


def test_what_was_given_up_is_sent_again_on_request(receiver: Service) -> None:
    """A replay has all attempts again."""
    receiver.replies = [Reply(500), Reply(500), Reply(500), Reply(200)]
    told(receiver.url, retry_count=1)
    deliver_to_the_end()
    assert log().status == "failed"

    replay_message(log())
    row = log()
    assert (row.status, row.retry_count, row.completed_at) == ("pending", 0, None)
    deliver_to_the_end()

    row = log()
    assert (row.status, row.retry_count, row.error_message) == ("success", 1, "")
    assert len({request.headers["X-IaC-Delivery"] for request in receiver.requests}) == 1


def test_a_replay_from_the_outbox_sets_the_log_going_again(receiver: Service) -> None:
    receiver.replies = [Reply(500), Reply(200)]
    told(receiver.url)
    deliver_all()
    assert log().status == "failed"
    replay(OutboxEntry.objects.get())
    deliver_all()

    assert log().status == "success"


def test_a_corrected_notification_delivers_what_is_replayed(receiver: Service) -> None:
    """Address and secret are those of the moment of sending."""
    told(NOWHERE)
    deliver_all()
    change(endpoint_url=receiver.url, secret=SECRET)
    replay_message(log())
    deliver_all()

    assert log().status == "success"
    assert "X-IaC-Signature" in receiver.last.headers


@pytest.mark.parametrize(
    ("meanwhile", "said"),
    [
        (
            lambda: NotificationConfig.objects.update(enabled=False),
            "The notification was disabled before the message was delivered",
        ),
        (
            lambda: NotificationConfig.objects.get().delete(),
            "The notification was deleted before the message was delivered",
        ),
    ],
    ids=["disabled", "deleted"],
)
def test_a_notification_that_is_gone_meanwhile_gives_its_messages_up(
    receiver: Service, meanwhile: Any, said: str
) -> None:
    told(receiver.url, **RETRIED)
    meanwhile()
    deliver_all()

    assert (log().status, log().error_message) == ("failed", said)
    assert receiver.requests == []


def test_a_message_about_a_task_that_was_deleted_is_not_sent(receiver: Service) -> None:
    row = told(receiver.url)
    row.workspace.delete()
    deliver_all()

    assert receiver.requests == []
    assert OutboxEntry.objects.get().status == "delivered"


def test_what_was_accepted_is_not_sent_again_by_a_worker_that_follows_a_dead_one(
    receiver: Service,
) -> None:
    """H2: the worker died after the answer was written down, and before the entry was closed."""
    told(receiver.url)
    NotificationLog.objects.update(status="success")
    deliver_all()

    assert receiver.requests == []
    assert OutboxEntry.objects.get().status == "delivered"


def test_an_attempt_whose_lease_has_ended_does_not_speak_for_the_next(receiver: Service) -> None:
    def next_attempt_begins(_: Request) -> None:
        NotificationLog.objects.update(retry_count=1)
        connection.close()

    receiver.before_answering = next_attempt_begins
    receiver.replies = [Reply(500)]
    told(receiver.url, **RETRIED)
    deliver_all()

    assert (log().status, log().error_message) == ("sending", "")


def test_nothing_is_held_while_the_receiver_takes_its_time(receiver: Service) -> None:
    seen: list[Any] = []

    def look(_: Request) -> None:
        seen.append((log().status, claim_next()))
        connection.close()

    receiver.before_answering = look
    told(receiver.url)
    deliver_all()

    assert seen == [("sending", None)]


def test_the_events_of_a_task_arrive_in_their_order(receiver: Service) -> None:
    """H5: what comes later waits for what is tried again; other tasks do not."""
    NotificationFactory.create(endpoint_url=receiver.url, everywhere=True, retry_count=3)
    receiver.replies = [Reply(500), Reply(200)]
    task, other = TaskFactory.create(), TaskFactory.create()
    for name in ("task_created", "task_planning", "task_planned"):
        happen(name, task)
    happen("task_created", other)
    deliver_all()
    deliver_to_the_end()

    arrived = [
        request.payload["event"]
        for request in receiver.requests
        if request.payload["task"]["id"] == task.pk
    ]
    assert arrived == ["task_created", "task_created", "task_planning", "task_planned"]
    assert receiver.requests[1].payload["task"]["id"] == other.pk


def test_a_dead_message_holds_nobody_up(receiver: Service) -> None:
    NotificationFactory.create(endpoint_url=receiver.url, everywhere=True)
    receiver.replies = [Reply(500), Reply(200)]
    task = happen("task_created")
    happen("task_planning", task)
    deliver_to_the_end()

    assert list(NotificationLog.objects.order_by("pk").values_list("event", "status")) == [
        ("task_created", "failed"),
        ("task_planning", "success"),
    ]


def test_workers_that_die_again_and_again_end_in_a_failure() -> None:
    told(NOWHERE)
    NotificationLog.objects.update(status="sending")
    OutboxEntry.objects.update(attempts=1, next_attempt_at=Now() - timedelta(seconds=1))
    deliver_all()

    assert log().status == "failed"
    assert "worker died" in log().error_message
