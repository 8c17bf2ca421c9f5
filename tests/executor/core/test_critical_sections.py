"""Critical sections: counted by task, always left."""

import pytest

from executor.core.critical_sections import CriticalSections


def test_a_section_is_left_when_its_block_raises() -> None:
    """C1: the next task can enter."""
    sections = CriticalSections()
    with pytest.raises(ZeroDivisionError), sections.enter(1, "applying"):
        raise ZeroDivisionError
    assert sections.inside(1) == ()
    with sections.enter(2, "applying"):
        assert sections.inside(2) == ("applying",)


def test_one_task_that_leaves_does_not_end_the_section_of_another() -> None:
    """F8."""
    sections = CriticalSections()
    with sections.enter(1, "applying"):
        with sections.enter(2, "saving_plan"):
            pass
        assert (sections.inside(1), sections.inside(2)) == (("applying",), ())


def test_a_section_that_is_entered_twice_is_left_twice() -> None:
    sections = CriticalSections()
    with sections.enter(1, "saving_state"):
        with sections.enter(1, "saving_state"), sections.enter(1, "applying"):
            assert sections.inside(1) == ("applying", "saving_state")
        assert sections.inside(1) == ("saving_state",)
    assert sections.inside(1) == ()
