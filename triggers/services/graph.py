"""The graph of an organization's run triggers: what an apply reaches, and what reaches it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

from django.db import connection

from iacplatform.common.errors import InvalidInput
from iacplatform.common.locks import exclusive
from workspaces.models import Workspace

Direction = Literal["downstream", "upstream"]
# Breadth first, level by level; UNION leaves out what was reached before. Disabled triggers count:
# nobody asks when one is enabled again.
REACHED = """
WITH RECURSIVE reached (id) AS (
    SELECT {there}_id FROM triggers_runtrigger WHERE {here}_id = %s
    UNION
    SELECT trigger.{there}_id FROM reached
      JOIN triggers_runtrigger AS trigger ON trigger.{here}_id = reached.id)
SELECT id FROM reached
"""
STATEMENTS: dict[Direction, str] = {
    "downstream": REACHED.format(here="source", there="target"),
    "upstream": REACHED.format(here="target", there="source"),
}
CYCLE = "creating this trigger would create a circular dependency"


@contextmanager
def changing_the_graph(workspace: Workspace) -> Iterator[None]:
    """Opens a transaction in which nobody else adds an edge to the organization's graph."""
    with exclusive(f"triggers.graph.{workspace.organization_id}"):
        yield


def reached_from(workspace: Workspace, direction: Direction) -> set[int]:
    """Ids of the workspaces that a chain of triggers leads to (or, ``upstream``, comes from)."""
    with connection.cursor() as cursor:
        cursor.execute(STATEMENTS[direction], [workspace.pk])
        return {pk for (pk,) in cursor.fetchall()}


def check_no_cycle(source: Workspace, target: Workspace, *, field: str) -> None:
    """Raises ``InvalidInput`` of ``field`` where an edge from source to target closes a cycle."""
    if source.pk in reached_from(target, "downstream"):
        raise InvalidInput(field, CYCLE)
