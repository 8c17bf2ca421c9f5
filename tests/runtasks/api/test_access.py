"""Who sees what: every address of the app, found in the URL configuration itself."""

import re
from collections.abc import Callable, Iterator

from rest_framework.test import APIClient

from iacplatform.accounts.models import User
from runtasks.api.urls import urlpatterns
from tests.factories import OrganizationFactory, UserFactory
from tests.runtasks.factories import result_of, waiting_task

METHODS = ("get", "post", "put", "patch", "delete")
FOR_SERVICES = ("callback", "plan-json", "json-output", "resource-changes")


def addresses() -> Iterator[tuple[str, str]]:
    """Every method and address that users reach, with the ids of what is there."""
    task = waiting_task()
    result = result_of(task)
    assert result.run_task is not None
    assert result.workspace_run_task is not None
    ids = {
        "workspace_id": task.workspace.workspace_id,
        "task_id": str(task.pk),
        "run_task_id": result.run_task.run_task_id,
        "workspace_run_task_id": result.workspace_run_task.workspace_run_task_id,
        "result_id": result.result_id,
    }
    for pattern in urlpatterns:
        route = str(pattern.pattern)
        if route.endswith(FOR_SERVICES):
            continue
        address = re.sub(r"<\w+:(\w+)>", lambda found: ids[found[1]], route)
        for method in METHODS:
            if method in getattr(pattern.callback, "actions", {}):
                yield method, f"/api/v1/{address}"


def status(client: APIClient, method: str, address: str) -> int:
    return int(getattr(client, method)(address).status_code)


def test_nobody_gets_anything_without_a_token(db: None) -> None:
    found = list(addresses())
    assert len(found) > 15
    assert {each: status(APIClient(), *each) for each in found} == dict.fromkeys(found, 401)


def test_strangers_find_nothing_but_the_collection_of_their_own(
    client_of: Callable[[User], APIClient], db: None
) -> None:
    """F3, F46: not even that it exists."""
    elsewhere = OrganizationFactory.create(name="elsewhere")
    stranger = client_of(UserFactory.create(organizations=[elsewhere], staff=True))
    theirs = [
        each for each in addresses() if not each[1].endswith(("/v1/run-tasks", "run-tasks/test"))
    ]
    assert {each: status(stranger, *each) for each in theirs} == dict.fromkeys(theirs, 404)
