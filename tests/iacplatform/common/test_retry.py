"""Transactions that outlive an outage of PostgreSQL."""

import psycopg
import pytest
from django.db import DataError, InterfaceError, OperationalError, connection

from iacplatform.common.retry import retry_transaction


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


def refused(sqlstate: str) -> OperationalError:
    """What Django raises for an error that PostgreSQL has reported."""
    error = OperationalError("refused")
    error.__cause__ = psycopg.errors.lookup(sqlstate)("refused")
    return error


@pytest.mark.parametrize("sqlstate", ["53100", "53300", "57P01", "40P01", "55P03", "08006"])
@pytest.mark.django_db
def test_what_postgresql_cannot_do_now_is_tried_again(sqlstate: str) -> None:
    """Durable-celery §3, #23: a full disk, too many connections, a shutdown, a deadlock."""
    outcomes: list[Exception] = [refused(sqlstate)]

    def act() -> str:
        if outcomes:
            raise outcomes.pop()
        return "done"

    assert retry_transaction(act, seconds=10) == "done"


@pytest.mark.parametrize("sqlstate", ["54000", "57014"])
@pytest.mark.django_db
def test_what_postgresql_will_never_do_is_not_tried_again(sqlstate: str) -> None:
    """A value that is too large, a statement's own time limit: without this an apply closes for ever."""
    tries: list[int] = []

    def act() -> None:
        tries.append(1)
        raise refused(sqlstate)

    with pytest.raises(OperationalError):
        retry_transaction(act, seconds=10)
    assert tries == [1]


@pytest.mark.django_db
def test_postgresql_gives_up_a_client_that_stands_still_in_a_transaction() -> None:
    """It keeps rows locked, and the reconciler passes over locked rows."""
    with connection.cursor() as cursor:
        cursor.execute("SHOW idle_in_transaction_session_timeout")
        assert cursor.fetchone() == ("1min",)
