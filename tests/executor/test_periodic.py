"""Threads that go on."""

from queue import SimpleQueue
from threading import Event

from executor.periodic import Periodic


def test_an_error_does_not_end_the_thread() -> None:
    tries: list[int] = []
    enough = Event()

    def act() -> None:
        tries.append(1)
        if len(tries) == 3:
            enough.set()
        raise ValueError("an unsafe folder name")

    thread = Periodic("test", act, 0.01)
    thread.start()

    assert enough.wait(10)
    thread.stop()
    thread.join(10)
    assert not thread.is_alive()


def test_a_thread_that_is_woken_does_not_wait_for_its_time() -> None:
    acted: SimpleQueue[int] = SimpleQueue()
    thread = Periodic("test", lambda: acted.put(1), 60)
    thread.start()
    assert acted.get(timeout=10)

    thread.wake()

    assert acted.get(timeout=10)
    thread.stop()
    thread.join(10)
    assert not thread.is_alive()
