"""Transactions that outlive an outage of PostgreSQL."""

import pytest
from django.db import DataError, InterfaceError, OperationalError

from executor.retry import retry_transaction


@pytest.mark.parametrize("error", [OperationalError, InterfaceError])
@pytest.mark.django_db
def test_an_outage_is_waited_for(error: type[Exception]) -> None:
    outcomes: list[Exception | str] = [error("gone"), error("still gone"), "done"]

    def act() -> str:
        outcome = outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    assert retry_transaction(act, seconds=10) == "done"


@pytest.mark.django_db
def test_an_outage_that_does_not_end_is_an_error() -> None:
    def act() -> None:
        raise OperationalError("gone")

    with pytest.raises(OperationalError):
        retry_transaction(act, seconds=0.1)


@pytest.mark.django_db
def test_an_error_of_ours_is_not_tried_again() -> None:
    tries: list[int] = []

    def act() -> None:
        tries.append(1)
        raise DataError("does not fit")

    with pytest.raises(DataError):
        retry_transaction(act, seconds=10)
    assert tries == [1]
