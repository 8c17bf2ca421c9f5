"""Threads that go on."""

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
