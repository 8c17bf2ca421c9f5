"""How views find what they work on: each thing through its workspace, each workspace by its viewer."""

from typing import Any, TypeVar

from django.db.models import Model
from django.shortcuts import get_object_or_404
from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request

from iacplatform.accounts.audit.requests import record_request
from iacplatform.accounts.levels import Level
from iacplatform.accounts.models import User
from iacplatform.accounts.permissions import action_of, require_level, rule_of
from iacplatform.accounts.rules import Rule, check_scopes
from iacplatform.accounts.views import RowsView
from iacplatform.common.conditional import hold_object
from iacplatform.common.errors import Forbidden
from workspaces.models import Access, Workspace, WorkspaceTask, access_of

M = TypeVar("M", bound=Model)


RELATED = ("organization", "project", "engine_version", "created_by")


def find_workspace(user: User, reference: str) -> Workspace:
    """The workspace with this semantic or numeric id; raises ``Http404`` where the user sees none."""
    return _found(access_of(user), reference)


def _found(access: Access, reference: str) -> Workspace:
    key = "pk" if reference.isdigit() else "workspace_id"
    visible = Workspace.objects.filter(access.workspaces_with(Level.READ))
    return get_object_or_404(visible.select_related(*RELATED), **{key: reference})


class WorkspaceView(RowsView[M]):
    """A view of what belongs to the workspace in its address."""

    records_its_place = True
    workspace: Workspace
    level: Level

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Looks the workspace up, once it is known who asks."""
        super().initial(request, *args, **kwargs)
        access = access_of(self.user)
        self.workspace = _found(access, kwargs["workspace_id"])
        self.level = access.level_in_workspace(self.workspace)
        self._check_level(request)

    def _check_level(self, request: Request) -> None:
        action = action_of(self, request.method or "")
        if action is None:
            return  # a method that is not there: 405
        rule = rule_of(self, action)
        if rule is not None:
            record_request(
                request,
                self,
                rule,
                action,
                organization_id=self.workspace.organization_id,
                workspace_id=self.workspace.workspace_id,
            )
        require_level(rule, self.level)

    def require(self, rule: Rule) -> None:
        """Asks for more than the action in general: raises ``Forbidden`` or ``PermissionDenied``."""
        check_scopes(self.request.auth, rule)
        require_level(rule, self.level)

    def may(self, rule: Rule) -> bool:
        """Whether the caller and the token have what the rule asks for."""
        try:
            self.require(rule)
        except (Forbidden, PermissionDenied):
            return False
        return True

    def hold_for_change(self) -> None:
        """Locks the workspace's row, as whoever changes its parts does, then that of the part.

        Reads the workspace anew. Raises ``Http404`` where either is gone.
        """
        rows = Workspace.objects.select_for_update(of=("self",), no_key=True)
        rows.filter(pk=self.workspace.pk).first()
        self.workspace = find_workspace(self.user, self.kwargs["workspace_id"])
        if (self.lookup_url_kwarg or self.lookup_field) in self.kwargs:
            hold_object(self)


class TaskView(WorkspaceView[M]):
    """A view of what belongs to the task in its address, which is one of the workspace (F3)."""

    task: WorkspaceTask

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Looks the task up in its workspace."""
        super().initial(request, *args, **kwargs)
        self.task = get_object_or_404(self.workspace.tasks, pk=kwargs["task_id"])
