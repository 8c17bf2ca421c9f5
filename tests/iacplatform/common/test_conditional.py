"""ETag, If-Match and If-None-Match, on real addresses of the API."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Event, Thread
from typing import Any

import pytest
from django.db import connection, transaction
from django.urls import URLPattern, URLResolver, get_resolver
from rest_framework.test import APIClient

from iacplatform.accounts.models import User
from iacplatform.common.conditional import is_conditional
from tests.api_clients import api, base, client_of, engine, member, workspace
from tests.factories import EngineVersionFactory, UserFactory, WorkspaceFactory
from tests.workspaces.cmdb.api.test_external_sources import NEW as SOURCE
from workspaces.models import Workspace

__all__ = ["api", "base", "client_of", "engine", "member", "workspace"]
pytestmark = pytest.mark.django_db
RULE = {"address_pattern": "null_resource.*", "reason": "Noise"}

RESOURCE = {
    "resource_type": "aws_vpc",
    "resource_name": "main",
    "tf_code": {"module": {"aws_vpc_main": {"source": "./vpc"}}},
}
OTHER_CODE = {"module": {"aws_vpc_main": {"source": "./vpc2"}}}
OUTPUT = {
    "resource_name": "aws_vpc.main",
    "output_name": "a",
    "output_value": "${module.aws_vpc_main.a}",
}


def test_what_is_read_is_sent_once_to_who_has_it(api: APIClient, base: str) -> None:
    first = api.get(base)
    again = api.get(base, headers={"If-None-Match": first.headers["ETag"]})
    weakly = api.get(base, headers={"If-None-Match": f'"other", W/{first.headers["ETag"]}'})

    assert (again.status_code, weakly.status_code) == (304, 304)
    assert again.content == b""
    assert again.headers["ETag"] == first.headers["ETag"]
    assert first.headers["Cache-Control"] == "private, no-cache"


def test_after_a_change_it_is_sent_again(api: APIClient, base: str) -> None:
    tag = api.get(base).headers["ETag"]
    changed = api.patch(base, {"description": "Sells things"})
    answer = api.get(base, headers={"If-None-Match": tag})

    assert answer.status_code == 200
    assert answer.headers["ETag"] == changed.headers["ETag"] != tag


def test_a_change_of_what_was_seen_goes_through_and_of_anything_else_does_not(
    api: APIClient, base: str, workspace: Workspace
) -> None:
    tag = api.get(base).headers["ETag"]
    mine = api.patch(base, {"description": "mine"}, headers={"If-Match": tag})
    late = api.patch(base, {"description": "late"}, headers={"If-Match": tag})
    put = api.put(base, {"name": "shop"}, headers={"If-Match": tag})
    gone = api.delete(base, headers={"If-Match": tag})

    assert mine.status_code == 200
    assert [answer.status_code for answer in (late, put, gone)] == [412, 412, 412]
    assert late.json()["code"] == "precondition_failed"
    workspace.refresh_from_db()
    assert workspace.description == "mine"
    assert api.delete(base, headers={"If-Match": mine.headers["ETag"]}).status_code == 204


@pytest.mark.parametrize(
    ("expected", "status"), [("*", 200), ('"nothing"', 412), ("W/*", 412), ("", 412)]
)
def test_other_conditions_are_what_the_rfc_says(
    api: APIClient, base: str, expected: str, status: int
) -> None:
    answer = api.patch(base, {"description": "x"}, headers={"If-Match": expected})

    assert answer.status_code == status


def test_a_weak_tag_is_none_to_write_by(api: APIClient, base: str) -> None:
    weak = f"W/{api.get(base).headers['ETag']}"

    assert api.patch(base, {}, headers={"If-Match": weak}).status_code == 412


def test_without_a_condition_the_last_one_wins(api: APIClient, base: str) -> None:
    for description in ("one", "two"):
        assert api.patch(base, {"description": description}).status_code == 200


def test_a_refused_change_leaves_everything_as_it_was(
    api: APIClient, base: str, workspace: Workspace
) -> None:
    WorkspaceFactory.create(name="taken")
    tag = api.get(base).headers["ETag"]

    answer = api.patch(base, {"name": "taken"}, headers={"If-Match": tag})

    assert answer.status_code == 409
    assert api.get(base).headers["ETag"] == tag


# --- Every object that can be changed


def things(api: APIClient, base: str) -> Iterator[tuple[str, str, Any]]:
    """The address of one of each kind, the method that changes it, and a change."""
    other = WorkspaceFactory.create(name="target", outputs_sharing="all")

    def made(address: str, body: Any, id_name: str) -> str:
        answer = api.post(address, body)
        assert answer.status_code == 201, answer.content
        shown = answer.json()
        return f"{address}/{shown.get('run_trigger', shown)[id_name]}"

    yield base, "patch", {"description": "Sells things"}
    yield f"{base}/outputs-sharing", "put", {"sharing_mode": "all"}
    yield f"{base}/drift-config", "put", {"drift_check_enabled": False}
    spare = EngineVersionFactory.create(version="1.9.6")
    yield f"/api/v1/engine-versions/{spare.pk}", "patch", {"enabled": False}
    variable = made(f"{base}/variables", {"key": "region", "value": "a"}, "variable_id")
    yield variable, "put", {"version": 1, "value": "b"}
    yield made(f"{base}/resources", RESOURCE, "id"), "put", {"tf_code": OTHER_CODE}
    house = "/api/v1/organizations/default"
    yield house, "patch", {"display_name": "The house"}
    team = made(f"{house}/teams", {"name": "platform"}, "team_id")
    yield team, "patch", {"roles": ["settings"]}
    guest = UserFactory.create(username="guest", organizations=[])
    yield made(f"{house}/members", {"username": "guest"}, "user_id"), "patch", {"is_owner": True}
    yield f"/api/v1/users/{guest.pk}", "patch", {"first_name": "Gus"}
    yield f"{team}/members", "put", {"usernames": ["guest"]}
    grant = {"team_id": team.rpartition("/")[2], "level": "read"}
    yield made(f"{house}/access-grants", grant, "grant_id"), "patch", {"level": "write"}
    yield made(f"{base}/access-grants", grant, "grant_id"), "patch", {"level": "admin"}
    project = made("/api/v1/projects", {"name": "retail"}, "project_id")
    yield project, "patch", {"description": "What is sold"}
    yield f"{base}/project", "put", {"project_id": project.rpartition("/")[2]}
    kinds = {"name": "regions", "scope": "workspaces"}
    kinds_of = made("/api/v1/variable-sets", kinds, "variable_set_id")
    yield kinds_of, "patch", {"description": "where things are"}
    yield f"{kinds_of}/workspaces", "put", {"workspace_ids": [other.workspace_id]}
    shared = made(f"{kinds_of}/variables", {"key": "region", "value": "a"}, "variable_id")
    yield shared, "put", {"version": 1, "value": "b"}
    output = made(f"{base}/outputs", OUTPUT, "output_id")
    yield output, "patch", {"description": "what it is"}
    remote = {"source_workspace": other.workspace_id, "data_name": "net"}
    yield made(f"{base}/remote-data", remote, "remote_data_id"), "patch", {"description": "what"}
    yield made(f"{base}/drift-ignore-rules", RULE, "rule_id"), "patch", {"reason": "Less noise"}
    hook = {"name": "hook", "notification_type": "webhook", "endpoint_url": "https://example.com"}
    notification = made("/api/v1/notifications", hook, "notification_id")
    yield notification, "patch", {"description": "who is told"}
    attached = {"notification_id": notification.rpartition("/")[2]}
    yield (
        made(f"{base}/notifications", attached, "workspace_notification_id"),
        "patch",
        {"enabled": False},
    )
    service = {"name": "scan", "endpoint_url": "https://example.com", "verify": False}
    run_task = made("/api/v1/run-tasks", service, "run_task_id")
    yield run_task, "patch", {"description": "what it scans"}
    attachment = {"run_task_id": run_task.rpartition("/")[2], "stage": "post_plan"}
    yield (
        made(f"{base}/run-tasks", attachment, "workspace_run_task_id"),
        "patch",
        {"enforcement_level": "mandatory"},
    )
    trigger = {"target_workspace_id": other.workspace_id}
    yield made(f"{base}/run-triggers", trigger, "run_trigger_id"), "patch", {"enabled": False}
    yield made("/api/v1/cmdb/external-sources", SOURCE, "source_id"), "patch", {"region": "eu"}


def test_everything_that_can_be_changed_keeps_its_word(
    client_of: Callable[[User], APIClient], base: str
) -> None:
    """The tag of a change is that of the next reading; only who has seen the present one changes it."""
    api = client_of(UserFactory.create(superuser=True))
    seen = 0
    for address, method, body in things(api, base):
        before = api.get(address)
        assert before.status_code == 200, address
        old = before.headers["ETag"]
        change = getattr(api, method)
        changed = change(address, body, headers={"If-Match": old})
        assert changed.status_code == 200, (address, changed.content)
        read = api.get(address)
        assert read.headers["ETag"] == changed.headers["ETag"] != old, address
        assert change(address, body, headers={"If-Match": old}).status_code == 412, address
        assert api.get(address).headers["ETag"] == read.headers["ETag"], address
        seen += 1
    assert seen == 27


def _patterns(within: list[URLPattern | URLResolver]) -> Iterator[URLPattern]:
    for each in within:
        if isinstance(each, URLPattern):
            yield each
        elif each.app_name != "admin":
            yield from _patterns(each.url_patterns)


# Writes without a condition, each with the reason.
UNCONDITIONAL = {
    "CallbackView.patch": "it is an event of a service, not a change of an object that it has read",
}


def test_every_put_and_patch_is_conditional_or_says_why_not() -> None:
    without, count = set(), 0
    for pattern in _patterns(get_resolver().url_patterns):
        view = getattr(pattern.callback, "cls", None)
        actions = getattr(pattern.callback, "actions", None) or {"patch": "patch", "put": "put"}
        for method in ("put", "patch"):
            action = getattr(view, actions.get(method, ""), None)
            if action is None:
                continue
            count += 1
            if view is not None and not is_conditional(action):
                without.add(f"{view.__name__}.{actions[method]}")

    assert without == set(UNCONDITIONAL)
    assert count > 20


# --- Races


@pytest.mark.django_db(transaction=True)
def test_of_many_who_change_what_they_have_all_seen_one_does(
    client_of: Callable[[User], APIClient], member: User, base: str
) -> None:
    people = 8
    clients, barrier = [client_of(member) for _ in range(people)], Barrier(people)
    tag = clients[0].get(base).headers["ETag"]

    def change(number: int) -> int:
        barrier.wait()
        try:
            body = {"description": f"by {number}"}
            answer = clients[number].patch(base, body, headers={"If-Match": tag})
            return int(answer.status_code)
        finally:
            connection.close()

    with ThreadPoolExecutor(people) as pool:
        statuses = list(pool.map(change, range(people)))

    assert sorted(statuses) == [200] + [412] * (people - 1)


@pytest.mark.django_db(transaction=True)
def test_a_change_that_began_earlier_and_ends_later_is_not_overwritten(
    api: APIClient, base: str, workspace: Workspace
) -> None:
    """The condition is looked at once the row is ours, not before."""
    tag = api.get(base).headers["ETag"]
    statuses: list[int] = []
    held, release = Event(), Event()

    def change_slowly() -> None:
        with transaction.atomic():
            Workspace.objects.filter(pk=workspace.pk).update(description="slow and first")
            held.set()
            release.wait(30)
        connection.close()

    def change() -> None:
        answer = api.patch(base, {"description": "late"}, headers={"If-Match": tag})
        statuses.append(answer.status_code)
        connection.close()

    slow, late = Thread(target=change_slowly), Thread(target=change)
    slow.start()
    held.wait(30)
    late.start()
    while not _somebody_waits():
        assert late.is_alive()
    release.set()
    slow.join()
    late.join()

    assert statuses == [412]
    workspace.refresh_from_db()
    assert workspace.description == "slow and first"


def _somebody_waits() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)")
        return bool(cursor.fetchone() == (True,))
