"""Searching the index: the best hits of 200,000 resources without reading them all (reference §5.12)."""

from dataclasses import dataclass

from django.db import connection, transaction
from django.db.models import QuerySet, Value
from django.db.models.functions import StrIndex, Upper

from workspaces.cmdb.models import ResourceIndex

SCORES = {
    "cloud_resource_id__iexact": 1.0,
    "cloud_resource_name__iexact": 0.9,
    "cloud_resource_arn__iexact": 0.85,
    "cloud_resource_id__istartswith": 0.8,
    "cloud_resource_name__istartswith": 0.7,
    "cloud_resource_arn__istartswith": 0.65,
    "cloud_resource_id__icontains": 0.6,
    "cloud_resource_name__icontains": 0.5,
    "cloud_resource_arn__icontains": 0.45,
    "description__icontains": 0.4,
    "terraform_address__icontains": 0.3,
}
"""Lookup → how good a hit is; the best first."""
CONTAINS = "__icontains"
MIN_CONTAINED = 3
"""Characters: the index of parts knows no shorter ones."""
MAX_ASKED = 16
"""Characters: with each further one the index of parts takes longer."""
# Each rank has an index that finds its rows at once. The planner would rather begin to read the table,
# in the hope of soon meeting enough of them, and may meet none.
PLANNING = "SET LOCAL enable_seqscan = off; SET LOCAL jit = off"


@dataclass(frozen=True)
class Hit:
    """A resource that was found; ``score`` is 1.0 for the id itself."""

    resource: ResourceIndex
    score: float


@transaction.atomic
def search(rows: QuerySet[ResourceIndex], text: str, *, limit: int) -> list[Hit]:
    """The best ``limit`` hits among ``rows``: those of Terraform first, equal ones by address.

    Upper and lower case are the same; ``%`` and ``_`` are characters like others. A text of one or two
    characters finds only what is it, or begins with it.
    """
    with connection.cursor() as cursor:
        cursor.execute(PLANNING)
    found = _ranked(rows.filter(workspace__isnull=False), text, limit)
    external = rows.filter(external_source__isnull=False)
    if len(found) < limit and external.exists():
        found += _ranked(external, text, limit - len(found))
    return found


def _ranked(rows: QuerySet[ResourceIndex], text: str, limit: int) -> list[Hit]:
    """One rank after the other, until there are enough: a query for each, on an index of its own."""
    found: list[Hit] = []
    for lookup, score in SCORES.items():
        if len(found) == limit:
            break
        if lookup.endswith(CONTAINS) and len(text) < MIN_CONTAINED:
            continue
        seen = [hit.resource.pk for hit in found]
        others = _matching(rows, lookup, text).exclude(pk__in=seen).order_by()
        hits = (Hit(row, score) for row in others[: limit - len(found)])
        found += sorted(hits, key=_by_address)
    return found


def _matching(rows: QuerySet[ResourceIndex], lookup: str, text: str) -> QuerySet[ResourceIndex]:
    """The rows of a rank. Of a long text the index is asked for the end only: that is enough to find it."""
    if not lookup.endswith(CONTAINS) or len(text) <= MAX_ASKED:
        return rows.filter(**{lookup: text})
    field = lookup.removesuffix(CONTAINS)
    position = StrIndex(Upper(field), Upper(Value(text)))
    return (
        rows.filter(**{lookup: text[-MAX_ASKED:]}).alias(position=position).filter(position__gt=0)
    )


def _by_address(hit: Hit) -> tuple[str, str, int]:
    return hit.resource.terraform_address, hit.resource.cloud_resource_name, hit.resource.pk
