"""Finding a text in large tables."""

import pytest

from iacplatform.common.pagination import CappedPaginator
from iacplatform.common.searching import FEW, holds, narrowed
from tests.factories import OrganizationFactory, WorkspaceFactory
from workspaces.models import Workspace

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("shop", ["eu-shop", "Shop_eu"]),
        ("HOP", ["eu-shop", "Shop_eu"]),
        ("eu", ["eu-shop", "Shop_eu"]),
        ("s", ["eu-shop", "Shop_eu"]),
        ("ho", []),
        ("%", []),
        ("_e", []),
        ("100%", ["100%"]),
    ],
)
def test_a_text_is_found_anywhere_and_a_short_one_where_a_word_begins(
    text: str, found: list[str]
) -> None:
    for name in ("eu-shop", "Shop_eu", "100%", "queue"):
        WorkspaceFactory.create(name=name)

    rows = Workspace.objects.filter(holds(text, "name")).order_by("pk")
    assert [row.name for row in rows] == found


def test_the_rows_are_the_same_whether_they_are_few_or_many() -> None:
    organization = OrganizationFactory.create()
    rows = Workspace.objects.filter(organization=organization)
    Workspace.objects.bulk_create(
        Workspace(organization=organization, name=f"shop-{number}") for number in range(FEW)
    )
    WorkspaceFactory.create(name="other")
    few = narrowed(rows, holds("shop", "name"))
    assert (few.count(), CappedPaginator(few, 10).count) == (FEW, FEW)

    WorkspaceFactory.create(name="shop-of-many")
    many = narrowed(rows, holds("shop", "name"))
    assert (many.count(), CappedPaginator(many, 10).count) == (FEW + 1, FEW + 1)
