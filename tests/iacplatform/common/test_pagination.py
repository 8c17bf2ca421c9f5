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


def test_of_a_longer_list_only_the_beginning_has_pages() -> None:
    pages = CappedPaginator(moves(COUNT_CAP + 1).transitions.all(), 100)

    assert (pages.count, pages.is_exact, pages.num_pages) == (COUNT_CAP, False, 100)
    assert len(pages.page(100)) == 100
    with pytest.raises(InvalidPage, match="Only the first 10,000"):
        pages.page(101)


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
