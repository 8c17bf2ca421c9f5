"""One search box: whatever an operator has in hand leads to the page of what it names."""

import re
from collections.abc import Callable, Iterator
from itertools import chain
from typing import Any

from django.apps import apps
from django.contrib import admin, messages
from django.db.models import CharField, Model, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from executor.models import WorkerHost
from workspaces.models import StateVersion, Workspace, WorkspaceTask

Rows = QuerySet[Any]
LONGEST = 200
# What a PostgreSQL bigint holds.
DIGITS = r"(\d{1,18})"


def find(request: HttpRequest) -> HttpResponse:
    """``/admin/find?q=``: leads to the page of what ``q`` names, or to the workspaces that it is a part of."""
    wanted = request.GET.get("q", "").replace("\0", "").strip()[:LONGEST]
    for rows in _candidates(wanted):
        found = rows.first() if _may_see(request, rows.model) else None
        if found is not None:
            return HttpResponseRedirect(_page(found))
    return _among_workspaces(request, wanted)


def _candidates(wanted: str) -> Iterator[Rows]:
    """What it may name, the likeliest first; each is asked for only if those before are not there."""
    for pattern, rows_of in PATTERNS:
        match = pattern.fullmatch(wanted)
        if match:
            yield rows_of(*match.groups())
    yield from _by_semantic_id(wanted)
    yield Workspace.objects.filter(name=wanted).order_by("pk")
    yield WorkerHost.objects.filter(name=wanted)


def _by_semantic_id(wanted: str) -> Iterator[Rows]:
    """Every registered model that has ids such as ``rtr-4fz0…``: it need not be named here."""
    prefix, dash, _ = wanted.partition("-")
    fields = chain.from_iterable(model._meta.concrete_fields for model in apps.get_models())
    for field in fields:
        if dash and _makes_ids(field, prefix) and admin.site.is_registered(field.model):
            rows: Rows = QuerySet(field.model)
            yield rows.filter(**{field.name: wanted}).order_by("-pk")


def _makes_ids(field: Any, prefix: str) -> bool:
    if not isinstance(field, CharField) or not callable(field.default):
        return False
    return str(field.get_default()).startswith(f"{prefix}-")


def _task(number: str) -> Rows:
    return WorkspaceTask.objects.filter(pk=number)


def _task_of_stage(number: str) -> Rows:
    return WorkspaceTask.objects.filter(stages__pk=number)


def _state(workspace_id: str, version: str) -> Rows:
    return StateVersion.objects.without_content().filter(
        workspace__workspace_id=workspace_id, version=version
    )


PATTERNS: list[tuple[re.Pattern[str], Callable[..., Rows]]] = [
    (re.compile(rf"(?:task\s*)?#?\s*{DIGITS}", re.IGNORECASE), _task),
    (re.compile(rf"stage\s*#?\s*{DIGITS}", re.IGNORECASE), _task_of_stage),
    (re.compile(r"(ws-[a-z0-9]+)\s+(?:state|version|v)\s*(\d{1,9})", re.IGNORECASE), _state),
    # An address, as mails and webhooks have it.
    (re.compile(rf".*/tasks/{DIGITS}(?:[/?#].*)?"), _task),
]


def _may_see(request: HttpRequest, model: type[Model]) -> bool:
    return admin.site.get_model_admin(model).has_view_permission(request)


def _page(found: Model) -> str:
    options = found._meta
    return reverse(f"admin:{options.app_label}_{options.model_name}_change", args=[found.pk])


def _among_workspaces(request: HttpRequest, wanted: str) -> HttpResponse:
    if wanted and _may_see(request, Workspace):
        listed = reverse("admin:workspaces_workspace_changelist", query={"q": wanted})
        messages.warning(request, f"Nothing has exactly this id or name: {wanted}")
        return HttpResponseRedirect(listed)
    messages.warning(request, f"Nothing was found: {wanted}")
    return HttpResponseRedirect(reverse("admin:index"))
