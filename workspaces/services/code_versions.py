"""Versions of resources' code: the next one of a resource, or of many at once.

All of this is for callers that hold the workspace's row (see :mod:`workspaces.services.editing`), so that two
changes never take one number.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Max, OuterRef, Subquery
from django.db.models.functions import Now

from iacplatform.accounts.models import User
from iacplatform.terraform.differences import Differences, differences
from workspaces.models import ChangeType, ResourceCodeVersion, WorkspaceResource

ROWS_PER_INSERT = 1000
ROWS_PER_UPDATE = 10_000


@dataclass(frozen=True)
class CodeDifference:
    """How a version of a resource's code differs from another."""

    from_version: int
    to_version: int
    tf_code: Differences
    variables: Differences


def current_code(resource: WorkspaceResource) -> ResourceCodeVersion:
    """The code that a resource has now."""
    assert resource.current_version is not None  # noqa: S101  # each is created with its version
    return resource.current_version


def add_version(
    resource: WorkspaceResource,
    change_type: ChangeType,
    *,
    user: User,
    tf_code: dict[str, Any],
    variables: dict[str, Any],
    change_summary: str = "",
    **details: Any,
) -> None:
    """Writes the next version of the code and, with it, fields of the resource."""
    newest = resource.versions.aggregate(number=Max("version"))["number"] or 0
    resource.current_version = ResourceCodeVersion.objects.create(
        resource=resource,
        version=newest + 1,
        tf_code=tf_code,
        variables=variables,
        change_summary=change_summary,
        change_type=change_type,
        created_by=user,
    )
    for name, value in details.items():
        setattr(resource, name, value)
    resource.save(update_fields=["current_version", *details, "updated_at"])


def copy_version(
    resource: WorkspaceResource,
    source: ResourceCodeVersion,
    change_type: ChangeType,
    user: User,
    **details: Any,
) -> None:
    """Makes an earlier version's code the next version."""
    add_version(
        resource,
        change_type,
        user=user,
        tf_code=source.tf_code,
        variables=source.variables,
        change_summary=f"{change_type.label} of version {source.version}",
        **details,
    )


def copy_versions(
    sources: Sequence[ResourceCodeVersion],
    change_type: ChangeType,
    *,
    user: User,
    change_summary: str,
    is_active: bool,
) -> None:
    """Makes each version's code the next version of its resource; in as few queries for many."""
    resources = [source.resource_id for source in sources]
    newest = _newest_numbers(resources)
    ResourceCodeVersion.objects.bulk_create(
        (
            ResourceCodeVersion(
                resource_id=source.resource_id,
                version=newest[source.resource_id] + 1,
                tf_code=source.tf_code,
                variables=source.variables,
                change_summary=change_summary,
                change_type=change_type,
                created_by=user,
            )
            for source in sources
        ),
        batch_size=ROWS_PER_INSERT,
    )
    _point_to_newest(resources, is_active=is_active)


def add_first_versions(
    resources: Sequence[WorkspaceResource], bodies: Sequence[dict[str, Any]], user: User
) -> None:
    """Writes version 1 of each new resource."""
    ResourceCodeVersion.objects.bulk_create(
        (
            ResourceCodeVersion(resource=resource, tf_code=body, created_by=user)
            for resource, body in zip(resources, bodies, strict=True)
        ),
        batch_size=ROWS_PER_INSERT,
    )
    _point_to_newest([resource.pk for resource in resources], is_active=True)


def compare_code(before: ResourceCodeVersion, after: ResourceCodeVersion) -> CodeDifference:
    """Where two versions differ, path by path; ``None`` stands for what is not there."""
    return CodeDifference(
        from_version=before.version,
        to_version=after.version,
        tf_code=differences(before.tf_code, after.tf_code, before.tf_code, after.tf_code),
        variables=differences(before.variables, after.variables, before.variables, after.variables),
    )


def _newest_numbers(resources: Sequence[int]) -> dict[int, int]:
    rows = ResourceCodeVersion.objects.filter(resource__in=resources).order_by()
    return dict(rows.values_list("resource").annotate(Max("version")))


def _point_to_newest(resources: Sequence[int], *, is_active: bool) -> None:
    versions = ResourceCodeVersion.objects.filter(resource=OuterRef("pk")).order_by("-version")
    for start in range(0, len(resources), ROWS_PER_UPDATE):
        batch = resources[start : start + ROWS_PER_UPDATE]
        WorkspaceResource.objects.filter(pk__in=batch).update(
            current_version=Subquery(versions.values("pk")[:1]),
            is_active=is_active,
            updated_at=Now(),
        )
