"""Who may do what beyond seeing a workspace."""

from typing import Any

from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request


class StaffWrites(BasePermission):
    """Everybody who is signed in reads, staff writes: for what all organizations share."""

    def has_permission(self, request: Request, view: Any) -> bool:
        """Whether this request is a read, or comes from staff."""
        if not request.user.is_authenticated:
            return False
        return request.method in SAFE_METHODS or request.user.is_staff
