"""Figures of the start page: how many rows of a kind there are, since when, and the list of exactly those."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.module_loading import import_string
from django.utils.safestring import SafeString

from iacplatform.common.presentation import Tone, admin_link, age

# Nobody acts otherwise on 50,000 than on 1,000, and so no count is dear.
MOST_COUNTED = 1000


@dataclass(frozen=True)
class Figure:
    """What is counted: ``rows``, which the list of their model shows for ``lookups``.

    ``since`` is the field that says since when a row is so; ``tone`` the colour where there are any.
    """

    label: str
    rows: QuerySet[Any]
    lookups: Mapping[str, Any]
    since: str
    tone: Tone = "idle"
    first: str = "oldest"


@dataclass(frozen=True)
class Section:
    """Figures that are read together; sections of the same title become one."""

    title: str
    figures: Sequence[Figure]


@dataclass(frozen=True)
class Counted:
    """A figure as it is shown; ``oldest`` is empty where there are no rows."""

    label: str
    count: str
    url: str
    tone: str
    oldest: SafeString | str = ""


@dataclass(frozen=True)
class CountedSection:
    """A section as it is shown."""

    title: str
    figures: list[Counted]


def counted_sections(request: HttpRequest) -> list[CountedSection]:
    """The sections of ``START_PAGE_SECTIONS``, with the figures of what the user may look at.

    One query a figure, however many rows there are.
    """
    sections: list[Section] = [import_string(path)() for path in settings.START_PAGE_SECTIONS]
    shown: dict[str, list[Counted]] = {}
    for section in sections:
        counted = [count(each) for each in section.figures if _may_see(request, each)]
        shown.setdefault(section.title, []).extend(counted)
    return [CountedSection(title, figures) for title, figures in shown.items() if figures]


def count(figure: Figure) -> Counted:
    """Counts to :data:`MOST_COUNTED`, and finds the row that is so for longest."""
    rows = figure.rows.order_by(figure.since, "pk").values_list("pk", figure.since)
    found = list(rows[: MOST_COUNTED + 1])
    return Counted(
        label=figure.label,
        count=f"{MOST_COUNTED:,}+" if len(found) > MOST_COUNTED else f"{len(found):,}",
        url=_list_of(figure),
        tone=figure.tone if found else "none",
        oldest=_oldest(figure, *found[0]) if found else "",
    )


def _may_see(request: HttpRequest, figure: Figure) -> bool:
    return admin.site.get_model_admin(figure.rows.model).has_view_permission(request)


def _list_of(figure: Figure) -> str:
    options = figure.rows.model._meta
    name = f"admin:{options.app_label}_{options.model_name}_changelist"
    return reverse(name, query=dict(figure.lookups))


def _oldest(figure: Figure, pk: Any, since: datetime | None) -> SafeString | str:
    if since is None:
        return ""
    return format_html("{} {}", figure.first, admin_link(figure.rows.model, pk, age(since)))
