"""Resources: pieces of configuration with versions, changed, taken out and brought back."""

from collections.abc import Iterator, Sequence
from typing import Any

from django.db import transaction
from django.db.models import Max, OuterRef, Subquery
from django.db.models.functions import Now

from iacplatform.accounts.models import User
from iacplatform.common.errors import Conflict, InvalidInput, NotFound
from iacplatform.terraform.addresses import resource_addresses
from iacplatform.terraform.blocks import LABELS, labelled
from iacplatform.terraform.configuration import Configuration, render
from iacplatform.terraform.exceptions import ConfigurationError
from iacplatform.terraform.hcl import is_identifier
from workspaces.models import (
    ChangeType,
    ResourceCodeVersion,
    Workspace,
    WorkspaceResource,
    WorkspaceTask,
)
from workspaces.services.editing import editing
from workspaces.services.tasks import create_task
from workspaces.task_status import TaskType

ROWS_PER_INSERT = 1000
NAMED_IN_ERRORS = 10
LONGEST_TYPE = 50
LONGEST_NAME = 100
IMPORTABLE = ("module", "resource")


def create_resource(
    workspace: Workspace,
    *,
    user: User,
    resource_type: str,
    resource_name: str,
    tf_code: dict[str, Any],
    variables: dict[str, Any] | None = None,
    description: str = "",
    tags: dict[str, Any] | None = None,
) -> WorkspaceResource:
    """Adds a resource with version 1 of its code.

    Raises ``WorkspaceLocked``, ``InvalidInput``, or ``Conflict`` where the workspace has one of this
    type and name.
    """
    _check_name("resource_type", resource_type, LONGEST_TYPE)
    _check_name("resource_name", resource_name, LONGEST_NAME)
    check_code(tf_code)
    with editing(workspace) as current:
        resource = WorkspaceResource(
            workspace=current,
            resource_id=f"{resource_type}.{resource_name}",
            resource_type=resource_type,
            resource_name=resource_name,
            description=description,
            tags=tags or {},
            created_by=user,
        )
        _check_free(current, [resource.resource_id])
        resource.save()
        _add_version(
            resource, ChangeType.CREATE, user=user, tf_code=tf_code, variables=variables or {}
        )
    return resource


def import_resources(workspace: Workspace, *, user: User, tf_code: dict[str, Any]) -> int:
    """Makes a resource of each ``resource`` and ``module`` block, and returns how many.

    All or none: raises ``WorkspaceLocked``, ``InvalidInput``, or ``Conflict`` where one is there.
    """
    check_code(tf_code)
    blocks = {f"{kind}.{name}": (kind, name, body) for kind, name, body in _blocks(tf_code)}
    with editing(workspace) as current:
        _check_free(current, list(blocks))
        resources = WorkspaceResource.objects.bulk_create(
            (
                WorkspaceResource(
                    workspace=current,
                    resource_id=resource_id,
                    resource_type=kind,
                    resource_name=name,
                    created_by=user,
                )
                for resource_id, (kind, name, _) in blocks.items()
            ),
            batch_size=ROWS_PER_INSERT,
        )
        _add_first_versions(resources, [body for _, _, body in blocks.values()], user)
    return len(resources)


def update_resource(
    resource: WorkspaceResource,
    *,
    user: User,
    tf_code: dict[str, Any],
    variables: dict[str, Any] | None = None,
    change_summary: str = "",
    **details: Any,
) -> None:
    """Writes the next version of a resource's code; ``details`` are its description and tags.

    ``variables`` stay as they are where there are none. Raises ``WorkspaceLocked``, ``InvalidInput``,
    or ``Conflict`` where the resource was deleted.
    """
    check_code(tf_code)
    with editing(resource.workspace):
        _refresh(resource)
        _check_active(resource, active=True)
        if variables is None:
            variables = _code(resource).variables
        _add_version(
            resource,
            ChangeType.UPDATE,
            user=user,
            tf_code=tf_code,
            variables=variables,
            change_summary=change_summary,
            **details,
        )


def delete_resource(resource: WorkspaceResource, *, user: User) -> None:
    """Takes a resource out of the configuration; its versions stay, and it can be restored.

    Raises ``WorkspaceLocked``, or ``Conflict`` where it was deleted before.
    """
    with editing(resource.workspace):
        _refresh(resource)
        _check_active(resource, active=True)
        _copy_version(resource, _code(resource), ChangeType.DELETE, user, is_active=False)


def restore_resource(resource: WorkspaceResource, *, user: User) -> None:
    """Brings a deleted resource back with the code it had.

    Raises ``WorkspaceLocked``, or ``Conflict`` where it was not deleted.
    """
    with editing(resource.workspace):
        _refresh(resource)
        _check_active(resource, active=False)
        _copy_version(resource, _code(resource), ChangeType.ROLLBACK, user, is_active=True)


def rollback_resource(resource: WorkspaceResource, *, user: User, version: int) -> None:
    """Makes the code of an earlier version the next one.

    Raises ``WorkspaceLocked``, ``NotFound`` where there is no such version, ``Conflict`` where the
    resource was deleted.
    """
    with editing(resource.workspace):
        _refresh(resource)
        _check_active(resource, active=True)
        earlier = resource.versions.filter(version=version).first()
        if earlier is None:
            raise NotFound(f"{resource.resource_id} has no version {version}")
        _copy_version(resource, earlier, ChangeType.ROLLBACK, user)


