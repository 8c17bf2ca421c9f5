"""Addresses of the outbox, below ``/api/v1``."""

from django.urls import path

from iacplatform.common import converters  # noqa: F401  # registers `pk`
from iacplatform.common.outbox.api import OutboxEntryViewSet

urlpatterns = [
    path("outbox", OutboxEntryViewSet.as_view({"get": "list"})),
    path("outbox/<pk:entry_id>/replay", OutboxEntryViewSet.as_view({"post": "replay"})),
]
