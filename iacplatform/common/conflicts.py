"""Unique constraints answer before any check could: the loser of a race is told what is taken."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import IntegrityError, transaction

from iacplatform.common.errors import Conflict


@contextmanager
def taken(constraint: str, field: str, message: str) -> Iterator[None]:
    """Runs the block in a savepoint; a violation of ``constraint`` becomes a :class:`Conflict`."""
    try:
        with transaction.atomic():
            yield
    except IntegrityError as error:
        if violated(error) != constraint:
            raise
        raise Conflict(message, fields={field: message}) from error


def violated(error: IntegrityError) -> str | None:
    """The name of the constraint that PostgreSQL found violated."""
    name: str | None = getattr(getattr(error.__cause__, "diag", None), "constraint_name", None)
    return name
