"""Nobody waits twice in a row for a service that does not answer."""

import threading
import time

import pytest
import redis

from iacplatform.common import outage as outage_module
from iacplatform.common.outage import Outage, Spared


@pytest.fixture
def outage() -> Outage:
    return Outage()


def fail(outage: Outage, error: type[Exception] = redis.TimeoutError, after: float = 0.0) -> None:
    def wait_in_vain() -> None:
        time.sleep(after)
        raise error

    with pytest.raises(error), outage.watched():
        wait_in_vain()


def is_spared(outage: Outage) -> bool:
    try:
        with outage.watched():
            return False
    except Spared:
        return True


@pytest.mark.parametrize(
    "error", [redis.TimeoutError, redis.ConnectionError, ConnectionRefusedError]
)
def test_after_a_failure_the_service_is_not_asked(outage: Outage, error: type[Exception]) -> None:
    fail(outage, error)

    assert is_spared(outage)


def test_an_answer_that_is_an_error_is_an_answer(outage: Outage) -> None:
    fail(outage, redis.ResponseError)

    assert not is_spared(outage)


def test_it_is_spared_for_the_longer_the_longer_it_was_waited_for(
    outage: Outage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outage_module, "LEAST_SECONDS", 0.05)
    fail(outage, after=0.1)
    time.sleep(0.2)
    assert is_spared(outage)
    time.sleep(0.3)
    assert not is_spared(outage)

    fail(outage)
    time.sleep(0.1)
    assert not is_spared(outage)


def test_of_many_one_tries_it_again_and_the_others_do_not_wait(
    outage: Outage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outage_module, "LEAST_SECONDS", 0.05)
    fail(outage)
    time.sleep(0.1)
    answers = threading.Event()

    def wait_for_it() -> None:
        with outage.watched():
            answers.wait(10)

    trying = threading.Thread(target=wait_for_it)
    trying.start()
    time.sleep(0.1)
    assert all(is_spared(outage) for _ in range(10))

    answers.set()
    trying.join()
    assert not is_spared(outage)
