"""Requests while Redis takes connections and answers nothing: no person waits for it."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pytest_django import Settings
from rest_framework.test import APIClient

from tests.frozen_redis import frozen, own_redis
from workspaces.models import WorkspaceTask

pytestmark = pytest.mark.django_db(transaction=True)
# One time-out of Redis (1 s) and one of the broker (1 s), for the first who meets it, on a busy machine.
FIRST_SECONDS = 3.5
REST_SECONDS = 1.0


def timed(act: Callable[[], Any]) -> tuple[int, float]:
    """The status of the answer, and in how many seconds it came."""
    started = time.monotonic()
    status: int = act().status_code
    return status, time.monotonic() - started


def test_whatever_is_asked_is_answered_soon(
    api: APIClient, base: str, tmp_path: Path, settings: Settings
) -> None:
    """Durable-celery §3, #5."""
    with own_redis(tmp_path, settings) as server:
        api.post(f"{base}/tasks", {})
        with frozen(server):
            status, first = timed(lambda: api.post(f"{base}/tasks", {}))
            answers = [timed(lambda: api.post(f"{base}/tasks", {})) for _ in range(3)]
            task = WorkspaceTask.objects.latest("pk")
            cancel = f"{base}/tasks/{task.pk}/cancel"
            answers.append(timed(lambda: api.post(cancel, {"reason": "not now"})))

    assert [status, *(each for each, _ in answers)] == [201, 201, 201, 201, 200]
    assert first < FIRST_SECONDS
    assert max(seconds for _, seconds in answers) < REST_SECONDS
    assert WorkspaceTask.objects.get(pk=task.pk).status == "cancelled"
    assert set(WorkspaceTask.objects.exclude(pk=task.pk).values_list("status", flat=True)) == {
        "running"
    }
