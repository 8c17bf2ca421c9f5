"""How views find the organization in their address."""

from typing import Any, TypeVar

from django.db.models import Model
from django.shortcuts import get_object_or_404
from rest_framework.request import Request

from iacplatform.accounts.audit.requests import record_request
from iacplatform.accounts.models import Organization
from iacplatform.accounts.organizations import member_organizations, require_owner
from iacplatform.accounts.permissions import action_of, rule_of
from iacplatform.accounts.views import RowsView

M = TypeVar("M", bound=Model)


class OrganizationView(RowsView[M]):
    """A view of what belongs to the organization in its address; others than its members get a 404."""

    records_its_place = True
    organization: Organization

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Looks the organization up, and whether this is for its owners only."""
        super().initial(request, *args, **kwargs)
        theirs = member_organizations(self.user)
        self.organization = get_object_or_404(theirs, name=kwargs["organization"])
        action = action_of(self, request.method or "")
        rule = rule_of(self, action) if action else None
        if action is None or rule is None:
            return  # a method that is not there: 405
        record_request(request, self, rule, action, organization_id=self.organization.pk)
        if rule.owner:
            require_owner(self.user, self.organization.pk)
