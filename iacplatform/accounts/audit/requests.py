"""The entry of a request to the API: begun once it is known who asks for what, ended with the answer."""

import re
from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponseBase
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request

from iacplatform.accounts.audit.models import AuditEntry
from iacplatform.accounts.audit.recording import begin_audit, end_audit
from iacplatform.accounts.rules import Audience, Rule

# These write entries of their own, with what only they know.
RECORD_THEMSELVES = frozenset(
    {"LogoutView", "PasswordView", "SessionTokenView", "AuditExportViewSet"}
)
CREATED = 201
PLACES = frozenset({"workspace_id", "organization"})
GetResponse = Callable[[HttpRequest], HttpResponseBase]


def record_request(
    request: Request,
    view: Any,
    rule: Rule,
    action: str,
    *,
    organization_id: int | None = None,
    workspace_id: str = "",
) -> None:
    """Begins the entry of a request that changes something or shows secrets; again does nothing.

    It is called before the request is refused or let through, so that refusals have entries too.
    """
    if not is_recorded(request, view, rule):
        return
    django_request = request._request  # noqa: SLF001  # DRF's own way to it
    if getattr(django_request, "audit_entry", None) is not None:
        return
    kind = kind_of(type(view).__name__)
    ids = [str(value) for key, value in view.kwargs.items() if key not in PLACES]
    django_request.audit_entry = begin_audit(  # type: ignore[attr-defined]
        request,
        action=f"{kind}.{action}",
        object_type=kind,
        object_id=ids[-1] if ids else _place_of(action, kind, workspace_id),
        organization_id=organization_id,
        workspace_id=workspace_id,
    )


def is_recorded(request: Request, view: Any, rule: Rule) -> bool:
    """Whether a request changes something or shows secrets, and its view does not write of it by itself."""
    shows_only = request.method in SAFE_METHODS and not rule.sensitive
    public = rule.audience is Audience.EVERYBODY
    return not (shows_only or public or type(view).__name__ in RECORD_THEMSELVES)


def kind_of(view_name: str) -> str:
    """``StateVersionViewSet`` → ``state_version``, and the view of a list of them the same."""
    name = re.sub(r"(List)?View(Set)?$", "", view_name)
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()


def _place_of(action: str, kind: str, workspace_id: str) -> str:
    """What has no id of its own goes by its workspace; what is made gets one with the answer."""
    return workspace_id if action != "create" or kind == "workspace" else ""


def _made(entry: AuditEntry, response: HttpResponseBase) -> dict[str, str]:
    """The ids of what a request has made, as far as the answer says."""
    data = getattr(response, "data", None)
    if response.status_code != CREATED or not isinstance(data, dict):
        return {}
    kind = entry.object_type
    names = (f"{kind}_id", f"{kind.rpartition('_')[2]}_id", "id", "name", "username")
    made = next((str(data[name]) for name in names if data.get(name)), "")
    return {"object_id": made, "workspace_id": made if kind == "workspace" else ""}


def end_entries(get_response: GetResponse) -> GetResponse:
    """A middleware: writes into the request's entry how it was answered."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        response = get_response(request)
        entry = getattr(request, "audit_entry", None)
        if entry is not None:
            end_audit(entry, response.status_code, **_made(entry, response))
        return response

    return middleware
