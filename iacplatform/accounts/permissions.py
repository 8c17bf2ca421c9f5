"""The one permission of the API: a request is let through by the row of its action in the access table.

An action without a row is refused: who adds one has to say who may call it.
"""

from typing import Any

from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from iacplatform.accounts.access_table import ACCESS
from iacplatform.accounts.levels import Level
from iacplatform.accounts.models import User
from iacplatform.accounts.organizations import has_role_for_all, require_role
from iacplatform.accounts.rules import Audience, Rule, check_scopes
from iacplatform.common.errors import Forbidden


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
            return bool(request.user.is_authenticated)  # 405, to whom it may concern
        rule = rule_of(view, action)
        if rule is None:
            return False
        if rule.audience is Audience.EVERYBODY:
            return True
        if not isinstance(request.user, User):
            return False
        check_scopes(request.auth, rule)
        return _is_among(request.user, rule)

    def has_object_permission(self, request: Request, view: Any, obj: Any) -> bool:
        """Whether the caller may do this with something of an organization; raises ``Forbidden``."""
        rule = rule_of(view, action_of(view, request.method or "") or "")
        if rule is None or rule.role is None or rule.audience is not Audience.ORGANIZATION:
            return rule is not None
        assert isinstance(request.user, User)  # noqa: S101  # has_permission has said so
        require_role(request.user, obj.organization_id, rule.role)
        return True


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
