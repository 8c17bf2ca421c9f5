"""Which resources need which: what people say (explicit), and what the code refers to (implicit)."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from django.db.models import Q, QuerySet, TextField
from django.db.models.functions import Cast

from iacplatform.accounts.models import User
from iacplatform.common.errors import Conflict, InvalidInput
from iacplatform.terraform.references import defined_names, referred_names
from workspaces.models import ResourceDependency, Workspace, WorkspaceResource
from workspaces.services.code_versions import current_code
from workspaces.services.editing import editing, read_again

NAMED_IN_ERRORS = 10
# Above this many names the database would compare longer than reading the code takes.
MOST_NAMES_SEARCHED = 20


class HasDependents(Conflict):
    """Other resources depend on it."""

    code = "has_dependents"


@dataclass(frozen=True)
class Dependency:
    """A resource at the other end, and how it is known; an explicit one may be implicit as well."""

    resource: WorkspaceResource
    dependency_type: Literal["explicit", "implicit"]


def dependencies_of(resource: WorkspaceResource) -> list[Dependency]:
    """The active resources that a resource needs, by their ids; the implicit ones are computed."""
    stated = WorkspaceResource.objects.filter(dependents__resource=resource, is_active=True)
    return _both(stated, _referred(resource))


def dependents_of(resource: WorkspaceResource) -> list[Dependency]:
    """The active resources that need a resource, by their ids; the implicit ones are computed."""
    stated = WorkspaceResource.objects.filter(dependencies__depends_on=resource, is_active=True)
    return _both(stated, _referring(resource))


def set_dependencies(resource: WorkspaceResource, *, user: User, depends_on: Sequence[int]) -> None:
    """Replaces the list of what a resource explicitly depends on; those that stay keep their dates.

    Raises ``WorkspaceLocked``, ``Conflict`` where the resource was deleted, and ``InvalidInput`` for the
    resource itself, for what is no active resource of its workspace, and for a cycle. A cycle is looked for
    over explicit dependencies and what refers to the resource; one in the code alone the engine refuses.
    """
    wanted = set(depends_on)
    with editing(resource.workspace) as workspace:
        read_again(resource)
        if not resource.is_active:
            raise Conflict(f"{resource.resource_id} is deleted; restore it first")
        _check_targets(workspace, resource, wanted)
        _check_no_cycle(workspace, resource, wanted)
        kept = set(resource.dependencies.values_list("depends_on", flat=True)) & wanted
        resource.dependencies.exclude(depends_on__in=wanted).delete()
        ResourceDependency.objects.bulk_create(
            ResourceDependency(resource=resource, depends_on_id=pk, created_by=user)
            for pk in sorted(wanted - kept)
        )


def check_nothing_depends(resource: WorkspaceResource) -> None:
    """Raises :class:`HasDependents`, which names those that depend on a resource."""
    names = [each.resource.resource_id for each in dependents_of(resource)]
    if not names:
        return
    shown = ", ".join(names[:NAMED_IN_ERRORS]) + (" …" if len(names) > NAMED_IN_ERRORS else "")
    raise HasDependents(
        f"{shown} depend on {resource.resource_id}"
        if len(names) > 1
        else f"{shown} depends on {resource.resource_id}",
        dependents=names[:NAMED_IN_ERRORS],
        requires_force=True,
    )


def _both(
    stated: QuerySet[WorkspaceResource], implicit: Iterable[WorkspaceResource]
) -> list[Dependency]:
    found = {other.pk: Dependency(other, "implicit") for other in implicit}
    found |= {other.pk: Dependency(other, "explicit") for other in stated}
    return sorted(found.values(), key=lambda each: each.resource.resource_id)


def _referred(resource: WorkspaceResource) -> list[WorkspaceResource]:
    wanted = referred_names(current_code(resource).tf_code)
    others = _others_with(resource, wanted)
    return [other for other in others if defined_names(current_code(other).tf_code) & wanted]


def _referring(resource: WorkspaceResource) -> list[WorkspaceResource]:
    own = defined_names(current_code(resource).tf_code)
    others = _others_with(resource, own)
    return [other for other in others if referred_names(current_code(other).tf_code) & own]


def _others_with(resource: WorkspaceResource, names: set[str]) -> QuerySet[WorkspaceResource]:
    """The other active resources whose code may hold one of the names, so that few have to be read."""
    others = resource.workspace.resources.active().exclude(pk=resource.pk)
    if not names:
        return others.none()
    if len(names) > MOST_NAMES_SEARCHED:
        return others
    mentioned = Q()
    for name in names:
        mentioned |= Q(code_text__contains=name.rpartition(".")[2])
    text = Cast("current_version__tf_code", TextField())
    return others.alias(code_text=text).filter(mentioned)


def _check_targets(workspace: Workspace, resource: WorkspaceResource, wanted: set[int]) -> None:
    if resource.pk in wanted:
        raise InvalidInput("depends_on", "a resource cannot depend on itself")
    found = workspace.resources.filter(pk__in=wanted, is_active=True).values_list("pk", flat=True)
    if missing := sorted(wanted - set(found)):
        shown = ", ".join(map(str, missing[:NAMED_IN_ERRORS]))
        raise InvalidInput("depends_on", f"not resources of the workspace: {shown}")


def _check_no_cycle(workspace: Workspace, resource: WorkspaceResource, wanted: set[int]) -> None:
    if not wanted:
        return
    back = {resource.pk: resource, **{other.pk: other for other in _referring(resource)}}
    reached = _reachable(workspace, resource, wanted)
    if closing := sorted(back[pk].resource_id for pk in reached & set(back)):
        raise InvalidInput("depends_on", f"would close a cycle over {closing[0]}")


def _reachable(workspace: Workspace, resource: WorkspaceResource, start: set[int]) -> set[int]:
    """What ``start`` needs, over any number of explicit dependencies but those of the resource itself."""
    needs: dict[int, set[int]] = defaultdict(set)
    rows = ResourceDependency.objects.filter(resource__workspace=workspace)
    for row in rows.exclude(resource=resource).order_by():
        needs[row.resource_id].add(row.depends_on_id)
    reached, pending = set(start), list(start)
    while pending:
        new = needs[pending.pop()] - reached
        reached |= new
        pending += new
    return reached
