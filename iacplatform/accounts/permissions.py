"""The one permission of the API: a request is let through by the row of its action in the access table.

An action without a row is refused: who adds one has to say who may call it.
"""

from contextlib import suppress
from typing import Any

from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from iacplatform.accounts.access_table import ACCESS
from iacplatform.accounts.audit.requests import is_recorded, record_request
from iacplatform.accounts.levels import Level
from iacplatform.accounts.models import User
from iacplatform.accounts.organizations import has_role_for_all, organization_for, require_role
from iacplatform.accounts.rules import STAFF, Audience, Rule, check_scopes
from iacplatform.common.errors import Forbidden, InvalidInput


def view_key(view: Any) -> str:
    """How the table names a view class: its package and its name, such as ``workspaces.TaskViewSet``."""
    view_class = view if isinstance(view, type) else type(view)
    return f"{view_class.__module__.partition('.api')[0]}.{view_class.__name__}"


def action_of(view: Any, method: str) -> str | None:
    """The name of what a view does with a method; ``None`` where it does nothing with it."""
    name = "get" if method == "HEAD" else method.lower()
    actions = getattr(view, "action_map", None)
    if actions is not None:
        found: str | None = actions.get(name)
        return found
    return name if name != "options" and hasattr(view, name) else None


def rule_of(view: Any, action: str) -> Rule | None:
    """What the table says of an action."""
    return ACCESS.get(view_key(view), {}).get(action)


class AccessPermission(BasePermission):
    """Asks the access table; levels in a workspace are asked once the view has found it."""

    def has_permission(self, request: Request, view: Any) -> bool:
        """Whether the request may go on; raises ``PermissionDenied`` with what is missing."""
        action = action_of(view, request.method or "")
        if action is None:
            # 405, to whom it may concern: everybody, where the view asks nobody who they are.
            return not view.authentication_classes or bool(request.user.is_authenticated)
        rule = rule_of(view, action)
        if rule is None:
            return False
        if rule.audience is Audience.EVERYBODY:
            return True
        if not isinstance(request.user, User):
            return False
        if is_recorded(request, view, rule) and not _is_recorded_later(view, rule):
            organization_id = _asked_for(request, rule, request.user)
            record_request(request, view, rule, action, organization_id=organization_id)
        check_scopes(request.auth, rule)
        return _is_among(request.user, rule)

    def has_object_permission(self, request: Request, view: Any, obj: Any) -> bool:
        """Whether the caller may do this with something of an organization; raises ``Forbidden``."""
        action = action_of(view, request.method or "")
        if action is None:
            return True  # 405
        rule = rule_of(view, action)
        if rule is None or rule.role is None or rule.audience is not Audience.ORGANIZATION:
            return rule is not None
        assert isinstance(request.user, User)  # noqa: S101  # has_permission has said so
        record_request(request, view, rule, action, organization_id=obj.organization_id)
        require_role(request.user, obj.organization_id, rule.role)
        check_platform_wide(request, obj.organization_id is None)
        return True


def check_platform_wide(request: Request, platform_wide: bool) -> None:
    """What is every organization's takes a token for the platform besides; raises ``PermissionDenied``."""
    if platform_wide:
        check_scopes(request.auth, STAFF)


def _is_recorded_later(view: Any, rule: Rule) -> bool:
    """Whether the audit log hears of it once it is known of which organization it is."""
    by_object = rule.role is not None and rule.audience is Audience.ORGANIZATION and view.kwargs
    return bool(by_object) or getattr(view, "records_its_place", False)


def _asked_for(request: Request, rule: Rule, user: User) -> int | None:
    """The organization in which something is made, as the service will find it; ``None`` for no single one."""
    if rule.audience not in {Audience.ORGANIZATION, Audience.WORKSPACE}:
        return None
    # A body that cannot be read is refused here: DRF gives it out as empty to whoever asks again.
    is_json = request.method == "POST" and request.content_type.startswith("application/json")
    body = request.data if is_json and isinstance(request.data, dict) else {}
    name = body.get("organization")
    if not isinstance(name, str) and "organization" in body:
        return None
    with suppress(InvalidInput):
        return organization_for(user, name).pk
    return None


def _is_among(user: User, rule: Rule) -> bool:
    """Whether the user is one of those whom an action is for, as far as that can be said without its object."""
    if rule.audience is Audience.SUPERUSERS:
        return user.is_superuser
    if rule.audience is Audience.STAFF:
        return user.is_staff or user.is_superuser
    if rule.audience is Audience.OPERATORS:
        assert rule.role is not None  # noqa: S101
        return user.is_staff or has_role_for_all(user, rule.role)
    return True


def require_level(rule: Rule | None, level: Level) -> None:
    """Raises ``Forbidden`` where the level in a workspace is not enough for an action."""
    needed = Level.ADMIN if rule is None else rule.level
    if level < needed:
        raise Forbidden(f"You need the level {needed.word} here and have {level.word}")
