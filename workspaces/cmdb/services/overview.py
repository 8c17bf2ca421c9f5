"""Counting what the index has, and completing what somebody types."""

from typing import Any

from django.db.models import Count, Max, Q, QuerySet

from workspaces.cmdb.models import ResourceIndex
from workspaces.cmdb.services.search import search

LISTED = 20
SEARCHED = 50


def stats(rows: QuerySet[ResourceIndex]) -> dict[str, Any]:
    """Numbers about ``rows``: by source, by type and provider (the most frequent ones), and where they are."""
    return {
        **rows.aggregate(
            total_resources=Count("pk"),
            terraform_resources=Count("pk", filter=Q(workspace__isnull=False)),
            external_resources=Count("pk", filter=Q(external_source__isnull=False)),
            workspaces=Count("workspace", distinct=True),
            external_sources=Count("external_source", distinct=True),
            resource_types=Count("resource_type", distinct=True),
            last_change_at=Max("updated_at"),
        ),
        "types": list(counts(rows, "resource_type")[:LISTED]),
        "providers": list(counts(rows, "provider")[:LISTED]),
    }


def counts(rows: QuerySet[ResourceIndex], name: str) -> QuerySet[ResourceIndex, dict[str, Any]]:
    """``{name, "count"}`` for each value of a field, the most frequent first."""
    counted: QuerySet[ResourceIndex, dict[str, Any]]
    counted = rows.order_by().values(name).annotate(count=Count("pk")).order_by("-count", name)
    return counted


def suggest(rows: QuerySet[ResourceIndex], text: str, *, limit: int) -> list[dict[str, str]]:
    """``{"value", "kind"}`` of names and ids that the best hits have, each once."""
    wanted = text.upper()
    suggestions: dict[str, str] = {}
    for hit in search(rows, text, limit=SEARCHED):
        resource = hit.resource
        for kind, value in (
            ("name", resource.cloud_resource_name),
            ("id", resource.cloud_resource_id),
            ("type", resource.resource_type),
            ("address", resource.terraform_address),
        ):
            if wanted in value.upper():
                suggestions.setdefault(value, kind)
    return [{"value": value, "kind": kind} for value, kind in suggestions.items()][:limit]
