"""The live status of resources while they are applied."""

from collections.abc import Sequence

from executor.core.accessor import ResourceProgress
from workspaces.models import ResourceChange


def store_progress(task_id: int, progress: Sequence[ResourceProgress]) -> list[ResourceChange]:
    """Writes what the engine said to the resource changes and returns the rows that changed.

    Addresses that the plan did not name (a data source, a deposed object) are passed over.
    """
    addresses = {entry.address for entry in progress}
    rows = {
        row.resource_address: row
        for row in ResourceChange.objects.filter(
            task_id=task_id, resource_address__in=addresses
        ).defer("changes_before", "changes_after")
    }
    for entry in progress:
        if entry.address in rows:
            _apply(rows[entry.address], entry)
    ResourceChange.objects.bulk_update(
        rows.values(),
        ["apply_status", "apply_started_at", "apply_completed_at", "apply_error", "resource_id"],
    )
    return list(rows.values())


def _apply(row: ResourceChange, entry: ResourceProgress) -> None:
    row.apply_status = entry.status
    row.resource_id = entry.resource_id or row.resource_id
    row.apply_error = entry.error
    if entry.status == "applying":
        row.apply_started_at = row.apply_started_at or entry.at
    else:
        row.apply_completed_at = entry.at
