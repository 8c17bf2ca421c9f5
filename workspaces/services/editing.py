"""Changing what a workspace's tasks are planned from."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import transaction

from workspaces.exceptions import WorkspaceLocked
from workspaces.models import Workspace


@contextmanager
def editing(workspace: Workspace) -> Iterator[Workspace]:
    """Opens a transaction that holds the workspace's row, and yields the row as it is now.

    One change follows the other, and none overtakes a lock or a snapshot. Raises
    :class:`WorkspaceLocked`.
    """
    with transaction.atomic():
        current = Workspace.objects.select_for_update(of=("self",)).get(pk=workspace.pk)
        if current.is_locked:
            raise WorkspaceLocked(current)
        yield current
