"""E-mail, handed to a mail server on a socket."""

import time
from typing import Any

import pytest

from iacplatform.common.models import OutboxEntry
from notifications.models import NotificationLog
from tests.factories import TaskFactory, WorkspaceFactory
from tests.notifications.factories import NotificationFactory, happen
from tests.notifications.mail_server import MailServer
from tests.runtasks.deliveries import deliver_all

pytestmark = pytest.mark.django_db(transaction=True)


def mailed(
    name: str = "task_completed", *, workspace: str = "shop", **config: Any
) -> NotificationLog:
    """The log of a mail about an event of a task that was handed over, or not."""
    NotificationFactory.create(mail=True, everywhere=True, **config)
    task = TaskFactory.create(
        workspace=WorkspaceFactory.create(name=workspace), description="Buy <b>more</b> &\nless"
    )
    happen(name, task)
    deliver_all()
    return NotificationLog.objects.get()


def test_a_mail_has_both_bodies_and_goes_to_all_recipients(
    mail_server: MailServer, settings: Any
) -> None:
    settings.DEFAULT_FROM_EMAIL = "IaC <iac@example.com>"
    log = mailed("task_failed", recipients=["ops@example.com", "ada@example.com"])

    (mail,) = mail_server.mails
    assert log.status == "success"
    assert (mail.sender, mail.recipients) == (
        "iac@example.com",
        ["ops@example.com", "ada@example.com"],
    )
    message = mail.message
    assert message["Subject"] == f"❌ Task Failed: shop #{log.task_id}"
    assert message["From"] == "IaC <iac@example.com>"
    assert message["To"] == "ops@example.com, ada@example.com"
    assert message["Auto-Submitted"] == "auto-generated"
    assert "Workspace: shop\n" in mail.body("plain")
    assert "Buy <b>more</b> &\nless" in mail.body("plain")
    assert "Buy &lt;b&gt;more&lt;/b&gt; &amp;<br>less" in mail.body("html")
    url = f"https://iac.example.com/workspaces/{log.workspace.workspace_id}/tasks/{log.task_id}"
    assert url in mail.body("plain")
    assert f'<a href="{url}">' in mail.body("html")


def test_a_repeated_mail_has_the_same_message_id(mail_server: MailServer) -> None:
    """A mailbox knows it by that; the first was taken, and its worker died before it could say so."""
    log = mailed()
    NotificationLog.objects.update(status="sending")
    OutboxEntry.objects.update(
        status="pending", payload={}, next_attempt_at=log.created_at, attempts=0
    )
    deliver_all()

    ids = [mail.message["Message-ID"] for mail in mail_server.mails]
    assert ids == [f"<{log.log_id}@iac.example.com>"] * 2


def test_a_name_with_line_breaks_makes_no_header(mail_server: MailServer) -> None:
    log = mailed(workspace="shop\r\nBcc: eve@example.com")

    (mail,) = mail_server.mails
    assert log.status == "success"
    assert mail.message["Bcc"] is None
    assert "✅ Task Completed: shop Bcc: eve@example.com #" in mail.message["Subject"]
    assert mail.recipients == ["ops@example.com"]


def test_a_line_that_is_a_dot_ends_no_mail(mail_server: MailServer) -> None:
    NotificationFactory.create(mail=True, everywhere=True)
    happen(task=TaskFactory.create(description="a\n.\nMAIL FROM:<eve@example.com>\n..b"))
    deliver_all()

    (mail,) = mail_server.mails
    assert "a\n.\nMAIL FROM:<eve@example.com>\n..b" in mail.body("plain")


@pytest.mark.parametrize(
    ("verb", "reply", "status", "problem"),
    [
        ("DATA", "451 try later", 451, "The mail server refused: 451 try later"),
        (
            "RCPT",
            "550 no such user",
            550,
            "The mail server refused the recipients: 550 no such user",
        ),
        ("MAIL", "530 who are you", 530, "The mail server refused: 530 who are you"),
        ("CONNECT", "554 not today", 554, "The mail server refused: 554 not today"),
    ],
)
def test_what_a_mail_server_refuses_is_said_and_tried_again(
    mail_server: MailServer, verb: str, reply: str, status: int, problem: str
) -> None:
    mail_server.replies = {verb: [reply]}
    log = mailed(retry_count=1)
    assert (log.status, log.response_status_code, log.error_message) == ("pending", status, problem)

    OutboxEntry.objects.update(next_attempt_at=log.created_at)
    deliver_all()

    assert NotificationLog.objects.get().status == "success"
    assert len(mail_server.mails) == 1


def test_a_mail_server_that_hangs_is_left_when_the_time_is_up(mail_server: MailServer) -> None:
    """F39: the notification's own time-out."""
    mail_server.seconds = 20
    started = time.monotonic()
    log = mailed(timeout_seconds=5)

    assert 4.5 < time.monotonic() - started < 9
    assert log.error_message.startswith("The mail server could not be reached: ")


def test_settings_that_make_no_sense_are_said(mail_server: MailServer, settings: Any) -> None:
    settings.EMAIL_USE_TLS = settings.EMAIL_USE_SSL = True

    assert "mutually exclusive" in mailed().error_message
    assert NotificationLog.objects.get().status == "failed"


def test_without_a_mail_server_it_is_given_up_at_once(settings: Any) -> None:
    settings.EMAIL_HOST = ""
    log = mailed(retry_count=3)

    assert (log.status, log.retry_count) == ("failed", 0)
    assert log.error_message == "This platform has no mail server (EMAIL_HOST)"
