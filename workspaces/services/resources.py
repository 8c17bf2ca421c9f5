"""Resources: pieces of configuration with versions, changed, taken out and brought back."""

from collections.abc import Iterator, Sequence
from typing import Any

from django.db.models.functions import Now

from iacplatform.accounts.models import User
from iacplatform.common.errors import Conflict, InvalidInput, NotFound
from iacplatform.terraform.addresses import resource_addresses
from iacplatform.terraform.blocks import LABELS, labelled
from iacplatform.terraform.configuration import Configuration, render
from iacplatform.terraform.exceptions import ConfigurationError
from iacplatform.terraform.hcl import is_identifier
from iacplatform.terraform.hcl_reading import read_hcl
from workspaces.models import (
    ChangeType,
    ConfigurationSource,
    Workspace,
    WorkspaceResource,
    WorkspaceTask,
)
from workspaces.services.code_versions import (
    ROWS_PER_INSERT,
    add_first_versions,
    add_version,
    copy_version,
    current_code,
)
from workspaces.services.editing import editing
from workspaces.services.resource_dependencies import check_nothing_depends
from workspaces.services.tasks import create_task
from workspaces.services.variables import VersionConflict
from workspaces.task_status import TaskType

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
        add_version(
            resource, ChangeType.CREATE, user=user, tf_code=tf_code, variables=variables or {}
        )
    return resource


def import_resources(workspace: Workspace, *, user: User, tf_code: dict[str, Any] | str) -> int:
    """Makes a resource of each ``resource`` and ``module`` block, and returns how many.

    ``tf_code`` is a body in JSON syntax, or a text in HCL. All or none: raises ``WorkspaceLocked``,
    ``InvalidInput``, or ``Conflict`` where one is there.
    """
    if isinstance(tf_code, str):
        tf_code = _read(tf_code)
    check_code(tf_code)
    blocks = _blocks_by_id(tf_code)
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
        add_first_versions(resources, [body for _, _, body in blocks.values()], user)
    return len(resources)


def update_resource(
    resource: WorkspaceResource,
    *,
    user: User,
    tf_code: dict[str, Any],
    variables: dict[str, Any] | None = None,
    change_summary: str = "",
    version: int | None = None,
    **details: Any,
) -> None:
    """Writes the next version of a resource's code; ``details`` are its description and tags.

    ``variables`` stay as they are where there are none.

    Raises:
        WorkspaceLocked: the workspace is locked.
        InvalidInput: the code is not acceptable.
        VersionConflict: ``version``, the one that the caller saw, is not the current one.
        Conflict: the resource was deleted.
    """
    check_code(tf_code)
    with editing(resource.workspace):
        _refresh(resource)
        _check_active(resource, active=True)
        _check_version(resource, version)
        if variables is None:
            variables = current_code(resource).variables
        add_version(
            resource,
            ChangeType.UPDATE,
            user=user,
            tf_code=tf_code,
            variables=variables,
            change_summary=change_summary,
            **details,
        )


def delete_resource(resource: WorkspaceResource, *, user: User, force: bool = False) -> None:
    """Takes a resource out of the configuration; its versions stay, and it can be restored.

    Raises:
        WorkspaceLocked: the workspace is locked.
        HasDependents: others depend on it; ``force`` deletes it nevertheless.
        Conflict: it was deleted before.
    """
    with editing(resource.workspace):
        _refresh(resource)
        _check_active(resource, active=True)
        if not force:
            check_nothing_depends(resource)
        copy_version(resource, current_code(resource), ChangeType.DELETE, user, is_active=False)


def restore_resource(resource: WorkspaceResource, *, user: User) -> None:
    """Brings a deleted resource back with the code it had.

    Raises ``WorkspaceLocked``, or ``Conflict`` where it was not deleted.
    """
    with editing(resource.workspace):
        _refresh(resource)
        _check_active(resource, active=False)
        copy_version(resource, current_code(resource), ChangeType.ROLLBACK, user, is_active=True)


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
        copy_version(resource, earlier, ChangeType.ROLLBACK, user)


def deploy_resources(
    workspace: Workspace, *, user: User, resource_ids: Sequence[int], description: str = ""
) -> WorkspaceTask:
    """Creates a plan of some resources of the workspace only, with their real addresses (F29).

    Raises ``WorkspaceLocked``, ``InvalidInput`` for ids that are not active resources of it, or
    ``Conflict`` where the configuration comes from an archive, in which they are not.
    """
    with editing(workspace) as current:
        if current.configuration_source == ConfigurationSource.ARCHIVE:
            raise Conflict("The configuration comes from an archive, not from resources")
        targets = _targets(current, set(resource_ids))
        return create_task(
            current,
            user=user,
            task_type=TaskType.PLAN_ONLY,
            description=description,
            targets=targets,
        )


def _targets(workspace: Workspace, wanted: set[int]) -> list[str]:
    resources = list(workspace.resources.active().filter(pk__in=wanted))
    if missing := sorted(wanted - {resource.pk for resource in resources}):
        raise InvalidInput("resource_ids", f"not resources of the workspace: {_named(missing)}")
    targets = [
        address
        for resource in resources
        for address in resource_addresses(current_code(resource).tf_code)
    ]
    if not targets:
        raise InvalidInput("resource_ids", "they hold nothing that can be planned by itself")
    return targets


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


def _read(text: str) -> dict[str, Any]:
    try:
        return read_hcl(text)
    except ConfigurationError as error:
        raise InvalidInput("tf_code", f"is not HCL that can be read: {error}") from error


def _blocks_by_id(tf_code: dict[str, Any]) -> dict[str, tuple[str, str, dict[str, Any]]]:
    blocks: dict[str, tuple[str, str, dict[str, Any]]] = {}
    for kind, name, body in _blocks(tf_code):
        if blocks.setdefault(f"{kind}.{name}", (kind, name, body))[2] is not body:
            raise InvalidInput("tf_code", f"two blocks would be the resource {kind}.{name}")
    return blocks


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


def _check_version(resource: WorkspaceResource, version: int | None) -> None:
    current = current_code(resource).version
    if version is not None and version != current:
        raise VersionConflict(
            f"{resource.resource_id} is at version {current}", current_version=current
        )


def _check_active(resource: WorkspaceResource, *, active: bool) -> None:
    if resource.is_active != active:
        state = "deleted; restore it first" if active else "not deleted"
        raise Conflict(f"{resource.resource_id} is {state}")
