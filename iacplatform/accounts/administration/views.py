"""How views find the organization in their address."""

from typing import Any, TypeVar

from django.db.models import Model, QuerySet
from django.shortcuts import get_object_or_404
from rest_framework.request import Request
from rest_framework.viewsets import GenericViewSet

from iacplatform.accounts.api import signed_in_user
from iacplatform.accounts.audit.requests import record_request
from iacplatform.accounts.models import Organization, User
from iacplatform.accounts.organizations import member_organizations, require_owner
from iacplatform.accounts.permissions import action_of, rule_of

M = TypeVar("M", bound=Model)


class OrganizationView(GenericViewSet[M]):
    """A view of what belongs to the organization in its address; others than its members get a 404."""

    records_its_place = True
    organization: Organization

    @property
    def user(self) -> User:
        """The caller."""
        return signed_in_user(self.request)

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

    def rows(self) -> QuerySet[M]:
        """What of the organization this view shows."""
        raise NotImplementedError

    def get_queryset(self) -> QuerySet[M]:
        """:meth:`rows`, or nothing where only the OpenAPI document is written."""
        if getattr(self, "swagger_fake_view", False):
            return super().get_queryset()
        return self.rows()
