"""What lists are narrowed with, by way of the lists themselves."""

import pytest
from rest_framework.test import APIClient

from iacplatform.accounts.models import User
from tests.api_clients import api, base, client_of, engine, member, workspace
from tests.factories import UserFactory
from tests.runtasks.factories import RunTaskFactory

__all__ = ["api", "base", "client_of", "engine", "member", "workspace"]
pytestmark = pytest.mark.django_db
RUN_TASKS = "/api/v1/run-tasks"


def names(client: APIClient, query: str) -> list[str]:
    answer = client.get(f"{RUN_TASKS}?{query}")
    assert answer.status_code == 200, answer.content
    return [each["name"] for each in answer.json()["items"]]


@pytest.fixture(autouse=True)
def checks() -> None:
    """Two run tasks of the seeded organization."""
    RunTaskFactory.create(name="policy", description="Budget and labels")
    RunTaskFactory.create(name="scan", description="", enabled=False)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("search=POL", ["policy"]),
        ("search=labels", ["policy"]),
        ("search=", ["policy", "scan"]),
        ("search=%25", []),
        ("search=s", ["policy", "scan"]),
        ("enabled=false", ["scan"]),
        ("enabled=true&search=scan", []),
    ],
)
def test_a_list_shows_what_its_filters_let_through(
    api: APIClient, query: str, found: list[str]
) -> None:
    assert names(api, query) == found


@pytest.mark.parametrize("query", ["enabled=1", "enabled=perhaps", f"search={'x' * 201}"])
def test_a_value_that_a_filter_does_not_know_is_refused_by_its_name(
    api: APIClient, query: str
) -> None:
    answer = api.get(f"{RUN_TASKS}?{query}")

    assert answer.status_code == 400
    assert list(answer.json()["fields"]) == [query.partition("=")[0]]


def test_what_is_looked_up_by_its_id_is_found_whatever_the_filters_say(
    api: APIClient, member: User
) -> None:
    [shown] = api.get(f"{RUN_TASKS}?search=policy").json()["items"]
    one = f"{RUN_TASKS}/{shown['run_task_id']}?enabled=false&search=scan"
    root = UserFactory.create(superuser=True)
    someone = APIClient()
    someone.force_authenticate(root)

    assert api.get(one).status_code == 200
    assert someone.get(f"/api/v1/users/{member.pk}?is_superuser=true").status_code == 200
