"""What views of rows that not everybody sees have in common."""

from typing import TypeVar

from django.db.models import Model, QuerySet
from rest_framework.viewsets import GenericViewSet

from iacplatform.accounts.api import signed_in_user
from iacplatform.accounts.models import User

M = TypeVar("M", bound=Model)


class RowsView(GenericViewSet[M]):
    """A view whose rows depend on who asks, or on what its address names.

    A subclass says in :meth:`rows` what they are; its ``queryset`` only names the model for the
    OpenAPI document.
    """

    @property
    def user(self) -> User:
        """The caller."""
        return signed_in_user(self.request)

    def rows(self) -> QuerySet[M]:
        """What this view shows."""
        raise NotImplementedError

    def get_queryset(self) -> QuerySet[M]:
        """:meth:`rows`, or nothing where only the OpenAPI document is written."""
        if getattr(self, "swagger_fake_view", False):
            return super().get_queryset()
        return self.rows()
