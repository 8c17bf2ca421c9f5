"""Writing the audit log: an entry before the work begins, its outcome afterwards."""

from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_address
from typing import Any, TypedDict, Unpack

import structlog
from django.db import IntegrityError
from django.http import HttpRequest
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from iacplatform.accounts.audit.models import AuditEntry, Via
from iacplatform.accounts.models import User
from iacplatform.common.errors import DomainError

FAILED = 500
DONE = 200


class Facts(TypedDict, total=False):
    """What an entry says beside what the request says: the object, and whose it is.

    ``actor`` and ``actor_name`` are for requests whose user is not who acts: a sign-in. ``details`` never
    holds a secret: names of changed fields, counts, ids.
    """

    object_type: str
    object_id: str | int
    object_name: str
    organization_id: int | None
    workspace_id: str
    details: dict[str, Any]
    actor: User | None
    actor_name: str
    via: Via


def begin_audit(
    request: HttpRequest | Request | None, *, action: str, **facts: Unpack[Facts]
) -> AuditEntry:
    """Writes that somebody begins ``action``, at once and with an unknown outcome.

    Call it outside of a transaction, or the entry goes where the transaction goes. What is too long is
    cut, and an address that is none is left out: no request fails because of how it is described.
    """
    values: dict[str, Any] = {"via": Via.API, **_of_request(request), "action": action, **facts}
    actor = values.get("actor")
    if actor is not None and not values.get("actor_name"):
        values["actor_name"] = actor.get_username()
    return AuditEntry.objects.create(**{name: _fit(name, each) for name, each in values.items()})


def end_audit(
    entry: AuditEntry, status: int, *, object_id: str = "", workspace_id: str = ""
) -> None:
    """Writes how it ended, once, and the ids of what was made: a second outcome changes nothing."""
    found = {
        "object_id": entry.object_id or _fit("object_id", object_id),
        "workspace_id": entry.workspace_id or _fit("workspace_id", workspace_id),
    }
    AuditEntry.objects.filter(pk=entry.pk, status=None).update(status=status, **found)


@contextmanager
def audited(
    request: HttpRequest | Request | None, *, action: str, **facts: Unpack[Facts]
) -> Iterator[AuditEntry]:
    """An entry around a block: its outcome is 200, or what the error that ends the block stands for."""
    entry = begin_audit(request, action=action, **facts)
    try:
        yield entry
    except BaseException as error:
        end_audit(entry, outcome_of(error))
        raise
    end_audit(entry, DONE)


def outcome_of(error: BaseException) -> int:
    """The HTTP status that an error is answered with, as far as it says."""
    if isinstance(error, DomainError):
        return error.status
    if isinstance(error, IntegrityError):
        return 409
    return int(getattr(error, "status_code", FAILED))


def client_ip(request: HttpRequest | Request) -> str | None:
    """The caller's address, as ``NUM_PROXIES`` lets us believe it; ``None`` for what is none."""
    try:
        return str(ip_address(BaseThrottle().get_ident(request) or ""))  # type: ignore[arg-type]
    except ValueError:
        return None


def _of_request(request: HttpRequest | Request | None) -> dict[str, Any]:
    if request is None:
        return {}
    user = request.user if hasattr(request, "user") else None
    return {
        "actor": user if isinstance(user, User) else None,
        "token_hint": getattr(getattr(request, "auth", None), "hint", ""),
        "method": request.method or "",
        "path": request.path,
        "ip": client_ip(request),
        "user_agent": request.META.get("HTTP_USER_AGENT", ""),
        "request_id": structlog.contextvars.get_contextvars().get("request_id", ""),
    }


def _fit(name: str, value: Any) -> Any:
    """Text that its column can hold: cut, and without the NULs that PostgreSQL refuses."""
    length = getattr(AuditEntry._meta.get_field(name), "max_length", None)
    if length is None or value is None or name == "ip":
        return value
    return str(value).replace("\0", "\ufffd")[:length]
