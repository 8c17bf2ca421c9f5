"""The audit log over REST: superusers see all of it, owners what belongs to their organizations."""

from collections.abc import Iterable
from typing import Any

from django.db import close_old_connections
from django.db.models import QuerySet
from django.http import StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.viewsets import GenericViewSet

from iacplatform.accounts.api import signed_in_user
from iacplatform.accounts.audit.export import FORMATS, exported
from iacplatform.accounts.audit.filters import AuditFilter
from iacplatform.accounts.audit.models import AuditEntry
from iacplatform.accounts.audit.paging import NEWEST_FIRST, CursorPagination
from iacplatform.accounts.audit.recording import DONE, begin_audit, end_audit
from iacplatform.accounts.audit.serializers import AuditEntrySerializer
from iacplatform.accounts.organizations import owned_organizations


class ExportQuery(serializers.Serializer[Any]):
    """In which form."""

    format = serializers.ChoiceField(choices=sorted(FORMATS), default="jsonl")


class _FirstRenderer(BaseContentNegotiation):
    """Leaves the form of an export to ``format``: whatever ``Accept`` says, errors are JSON."""

    def select_parser(self, request: Request, parsers: Iterable[BaseParser]) -> BaseParser:
        return next(iter(parsers))

    def select_renderer(
        self, request: Request, renderers: Iterable[BaseRenderer], format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        renderer = next(iter(renderers))
        return renderer, renderer.media_type


class AuditLogViewSet(mixins.ListModelMixin, GenericViewSet[AuditEntry]):
    """Entries in order of time, the newest first."""

    queryset = AuditEntry.objects.select_related("organization")
    serializer_class = AuditEntrySerializer
    filterset_class = AuditFilter
    pagination_class = CursorPagination

    def get_queryset(self) -> QuerySet[AuditEntry]:
        """What the caller may see: a member of nothing sees an empty log."""
        queryset = super().get_queryset()
        if getattr(self, "swagger_fake_view", False):
            return queryset
        user = signed_in_user(self.request)
        if user.is_superuser:
            return queryset
        # Numbers rather than a subquery: an index in order of time can be read for one of them.
        owned = list(owned_organizations(user).values_list("pk", flat=True))
        return queryset.filter(organization__in=owned)


class AuditExportViewSet(AuditLogViewSet):
    """All entries that the filters let through, as a file."""

    content_negotiation_class = _FirstRenderer
    pagination_class = None  # type: ignore[assignment]  # a file has no pages

    @extend_schema(
        operation_id="audit_log_export",
        filters=True,
        parameters=[ExportQuery],
        responses={
            (200, "application/jsonl"): OpenApiTypes.STR,
            (200, "text/csv"): OpenApiTypes.STR,
        },
    )
    def export(self, request: Request) -> StreamingHttpResponse:
        """Streams them as JSON lines or CSV; that somebody did is an entry itself."""
        query = ExportQuery(data=request.query_params)
        query.is_valid(raise_exception=True)
        form = query.validated_data["format"]
        rows = self.filter_queryset(self.get_queryset())
        filters = sorted(set(request.query_params) & set(AuditFilter.base_filters))
        details = {"format": form, "filters": filters}
        entry = begin_audit(request, action="audit_log.export", details=details)
        content = exported(
            rows.filter(pk__lt=entry.pk), form, request.query_params.get("ordering", NEWEST_FIRST)
        )
        close_old_connections()  # the request ends with its last byte, which may be long from now
        headers = {
            "Cache-Control": "no-store",
            "Content-Disposition": f'attachment; filename="audit-log.{form}"',
        }
        end_audit(entry, DONE)
        return StreamingHttpResponse(content, content_type=FORMATS[form][0], headers=headers)
