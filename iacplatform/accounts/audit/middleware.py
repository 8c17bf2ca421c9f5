"""Changes made in the admin, and who signs in and out there."""

from collections.abc import Callable
from typing import Any

from django.contrib.admin.utils import unquote
from django.http import HttpRequest, HttpResponseBase
from django.urls import Resolver404, ResolverMatch, resolve

from iacplatform.accounts.audit.models import Via
from iacplatform.accounts.audit.recording import Facts, begin_audit, end_audit
from iacplatform.accounts.models import User

SAFE = {"GET", "HEAD", "OPTIONS", "TRACE"}
NAMES_AT_MOST = 100
REFUSED = 401
CHANGELIST = "changelist"


class AdminAuditMiddleware:
    """Writes an entry for every request to the admin that may change something.

    It stands behind the middleware that finds the user and the request's id. What fields were changed
    is in the admin's own history of the object.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Records around the view, also where it is refused for want of a CSRF token."""
        match = None if request.method in SAFE else _admin_match(request)
        if match is None:
            return self.get_response(request)
        if match.url_name == "login":
            return self._sign_in(request)
        entry = begin_audit(request, action=_action(request, match), **_facts(request, match))
        try:
            response = self.get_response(request)
        except BaseException:
            end_audit(entry, 500)
            raise
        end_audit(entry, response.status_code)
        return response

    def _sign_in(self, request: HttpRequest) -> HttpResponseBase:
        """Records who signed in, or who was said to; the session is stored only after this."""
        response = self.get_response(request)
        user = request.user if isinstance(request.user, User) else None
        refused = response.status_code == 200  # the form again
        entry = begin_audit(
            request,
            action="auth.login",
            via=Via.LOGIN,
            actor=None if refused else user,
            actor_name=request.POST.get("username", ""),
        )
        end_audit(entry, REFUSED if refused else response.status_code)
        return response


def _admin_match(request: HttpRequest) -> ResolverMatch | None:
    try:
        match = resolve(request.path_info)
    except Resolver404:
        return None
    return match if "admin" in match.namespaces else None


def _action(request: HttpRequest, match: ResolverMatch) -> str:
    """``auth.logout``, ``admin.accounts.user.change``, or an action's: ``admin.….cancel_tasks``."""
    if match.url_name == "logout":
        return "auth.logout"
    if match.url_name and match.url_name.endswith(f"_{CHANGELIST}") and request.POST.get("action"):
        verb = request.POST["action"]
    else:
        verb = (match.url_name or "").rpartition("_")[2]
    model_admin = _model_admin(match)
    return f"admin.{model_admin.opts.label_lower}.{verb}" if model_admin else f"admin.{verb}"


def _facts(request: HttpRequest, match: ResolverMatch) -> Facts:
    facts: Facts = {"via": Via.ADMIN}
    model_admin = _model_admin(match)
    if model_admin is None:
        return facts
    facts["object_type"] = model_admin.opts.model_name
    object_id = match.kwargs.get("object_id")
    selected = request.POST.getlist("_selected_action")
    if object_id is None and len(selected) == 1:
        object_id = selected[0]
    if object_id is None:
        facts["details"] = {"selected": selected[:NAMES_AT_MOST], "count": len(selected)}
        return facts
    facts["object_id"] = unquote(object_id)
    facts["object_name"] = _name(request, model_admin, unquote(object_id))
    return facts


def _model_admin(match: ResolverMatch) -> Any:
    return getattr(match.func, "model_admin", None)


def _name(request: HttpRequest, model_admin: Any, object_id: str) -> str:
    """What the object is called, for those who may sign in to the admin."""
    if not (isinstance(request.user, User) and request.user.is_staff):
        return ""
    found = model_admin.get_object(request, object_id)
    return "" if found is None else str(found)
