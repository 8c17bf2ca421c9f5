"""Run triggers: making, switching and removing them, and between which workspaces (reference §2.5)."""

from typing import Literal

from django.db import transaction
from django.db.models import QuerySet
from django.db.models.functions import Now

from iacplatform.accounts.levels import Level
from iacplatform.accounts.models import User
from iacplatform.common.errors import Forbidden, InvalidInput, NotFound
from triggers.models import RunTrigger
from triggers.services.graph import Direction, changing_the_graph, check_no_cycle, reached_from
from workspaces.models import Workspace, access_of

End = Literal["source", "target"]
# Where a new edge to this end would close a cycle, and the look-up of those that have one already.
AROUND: dict[End, tuple[Direction, str]] = {
    "target": ("upstream", "inbound_triggers__source"),
    "source": ("downstream", "outbound_triggers__target"),
}
ITSELF = "a workspace cannot trigger itself"
EXISTS = "trigger already exists between these workspaces"
ELSEWHERE = "belongs to another organization"


def create_run_trigger(
    source: Workspace, target: Workspace, *, user: User, other_end: End, enabled: bool = True
) -> RunTrigger:
    """Lets applies of ``source`` start tasks of ``target``; tasks that are there already stay as they are.

    ``other_end`` is the one that was named in the input. Of two creators at once, whose triggers would
    make a cycle together, one is refused.

    Raises:
        InvalidInput: the ends are the same workspace or of two organizations, have a trigger already,
            or the trigger would close a cycle (F42).
        NotFound: the user may not see both ends.
    """
    field = f"{other_end}_workspace_id"
    check_may_link(user, source, target)
    if source == target:
        raise InvalidInput(field, ITSELF)
    if source.organization_id != target.organization_id:
        raise InvalidInput(field, ELSEWHERE)
    with changing_the_graph(source):
        if RunTrigger.objects.filter(source=source, target=target).exists():
            raise InvalidInput(field, EXISTS)
        check_no_cycle(source, target, field=field)
        return RunTrigger.objects.create(
            source=source, target=target, enabled=enabled, created_by=user
        )


def switch_run_trigger(run_trigger: RunTrigger, *, user: User, enabled: bool) -> None:
    """Switches a trigger on or off; off, what waits for it is skipped, too.

    Raises ``InvalidInput`` where it would be part of a cycle, ``NotFound`` where it was deleted
    meanwhile or the user may not see both ends.
    """
    check_may_link(user, run_trigger.source, run_trigger.target)
    with changing_the_graph(run_trigger.source):
        if enabled:
            check_no_cycle(run_trigger.source, run_trigger.target, field="enabled")
        row = RunTrigger.objects.filter(pk=run_trigger.pk)
        if not row.update(enabled=enabled, updated_at=Now()):
            raise NotFound("The run trigger was deleted")
    run_trigger.refresh_from_db(fields=["enabled", "updated_at"])


def delete_run_trigger(run_trigger: RunTrigger, *, user: User) -> None:
    """Removes a trigger; what has not been triggered by it is skipped when its turn comes.

    Raises ``NotFound`` where the user may not see both ends.
    """
    check_may_link(user, run_trigger.source, run_trigger.target)
    with transaction.atomic():
        # A task that is being created prepares an execution of it: after that, not in between.
        RunTrigger.objects.select_for_update(of=("self",)).filter(pk=run_trigger.pk).first()
        run_trigger.delete()


def check_may_link(user: User, *ends: Workspace) -> None:
    """Refuses who may not write to all these workspaces (F42).

    Raises ``NotFound`` where the user does not see one of them, ``Forbidden`` where they only see it.
    """
    access = access_of(user)
    for end in ends:
        level = access.level_in_workspace(end)
        if level < Level.READ:
            raise NotFound("There is no such workspace")
        if level < Level.WRITE:
            raise Forbidden(f"You need the level write in the workspace {end.name} too")


def linkable(workspace: Workspace, *, user: User, other_end: End) -> QuerySet[Workspace]:
    """The workspaces that may become the other end of a trigger; ``other_end`` says which end that is.

    Left out are those that have such a trigger already, and those with which it would close a cycle.
    """
    looping, linked = AROUND[other_end]
    excluded = {workspace.pk, *reached_from(workspace, looping)}
    theirs = Workspace.objects.visible_to(user, Level.WRITE).filter(
        organization=workspace.organization_id
    )
    return theirs.exclude(pk__in=excluded).exclude(**{linked: workspace}).order_by("name", "pk")
