"""Changing what a workspace's tasks are planned from."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.core.exceptions import ObjectDoesNotExist
from django.db import models, transaction

from iacplatform.common.errors import NotFound
from workspaces.exceptions import WorkspaceLocked
from workspaces.models import Workspace


@contextmanager
def editing(workspace: Workspace) -> Iterator[Workspace]:
    """Opens a transaction that holds the workspace's row, and yields the row as it is now.

    One change follows the other, and none overtakes a lock or a snapshot. Raises
    :class:`WorkspaceLocked`, or :class:`NotFound` for a workspace that was deleted meanwhile.
    """
    with transaction.atomic():
        rows = Workspace.objects.select_for_update(of=("self",), no_key=True)
        current = rows.filter(pk=workspace.pk).first()
        if current is None:
            raise NotFound("The workspace was deleted")
        if current.is_locked:
            raise WorkspaceLocked(current)
        yield current


def read_again(row: models.Model) -> None:
    """Reads a part of the workspace anew, once :func:`editing` holds it; a new one is left alone.

    Raises :class:`NotFound` where it was deleted meanwhile.
    """
    if row.pk is None:
        return
    try:
        row.refresh_from_db()
    except ObjectDoesNotExist as error:
        raise NotFound("It was deleted") from error
