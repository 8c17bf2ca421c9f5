"""Every list takes a fixed number of queries, which is in ``query_counts.json``.

``REWRITE_QUERY_COUNTS=1 .venv/bin/python -m pytest tests/iacplatform/api/test_query_counts.py`` writes the file.
"""

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import get_resolver
from rest_framework.test import APIClient

from iacplatform.accounts.models import User
from tests.docs.test_completeness import walk
from tests.factories import TaskFactory, UserFactory
from tests.iacplatform.api.lists import ADMINISTRATORS, NOT_LISTS, QUERIES, ROWS, Scene
from workspaces.models import Workspace

FILE = Path(__file__).with_name("query_counts.json")
REWRITE = os.environ.get("REWRITE_QUERY_COUNTS") == "1"
FEW, MANY = 3, 30


def lists() -> Iterator[str]:
    """Paths of the API that answer a GET and lead to no single thing."""
    for path, callback in walk(get_resolver().url_patterns):
        actions = getattr(callback, "actions", None)
        view = getattr(callback, "cls", None)
        action = actions.get("get") if actions else hasattr(view, "get") and "get"
        single = path.endswith("}") or action == "retrieve" or path in NOT_LISTS
        if path.startswith("/api/v1/") and action and not single:
            yield path


def committed() -> dict[str, int]:
    """Operation → number of queries."""
    counts: dict[str, int] = json.loads(FILE.read_text()) if FILE.exists() else {}
    return counts


def write(counts: dict[str, int]) -> None:
    FILE.write_text(json.dumps(dict(sorted(counts.items())), indent=2) + "\n")


@pytest.fixture
def scene(member: User, workspace: Workspace) -> Scene:
    """A member, a workspace that they see, and a task of it."""
    return Scene(member, workspace, TaskFactory.create(workspace=workspace, plan_and_apply=True))


def test_every_list_has_a_row_that_fills_it_and_no_row_is_stale() -> None:
    assert sorted(ROWS) == sorted(lists())
    assert set(QUERIES) | ADMINISTRATORS <= set(ROWS)


def test_what_is_no_list_is_there() -> None:
    paths = {path for path, _ in walk(get_resolver().url_patterns)}
    assert paths >= NOT_LISTS


def test_the_file_has_every_list_and_no_other() -> None:
    operations = {f"GET {path}" for path in lists()}
    if REWRITE:
        write({name: count for name, count in committed().items() if name in operations})
    assert set(committed()) == operations or REWRITE


@pytest.mark.parametrize("path", sorted(ROWS))
def test_a_list_of_30_takes_as_many_queries_as_one_of_3(
    path: str, scene: Scene, client_of: Callable[[User], APIClient]
) -> None:
    if path in ADMINISTRATORS:
        scene.member = UserFactory.create(superuser=True)
    client = client_of(scene.member)
    few, rows = asked(client, path, scene, FEW)
    many, more_rows = asked(client, path, scene, MANY - FEW)

    assert more_rows - rows == MANY - FEW
    assert many == few
    if REWRITE:
        write(committed() | {f"GET {path}": many})
    assert committed()[f"GET {path}"] == many


def asked(client: APIClient, path: str, scene: Scene, count: int) -> tuple[int, int]:
    """Adds rows and asks: the number of queries, and of rows in the answer."""
    names = ROWS[path](scene, count) or {}
    named = {"workspace_id": scene.workspace.workspace_id, "task_id": scene.task.pk, **names}
    url = f"{path.format(**named)}?page_size=100&limit=50&{QUERIES.get(path, '')}"
    client.get(url)  # notes that the token is used, and loads what the process remembers
    with CaptureQueriesContext(connection) as queries:
        response = client.get(url)
    assert response.status_code == 200, response.content
    return len(queries), length(response.json())


def length(body: Any) -> int:
    """The number of rows in an answer: the longest list in it."""
    if isinstance(body, list):
        return len(body)
    if not isinstance(body, dict):
        return 0
    return max(len(each) if isinstance(each, list) else length(each) for each in body.values())
