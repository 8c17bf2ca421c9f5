"""Values as a person reads them on an admin page."""

from datetime import datetime, timedelta
from typing import Any, Literal
from urllib.parse import urlsplit, urlunsplit

from django.db.models import Model
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

HIDDEN = "****"
Tone = Literal["good", "bad", "busy", "attention", "idle"]


def badge(text: str, tone: Tone) -> SafeString:
    """A word on a coloured ground; the word says all, the colour only helps."""
    return format_html('<span class="badge badge-{}">{}</span>', tone, text)


def duration_text(duration: timedelta) -> str:
    """``0.4 s``, ``3 min 07 s``, ``2 h 05 min``, ``3 d 4 h``."""
    seconds = round(duration.total_seconds(), 1)
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, seconds = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {seconds:02} s"
    hours, minutes = divmod(minutes, 60)
    if hours < 24:
        return f"{hours} h {minutes:02} min"
    return f"{hours // 24} d {hours % 24} h"


def moment(when: datetime | None) -> str:
    """``2030-01-31 03:07:00``, as the log has it; empty for what did not happen."""
    return f"{timezone.localtime(when):%Y-%m-%d %H:%M:%S}" if when else ""


def age(moment: datetime) -> str:
    """How long ago something happened, ``3 min 07 s``."""
    return duration_text(timezone.now() - moment)


def public_url(url: str) -> str:
    """An address without what may be a password in it: ``https://****@host/hook?key=****``."""
    parts = urlsplit(url)
    _, at, host = parts.netloc.rpartition("@")
    query = "&".join(map(_hidden_value, parts.query.split("&"))) if parts.query else ""
    netloc = f"{HIDDEN}@{host}" if at else host
    return urlunsplit((parts.scheme, netloc, parts.path, query, HIDDEN if parts.fragment else ""))


def _hidden_value(parameter: str) -> str:
    name, given, _ = parameter.partition("=")
    return f"{name}={HIDDEN}" if given else HIDDEN


def object_link(obj: Model | None, text: str = "") -> SafeString | str:
    """A link to the admin page of an object."""
    if obj is None:
        return ""
    return admin_link(obj, obj.pk, text or str(obj))


def admin_link(model: Model | type[Model], pk: Any, text: str) -> SafeString:
    """A link to the admin page of the row ``pk`` of a model."""
    options = model._meta
    url = reverse(f"admin:{options.app_label}_{options.model_name}_change", args=[pk])
    return format_html('<a href="{}">{}</a>', url, text)


def list_link(model: type[Model], text: str, **lookups: Any) -> SafeString:
    """A link to the admin list of a model, filtered."""
    options = model._meta
    url = reverse(
        f"admin:{options.app_label}_{options.model_name}_changelist", query=lookups or None
    )
    return format_html('<a href="{}">{}</a>', url, text)
