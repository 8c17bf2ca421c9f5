"""Lists that are longer than anybody counts."""

import pytest
from django.core.paginator import InvalidPage
from django.db import connection
from django.db.models import Count
from django.test import RequestFactory
from django.test.utils import CaptureQueriesContext
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request

from iacplatform.common.pagination import COUNT_CAP, CappedPaginator, PageNumberPagination
from tests.factories import TaskFactory
from workspaces.models import TaskTransition, WorkspaceTask

pytestmark = pytest.mark.django_db


def moves(count: int) -> WorkspaceTask:
    """A task with so many transitions."""
    task = TaskFactory.create()
    TaskTransition.objects.bulk_create(
        TaskTransition(task=task, to_status="running", stage="planning", actor="ada")
        for _ in range(count)
    )
    return task


def test_a_list_up_to_the_cap_is_counted_to_its_end() -> None:
    pages = CappedPaginator(moves(COUNT_CAP).transitions.all(), 100)

    assert (pages.count, pages.is_exact, pages.num_pages) == (COUNT_CAP, True, 100)
    assert len(pages.page(100)) == 100
    with pytest.raises(InvalidPage, match="no results"):
        pages.page(101)


def test_of_a_longer_list_every_row_has_a_page_although_not_all_are_counted() -> None:
    pages = CappedPaginator(moves(COUNT_CAP + 101).transitions.all(), 100)

    assert (pages.count, pages.is_exact, pages.num_pages) == (COUNT_CAP, False, 100)
    assert len(pages.page(100)) == 100
    assert [len(pages.page(number)) for number in (101, 102)] == [100, 1]
    for absent in (103, 10**18, 10**30):
        with pytest.raises(InvalidPage, match="no results"):
            pages.page(absent)


def test_no_row_is_left_out_where_counting_ends_within_a_page() -> None:
    task = moves(COUNT_CAP + 50)
    pages = CappedPaginator(task.transitions.order_by("pk"), 33)
    around = range(COUNT_CAP // 33, COUNT_CAP // 33 + 3)

    shown = [row.pk for number in around for row in pages.page(number)]

    rows = task.transitions.order_by("pk").values_list("pk", flat=True)
    assert shown == list(rows[(around[0] - 1) * 33 :])


def test_a_list_that_is_no_query_is_counted() -> None:
    pages = CappedPaginator([1, 2, 3], 2)

    assert (pages.count, pages.is_exact, list(pages.page(2))) == (3, True, [3])


def test_groups_are_counted_rather_than_rows() -> None:
    task = moves(5)
    groups = task.transitions.values("to_status").annotate(number=Count("pk"))

    assert CappedPaginator(groups.order_by("to_status"), 2).count == 1


def test_counting_asks_for_no_column_and_no_order() -> None:
    with CaptureQueriesContext(connection) as queries:
        assert CappedPaginator(moves(1).transitions.all(), 2).count == 1

    sql = queries[-1]["sql"]
    assert f"LIMIT {COUNT_CAP + 1}" in sql
    assert "ORDER BY" not in sql
    assert "actor" not in sql


@pytest.mark.parametrize("size", ["AAA", "0", "-1", "", "1.5", "٣", "null"])
def test_a_page_size_that_is_no_number_from_1_is_refused(size: str) -> None:
    with pytest.raises(ValidationError, match="Must be a number from 1"):
        PageNumberPagination().get_page_size(
            Request(RequestFactory().get("/", {"page_size": size}))
        )


@pytest.mark.parametrize(("size", "rows"), [("1", 1), ("007", 7), ("101", 100), ("9" * 5000, 100)])
def test_a_page_has_at_most_100_rows(size: str, rows: int) -> None:
    request = Request(RequestFactory().get("/", {"page_size": size}))

    assert PageNumberPagination().get_page_size(request) == rows
