"""The outbox over REST, for superusers: what waits, what died, and how to replay it."""

from typing import Any

import django_filters  # type: ignore[import-untyped]
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.mixins import ListModelMixin
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from iacplatform.common.filtering import FilterSet
from iacplatform.common.idempotency import idempotent_actions
from iacplatform.common.models import OutboxEntry, OutboxStatus
from iacplatform.common.outbox.entries import replay


class OutboxEntrySerializer(serializers.ModelSerializer[OutboxEntry]):
    """An entry without its payload, which may hold secrets."""

    class Meta:
        model = OutboxEntry
        fields = [
            "id",
            "kind",
            "key",
            "destination",
            "ordering",
            "status",
            "attempts",
            "max_attempts",
            "next_attempt_at",
            "last_error",
            "created_at",
            "delivered_at",
        ]
        read_only_fields = fields


class OutboxEntryFilter(FilterSet):
    """Entries by how far they are, and by what and where."""

    status = django_filters.ChoiceFilter(choices=OutboxStatus.choices)
    kind = django_filters.CharFilter(max_length=50)
    destination = django_filters.CharFilter(max_length=200)

    class Meta:
        model = OutboxEntry
        fields: list[str] = []


@idempotent_actions("replay")
class OutboxEntryViewSet(ListModelMixin, GenericViewSet[OutboxEntry]):
    """Entries, newest first."""

    queryset = OutboxEntry.objects.defer("payload")
    serializer_class = OutboxEntrySerializer
    filterset_class = OutboxEntryFilter
    lookup_url_kwarg = "entry_id"

    @extend_schema(request=None)
    def replay(self, request: Request, **_: Any) -> Response:
        """Delivers a dead entry again, with all its attempts. Conflict for any other."""
        entry = self.get_object()
        replay(entry)
        entry.refresh_from_db()
        return Response(self.get_serializer(entry).data)
