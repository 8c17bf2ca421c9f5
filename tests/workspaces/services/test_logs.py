"""Reading stored logs page by page."""

import asyncio

import pytest

from tests.task_logs import a_running_task, store
from workspaces.models import WorkspaceTask
from workspaces.services.logs import PAGE_BYTES, StoredLine, read_lines, rendered_log
from workspaces.task_status import Phase


def texts(lines: list[StoredLine]) -> list[str]:
    """The lines' texts."""
    return [line.text for line in lines]


def rendered(task: WorkspaceTask) -> list[str]:
    """The whole log as chunks of text."""

    async def read() -> list[str]:
        chunks = rendered_log(task.pk, lambda lines: "".join(f"{each}\n" for each in texts(lines)))
        return [chunk async for chunk in chunks]

    return asyncio.run(read())


@pytest.mark.django_db
def test_lines_are_read_from_any_line_on() -> None:
    task = a_running_task()
    store(task, 1, ["one", "two", "three"], kinds={"2": "error"})
    store(task, 4, ["four"])

    assert texts(read_lines(task.pk)) == ["one", "two", "three", "four"]
    assert texts(read_lines(task.pk, after=1)) == ["two", "three", "four"]
    assert texts(read_lines(task.pk, after=3)) == ["four"]
    assert read_lines(task.pk, after=4) == []
    assert read_lines(task.pk, after=10**15) == []
    assert [(line.number, line.kind) for line in read_lines(task.pk, after=1)] == [
        (2, "error"),
        (3, "output"),
        (4, "output"),
    ]


@pytest.mark.django_db
def test_a_phase_is_read_by_itself_with_the_numbers_of_the_whole_log() -> None:
    task = a_running_task()
    store(task, 1, ["planning"], phase=Phase.PLAN)
    store(task, 2, ["applying", "applied"], phase=Phase.APPLY)

    assert texts(read_lines(task.pk, phase=Phase.PLAN)) == ["planning"]
    assert [line.number for line in read_lines(task.pk, phase=Phase.APPLY)] == [2, 3]


@pytest.mark.django_db
def test_a_line_with_odd_characters_is_still_one_line() -> None:
    task = a_running_task()
    odd = ["", "a\rb", "a\u2028b\x0bc\x85d", "\x1b[31mred\x1b[0m", ""]
    store(task, 1, odd)

    assert texts(read_lines(task.pk)) == odd


@pytest.mark.django_db
def test_a_page_has_about_a_megabyte_but_never_a_part_of_a_row() -> None:
    task = a_running_task()
    for first, size in ((1, PAGE_BYTES // 2), (2, PAGE_BYTES // 4), (3, 5 * PAGE_BYTES), (4, 1)):
        store(task, first, ["x" * size])

    pages = [[line.number for line in read_lines(task.pk, after=after)] for after in (0, 2, 3)]

    assert pages == [[1, 2], [3], [4]]


@pytest.mark.django_db(transaction=True)
def test_a_million_lines_are_never_in_memory_at_once() -> None:
    task = a_running_task()
    for begin in range(1, 1_000_001, 5000):
        store(task, begin, [f"line {number}" for number in range(begin, begin + 5000)])

    chunks = rendered(task)

    assert max(len(chunk) for chunk in chunks) <= PAGE_BYTES
    assert "".join(chunks).splitlines() == [f"line {number}" for number in range(1, 1_000_001)]
