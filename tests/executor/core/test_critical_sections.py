"""Critical sections: counted by task, always left, waited for without a busy loop."""

import threading
import time

import pytest

from executor.core.critical_sections import CriticalSections


def test_a_section_is_left_when_its_block_raises() -> None:
    """C1: a later shutdown does not wait for it, and the next task can enter."""
    sections = CriticalSections()
    with pytest.raises(ZeroDivisionError), sections.enter(1, "applying"):
        raise ZeroDivisionError
    assert sections.inside(1) == ()
    assert sections.wait_until_left(0)
    with sections.enter(2, "applying"):
        assert sections.inside(2) == ("applying",)


def test_one_task_that_leaves_does_not_end_the_section_of_another() -> None:
    """F8."""
    sections = CriticalSections()
    with sections.enter(1, "applying"):
        with sections.enter(2, "saving_plan"):
            pass
        assert (sections.inside(1), sections.inside(2)) == (("applying",), ())
        assert not sections.wait_until_left(0.01)


def test_a_section_that_is_entered_twice_is_left_twice() -> None:
    sections = CriticalSections()
    with sections.enter(1, "saving_state"):
        with sections.enter(1, "saving_state"), sections.enter(1, "applying"):
            assert sections.inside(1) == ("applying", "saving_state")
        assert sections.inside(1) == ("saving_state",)
    assert sections.inside(1) == ()


def test_a_wait_ends_with_the_last_section_and_costs_no_time_of_the_processor() -> None:
    """F8: no busy loop."""
    sections = CriticalSections()
    entered = threading.Event()

    def stay() -> None:
        with sections.enter(1, "applying"):
            entered.set()
            time.sleep(0.5)

    threading.Thread(target=stay).start()
    entered.wait()
    started, used = time.monotonic(), time.thread_time()
    assert sections.wait_until_left(30)
    assert time.monotonic() - started < 5
    assert time.thread_time() - used < 0.1