def deploy_resources(
    workspace: Workspace, *, user: User, resource_ids: Sequence[int], description: str = ""
) -> WorkspaceTask:
    """Creates a plan of some resources of the workspace only, with their real addresses (F29).

    Raises ``WorkspaceLocked``, or ``InvalidInput`` for ids that are not active resources of it.
    """
    wanted = set(resource_ids)
    with transaction.atomic():
        resources = list(workspace.resources.active().filter(pk__in=wanted))
        if missing := sorted(wanted - {resource.pk for resource in resources}):
            raise InvalidInput("resource_ids", f"not resources of the workspace: {_named(missing)}")
        targets = [
            address
            for resource in resources
            for address in resource_addresses(_code(resource).tf_code)
        ]
        if not targets:
            raise InvalidInput("resource_ids", "they hold nothing that can be planned by itself")
        return create_task(
            workspace,
            user=user,
            task_type=TaskType.PLAN_ONLY,
            description=description,
            targets=targets,
        )


def mark_applied(task: WorkspaceTask) -> None:
    """Notes on the resources of a task's snapshot that they were applied; not if it had targets."""
    if task.targets:
        return
    versions = (task.snapshot.resource_versions or {}).values()
    task.workspace.resources.filter(pk__in=[entry["resource_db_id"] for entry in versions]).update(
        last_applied_at=Now()
    )


def check_code(tf_code: dict[str, Any], field: str = "tf_code") -> None:
    """Raises ``InvalidInput`` where a body is empty or not of Terraform's JSON syntax."""
    if not tf_code:
        raise InvalidInput(field, "must hold at least one block")
    try:
        render(Configuration(bodies=(tf_code,)))
    except ConfigurationError as error:
        raise InvalidInput(field, f"is not Terraform's JSON syntax: {error}") from error


def _blocks(tf_code: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yields type, name and a body of its own for each block; a module's type is ``module``."""
    if others := sorted(set(tf_code) - {*IMPORTABLE, "//"}):
        raise InvalidInput("tf_code", f"only resources and modules are imported, not {others[0]}")
    for (kind, name), body in labelled(tf_code.get("resource", {}), LABELS["resource"], "resource"):
        _check_name("tf_code", kind, LONGEST_TYPE)
        _check_name("tf_code", name, LONGEST_NAME)
        yield kind, name, {"resource": {kind: {name: body}}}
    for (name,), body in labelled(tf_code.get("module", {}), LABELS["module"], "module"):
        _check_name("tf_code", name, LONGEST_NAME)
        yield "module", name, {"module": {name: body}}


def _check_name(field: str, name: str, longest: int) -> None:
    if not is_identifier(name) or len(name) > longest:
        problem = f"{name[:longest]!r} is no Terraform identifier of at most {longest} characters"
        raise InvalidInput(field, problem)


def _check_free(workspace: Workspace, resource_ids: list[str]) -> None:
    there = workspace.resources.filter(resource_id__in=resource_ids).order_by("resource_id")
    found = list(there.values_list("resource_id", "is_active"))
    if not found:
        return
    names = [name if active else f"{name} (deleted: restore it)" for name, active in found]
    raise Conflict(
        f"The workspace has {_named(names)} already",
        fields={"resource_name": "is taken"},
    )


def _named(values: Sequence[object]) -> str:
    shown = ", ".join(str(value) for value in values[:NAMED_IN_ERRORS])
    return f"{shown} …" if len(values) > NAMED_IN_ERRORS else shown


def _refresh(resource: WorkspaceResource) -> None:
    """Reads the row again under the workspace's lock."""
    resource.refresh_from_db(
        from_queryset=WorkspaceResource.objects.select_related("current_version")
    )


def _code(resource: WorkspaceResource) -> ResourceCodeVersion:
    assert resource.current_version is not None  # noqa: S101  # each is created with its version
    return resource.current_version


def _check_active(resource: WorkspaceResource, *, active: bool) -> None:
    if resource.is_active != active:
        state = "deleted; restore it first" if active else "not deleted"
        raise Conflict(f"{resource.resource_id} is {state}")


def _copy_version(
    resource: WorkspaceResource,
    source: ResourceCodeVersion,
    change_type: ChangeType,
    user: User,
    **details: Any,
) -> None:
    _add_version(
        resource,
        change_type,
        user=user,
        tf_code=source.tf_code,
        variables=source.variables,
        change_summary=f"{change_type.label} of version {source.version}",
        **details,
    )


def _add_version(
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


def _add_first_versions(
    resources: list[WorkspaceResource], bodies: list[dict[str, Any]], user: User
) -> None:
    ResourceCodeVersion.objects.bulk_create(
        (
            ResourceCodeVersion(resource=resource, tf_code=body, created_by=user)
            for resource, body in zip(resources, bodies, strict=True)
        ),
        batch_size=ROWS_PER_INSERT,
    )
    only = ResourceCodeVersion.objects.filter(resource=OuterRef("pk")).values("pk")
    WorkspaceResource.objects.filter(pk__in=[resource.pk for resource in resources]).update(
        current_version=Subquery(only)
    )
