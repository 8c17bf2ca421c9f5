"""Asking for syncs: by a new state, by people, by the sweep. Each is an entry of the outbox first."""

from collections.abc import Iterable

from django.db.models import CharField, Exists, F, OuterRef, Subquery, Value
from django.db.models.functions import Cast, Concat

from iacplatform.accounts.models import User
from iacplatform.common.errors import Forbidden
from iacplatform.common.ids import new_id
from iacplatform.common.models import OutboxEntry, OutboxStatus
from iacplatform.common.outbox import Delivery, GiveUp, RetryLater, draft, enqueue_all
from iacplatform.terraform.exceptions import StateError
from workspaces.cmdb.models import SyncTrigger
from workspaces.cmdb.services.syncing import SyncBusy, sync_workspace
from workspaces.models import StateVersion, Workspace

KIND = "cmdb.sync"
# Reading a large state takes a processor for seconds: no more at once than requests to one receiver.
DESTINATION = "cmdb"
MAX_ATTEMPTS = 10
WAITS = (2.0, 5.0, 15.0, 60.0)
SWEPT_AT_ONCE = 500


def follow_state(workspace_id: int) -> None:
    """Asks for a sync of the newest state, once for each state version; without a state, for nothing."""
    versions = StateVersion.objects.filter(workspace=workspace_id)
    newest = versions.values_list("version", flat=True).first()
    if newest is not None:
        _enqueue(SyncTrigger.AUTO, {workspace_id: _occasion(newest)})


def request_sync(workspace: Workspace) -> None:
    """Asks for a sync, whatever the index shows; one that waits to begin is enough."""
    _request(SyncTrigger.MANUAL, [workspace.pk])


def request_all(user: User) -> int:
    """Asks for a sync of every workspace with a state that the user sees; returns how many there are.

    Raises ``Forbidden`` for a user who is no administrator.
    """
    if not (user.is_staff or user.is_superuser):
        raise Forbidden("Only administrators may synchronise all workspaces")
    has_state = Exists(StateVersion.objects.filter(workspace=OuterRef("pk")))
    seen = Workspace.objects.visible_to(user).filter(has_state)
    ids = list(seen.values_list("pk", flat=True))
    _request(SyncTrigger.REBUILD, ids)
    return len(ids)


def _request(trigger: SyncTrigger, workspace_ids: Iterable[int]) -> None:
    occasions = {pk: new_id(trigger.value) for pk in workspace_ids}
    asked = OutboxEntry.objects.filter(
        status=OutboxStatus.PENDING, ordering__in=map(_ordering, occasions)
    ).exclude(key__contains=f":{_occasion('')}")
    waiting = set(asked.values_list("ordering", flat=True))
    _enqueue(trigger, {pk: each for pk, each in occasions.items() if _ordering(pk) not in waiting})


def sweep_states() -> int:
    """Asks for a sync where the newest state is not the one that the index shows; returns how many.

    That is so after an upload or a rollback, which no task tells of.
    """
    newest = StateVersion.objects.filter(workspace=OuterRef("pk")).values("version")[:1]
    key = Concat(
        Value("cmdb:"),
        Cast("pk", CharField()),
        Value(f":{_occasion('')}"),
        Cast("newest", CharField()),
    )
    behind = (
        Workspace.objects.annotate(newest=Subquery(newest), key=key)
        .filter(newest__isnull=False)
        .exclude(cmdb_sync__synced_version=F("newest"))
        .exclude(Exists(OutboxEntry.objects.filter(key=OuterRef("key"))))
    )
    found = dict(behind.order_by("pk").values_list("pk", "newest")[:SWEPT_AT_ONCE])
    _enqueue(SyncTrigger.AUTO, {pk: _occasion(version) for pk, version in found.items()})
    return len(found)


def _occasion(version: int | str) -> str:
    return f"v{version}"


def _ordering(workspace_id: int) -> str:
    return f"cmdb:{workspace_id}"


def _enqueue(trigger: SyncTrigger, occasions: dict[int, str]) -> None:
    """An entry for each workspace; for an occasion that there was, nothing."""
    drafts = [
        draft(
            KIND,
            key=f"{_ordering(workspace_id)}:{occasion}",
            payload={"workspace_id": workspace_id, "trigger": trigger.value},
            destination=DESTINATION,
            ordering=_ordering(workspace_id),
            max_attempts=MAX_ATTEMPTS,
            waits=WAITS,
        )
        for workspace_id, occasion in occasions.items()
    ]
    if drafts:
        enqueue_all(drafts)


def deliver(delivery: Delivery) -> None:
    """Synchronises the workspace of an entry, unless it was deleted meanwhile.

    Raises ``RetryLater`` while another does, ``GiveUp`` where the state cannot be read.
    """
    workspace = Workspace.objects.filter(pk=delivery.payload["workspace_id"]).first()
    if workspace is None:
        return
    try:
        sync_workspace(workspace, SyncTrigger(delivery.payload["trigger"]))
    except SyncBusy as busy:
        raise RetryLater(str(busy), after=busy.seconds + 1) from busy
    except StateError as error:
        raise GiveUp(str(error)) from error
