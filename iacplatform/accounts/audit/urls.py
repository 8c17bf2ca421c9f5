"""Addresses of the audit log below ``/api/v1``."""

from django.urls import path

from iacplatform.accounts.audit.api import AuditExportViewSet, AuditLogViewSet

urlpatterns = [
    path("audit-log", AuditLogViewSet.as_view({"get": "list"})),
    path("audit-log/export", AuditExportViewSet.as_view({"get": "export"})),
]
