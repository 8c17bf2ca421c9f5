"""E-mail through the operator's mail server (``EMAIL_HOST``), with Django's mail API."""

import smtplib
import time
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.mail import EmailMultiAlternatives, get_connection
from django.template.loader import render_to_string

from notifications.destinations.answer import Answer, Outgoing
from notifications.destinations.wording import Message, facts, summary, title, tone
from notifications.models import NotificationConfig

COLOURS = {
    "good": "#2e7d32",
    "bad": "#c62828",
    "attention": "#ef6c00",
    "progress": "#1565c0",
    "idle": "#757575",
}


def render(message: Message) -> dict[str, Any]:
    """Subject and both bodies; the subject has no line breaks."""
    shown = {
        "title": title(message),
        "colour": COLOURS[tone(message)],
        "facts": facts(message),
        "url": message["task"]["app_url"],
    }
    return {
        "subject": summary(message),
        "text": render_to_string("notifications/email.txt", shown),
        "html": render_to_string("notifications/email.html", shown),
    }


def deliver(config: NotificationConfig, outgoing: Outgoing, *, timeout: float) -> Answer:
    """Hands the mail to the mail server; ``timeout`` is for each step of that."""
    if not settings.EMAIL_HOST:
        return Answer("This platform has no mail server (EMAIL_HOST)", hopeless=True)
    mail = _mail(config, outgoing)
    started = time.monotonic()
    try:
        mail.connection = get_connection(timeout=timeout)
        mail.send()
    except OSError as error:  # of which all of smtplib's are
        return Answer(_problem(error), status=_status(error), headers=mail.extra_headers)
    except ValueError as error:  # Django's, of EMAIL_* settings that make no sense
        return Answer(f"The mail could not be made: {error}")
    return Answer(headers=mail.extra_headers, seconds=time.monotonic() - started)


def _mail(config: NotificationConfig, outgoing: Outgoing) -> EmailMultiAlternatives:
    """The same in every attempt: a mailbox that gets it twice knows it by its Message-ID (RFC 5322 §3.6.4)."""
    host = urlsplit(settings.BASE_URL).hostname or "localhost"
    mail = EmailMultiAlternatives(
        subject=outgoing.payload["subject"],
        body=outgoing.payload["text"],
        to=config.recipients,
        headers={
            "Message-ID": f"<{outgoing.delivery_id}@{host}>",
            "Auto-Submitted": "auto-generated",  # RFC 3834: no holiday notice answers it
            "X-IaC-Event": outgoing.event,
        },
    )
    mail.attach_alternative(outgoing.payload["html"], "text/html")
    return mail


def _problem(error: OSError) -> str:
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return f"The mail server refused the recipients: {_said(*_first_refusal(error))}"
    if isinstance(error, smtplib.SMTPResponseException):
        return f"The mail server refused: {_said(error.smtp_code, error.smtp_error)}"
    return f"The mail server could not be reached: {error}"


def _status(error: OSError) -> int | None:
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return _first_refusal(error)[0]
    return error.smtp_code if isinstance(error, smtplib.SMTPResponseException) else None


def _first_refusal(error: smtplib.SMTPRecipientsRefused) -> tuple[int, bytes | str]:
    return next(iter(error.recipients.values()))


def _said(code: int, text: bytes | str) -> str:
    return f"{code} {text.decode(errors='replace') if isinstance(text, bytes) else text}"
