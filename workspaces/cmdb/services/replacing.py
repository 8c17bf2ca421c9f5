"""Replacing what a source told of its resources by what it tells now."""

from dataclasses import dataclass

from django.db.models import QuerySet

from workspaces.cmdb.models import ResourceIndex
from workspaces.cmdb.models.resource import CONTENT

BATCH = 1000
WRITTEN = (*CONTENT, "state_version", "digest", "updated_at")


@dataclass(frozen=True)
class Replaced:
    """What a replacement did: rows there are now, and how many of them or others were touched."""

    total: int
    added: int
    updated: int
    deleted: int


def replace_rows(
    present: QuerySet[ResourceIndex], rows: dict[str, ResourceIndex], *, key: str
) -> Replaced:
    """Makes ``rows`` (by their field ``key``) the rows of a source, whose rows ``present`` are.

    Rows that say the same are not touched, those that say something else keep their id and the time they
    were created. Belongs into a transaction in which nobody else replaces rows of the source.
    """
    known = {
        known_key: (pk, digest)
        for known_key, pk, digest in present.values_list(key, "pk", "digest")
    }
    added = [row for each, row in rows.items() if each not in known]
    updated = [row for each, row in rows.items() if each in known and known[each][1] != row.digest]
    for row in updated:
        row.pk = known[getattr(row, key)][0]
    vanished = [pk for each, (pk, _) in known.items() if each not in rows]
    ResourceIndex.objects.filter(pk__in=vanished).delete()
    ResourceIndex.objects.bulk_create(added, batch_size=BATCH)
    ResourceIndex.objects.bulk_create(
        updated,
        batch_size=BATCH,
        update_conflicts=True,
        unique_fields=["pk"],
        update_fields=WRITTEN,
    )
    return Replaced(len(rows), len(added), len(updated), len(vanished))
