"""Who sees what: every address of the app, found in the URL configuration itself."""

import re
from collections.abc import Callable, Iterator

from rest_framework.test import APIClient

from iacplatform.accounts.models import User
from tests.domain import a_task
from tests.factories import OrganizationFactory, UserFactory
from tests.triggers.factories import chain, only_execution
from triggers.api.urls import urlpatterns

METHODS = ("get", "post", "put", "patch", "delete")


def addresses() -> Iterator[tuple[str, str]]:
    """Every method and address, with the ids of what is there."""
    network, _ = chain("network", "shop")
    task = a_task(network)
    execution = only_execution()
    assert execution.run_trigger is not None
    ids = {
        "workspace_id": network.workspace_id,
        "task_id": str(task.pk),
        "run_trigger_id": execution.run_trigger.run_trigger_id,
        "execution_id": execution.execution_id,
    }
    for pattern in urlpatterns:
        address = re.sub(r"<\w+:(\w+)>", lambda found: ids[found[1]], str(pattern.pattern))
        for method in METHODS:
            if method in getattr(pattern.callback, "actions", {}):
                yield method, f"/api/v1/{address}"


def status(client: APIClient, method: str, address: str) -> int:
    return int(getattr(client, method)(address).status_code)


def test_nobody_gets_anything_without_a_token(db: None) -> None:
    found = list(addresses())
    assert len(found) > 10
    assert {each: status(APIClient(), *each) for each in found} == dict.fromkeys(found, 401)


def test_strangers_find_nothing(client_of: Callable[[User], APIClient], db: None) -> None:
    """F3: not even that it exists."""
    elsewhere = OrganizationFactory.create(name="elsewhere")
    stranger = client_of(UserFactory.create(organizations=[elsewhere], staff=True))
    found = list(addresses())
    assert {each: status(stranger, *each) for each in found} == dict.fromkeys(found, 404)
