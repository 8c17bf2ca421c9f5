"""Workspaces over the REST API."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings
from rest_framework.test import APIClient

from iacplatform.accounts.models import User
from tests.factories import (
    EngineVersionFactory,
    OrganizationFactory,
    OutputFactory,
    RemoteDataFactory,
    ResourceChangeFactory,
    ResourceFactory,
    StateVersionFactory,
    TaskFactory,
    UserFactory,
    VariableFactory,
    WorkspaceFactory,
    approvable_task,
)
from workspaces.api.filters import WorkspaceFilter
from workspaces.drift.models import DriftStatus
from workspaces.models import (
    ConfigurationVersion,
    EngineVersion,
    ResourceDependency,
    ResourceSnapshot,
    Workspace,
)
from workspaces.task_status import TaskStatus

ALL = "/api/v1/workspaces"


def test_a_workspace_is_created_with_the_defaults(api: APIClient, member: User) -> None:
    answer = api.post(ALL, {"name": "shop"})
    assert answer.status_code == 201
    body = answer.json()
    assert body["workspace_id"].startswith("ws-")
    assert body["organization"] == "default"
    assert body["created_by"] == member.username
    assert body["engine_version"] is None
    assert body["provider_config"] == {}
    assert Workspace.objects.get(pk=body["id"]).name == "shop"


def test_a_name_that_is_taken_answers_409_naming_the_field(
    api: APIClient, workspace: Workspace
) -> None:
    answer = api.post(ALL, {"name": workspace.name})
    assert answer.status_code == 409
    assert list(answer.json()["fields"]) == ["name"]


@pytest.mark.parametrize(
    "given",
    ["terraform 1.9.5", "1.9.5", {"engine": "terraform", "version": "1.9.5"}],
)
def test_an_engine_version_is_given_as_text_or_object(
    api: APIClient, engine: EngineVersion, given: Any
) -> None:
    answer = api.post(ALL, {"name": "shop", "engine_version": given})
    assert answer.json()["engine_version"] == {"engine": "terraform", "version": "1.9.5"}


def test_latest_is_the_platforms_default(api: APIClient, engine: EngineVersion) -> None:
    answer = api.post(ALL, {"name": "shop", "engine_version": "latest"})
    assert answer.json()["engine_version"] is None


@pytest.mark.parametrize(
    "given",
    ["terraform 9.9.9", "", "1.9.5 or so or not", 5, [], {"engine": "terraform"}, "pulumi 1.9.5"],
)
def test_an_unknown_engine_version_answers_400_naming_the_field(
    api: APIClient, engine: EngineVersion, given: Any
) -> None:
    answer = api.post(ALL, {"name": "shop", "engine_version": given})
    assert answer.status_code == 400
    assert list(answer.json()["fields"]) == ["engine_version"]


def test_a_version_that_both_engines_have_must_name_its_engine(
    api: APIClient, engine: EngineVersion
) -> None:
    EngineVersionFactory.create(version="1.9.5", opentofu=True)
    assert api.post(ALL, {"name": "a", "engine_version": "1.9.5"}).status_code == 400
    assert api.post(ALL, {"name": "a", "engine_version": "opentofu 1.9.5"}).status_code == 201


@pytest.mark.parametrize("field", ["provider_config", "tf_code"])
@pytest.mark.parametrize("value", [[], "text", 5, True])
def test_configuration_must_be_an_object(api: APIClient, field: str, value: Any) -> None:
    answer = api.post(ALL, {"name": "shop", field: value})
    assert answer.status_code == 400
    assert list(answer.json()["fields"]) == [field]


@pytest.mark.parametrize("mode", ["agent", "k8s"])
def test_a_mode_that_no_worker_runs_is_refused(api: APIClient, base: str, mode: str) -> None:
    for answer in (
        api.post(ALL, {"name": "new", "execution_mode": mode}),
        api.patch(base, {"execution_mode": mode}),
    ):
        assert answer.status_code == 400
        assert "not available yet" in answer.json()["fields"]["execution_mode"][0]


def test_who_has_two_organizations_says_which(
    api: APIClient, member: User, client_of: Callable[[User], APIClient]
) -> None:
    other = OrganizationFactory.create(name="other")
    both = client_of(UserFactory.create(organizations=[OrganizationFactory.create(), other]))
    refused = both.post(ALL, {"name": "shop"})
    assert refused.status_code == 400
    assert list(refused.json()["fields"]) == ["organization"]
    accepted = both.post(ALL, {"name": "shop", "organization": "other"})
    assert accepted.json()["organization"] == "other"
    foreign = api.post(ALL, {"name": "shop", "organization": "other"})
    assert foreign.status_code == 400


def test_the_numeric_id_is_as_good_as_the_semantic_one(
    api: APIClient, workspace: Workspace
) -> None:
    answer = api.get(f"{ALL}/{workspace.pk}")
    assert answer.json()["workspace_id"] == workspace.workspace_id


def test_a_list_has_pages_and_filters(api: APIClient, workspace: Workspace) -> None:
    WorkspaceFactory.create_batch(3, tags=["prod", "eu"], execution_mode="agent")
    WorkspaceFactory.create(name="held", locked=True)
    page = api.get(ALL, {"page_size": 2}).json()
    assert (page["total"], page["pages"], len(page["items"])) == (5, 3, 2)
    assert "tf_code" not in page["items"][0]
    for query, total in {
        "search=sho": 1,
        "execution_mode=agent": 3,
        "tags=eu": 3,
        "tags=eu,dev": 0,
        "is_locked=true": 1,
        "is_locked=false": 4,
        "organization=default": 5,
    }.items():
        assert api.get(f"{ALL}?{query}").json()["total"] == total, query
    names = [item["name"] for item in api.get(f"{ALL}?ordering=-name").json()["items"]]
    assert names == sorted(names, reverse=True)


@pytest.mark.parametrize(
    "query",
    ["execution_mode=cloud", "is_locked=maybe", "ordering=secret", "search=%00"],
)
def test_a_filter_that_makes_no_sense_is_refused(
    api: APIClient, workspace: Workspace, query: str
) -> None:
    answer = api.get(f"{ALL}?{query}")
    assert answer.status_code == 400
    assert list(answer.json()["fields"]) == [query.partition("=")[0]]


@pytest.mark.parametrize("page", ["0", "99", "-1", "last page", "9" * 40])
def test_a_page_that_is_not_there_answers_404(
    api: APIClient, workspace: Workspace, page: str
) -> None:
    assert api.get(ALL, {"page": page}).status_code == 404


def test_a_part_of_a_workspace_is_changed(
    api: APIClient, base: str, workspace: Workspace, engine: EngineVersion
) -> None:
    answer = api.patch(base, {"auto_apply": True, "engine_version": "terraform 1.9.5"})
    assert answer.status_code == 200
    assert answer.json()["auto_apply"] is True
    workspace.refresh_from_db()
    assert (workspace.auto_apply, workspace.engine_version) == (True, engine)
    assert api.put(base, {"description": "no name"}).status_code == 400
    assert api.put(base, {"name": "store"}).json()["name"] == "store"


def test_what_is_read_only_stays_as_it_is(api: APIClient, base: str, workspace: Workspace) -> None:
    answer = api.patch(base, {"is_locked": True, "workspace_id": "ws-mine", "created_by": 1})
    assert answer.status_code == 200
    assert answer.json()["is_locked"] is False
    assert answer.json()["workspace_id"] == workspace.workspace_id


def test_the_configuration_stays_as_it_is_under_a_lock(
    api: APIClient, base: str, workspace: Workspace
) -> None:
    api.post(f"{base}/lock", {"reason": "Moving"})
    refused = api.patch(base, {"provider_config": {"provider": {"aws": [{}]}}})
    assert refused.status_code == 423
    assert (refused.json()["locked_by"], refused.json()["lock_reason"]) == ("ada", "Moving")
    assert api.patch(base, {"description": "being moved"}).status_code == 200


def test_a_configuration_comes_from_an_archive_only_where_there_is_one(
    api: APIClient, base: str
) -> None:
    answer = api.patch(base, {"configuration_source": "archive"})
    assert answer.status_code == 400
    assert list(answer.json()["fields"]) == ["configuration_source"]


def test_a_lock_says_who_and_why_and_only_its_owner_removes_it(
    api: APIClient, base: str, workspace: Workspace, client_of: Callable[[User], APIClient]
) -> None:
    """F10: a lock that is somebody else's stays unless its removal is forced."""
    locked = api.post(f"{base}/lock", {"reason": "Moving house"}).json()
    assert (locked["is_locked"], locked["locked_by"]) == (True, "ada")
    again = api.post(f"{base}/lock", {"reason": "Me too"})
    assert again.status_code == 423
    assert again.json()["lock_reason"] == "Moving house"
    other = client_of(UserFactory.create())
    refused = other.post(f"{base}/unlock")
    assert refused.status_code == 409
    assert refused.json()["code"] == "not_lock_owner"
    freed = other.post(f"{base}/unlock", {"force": True}).json()
    assert (freed["is_locked"], freed["locked_by"], freed["locked_at"]) == (False, None, None)
    assert freed["lock_reason"] == ""


def test_not_even_force_removes_the_lock_of_a_live_task(
    api: APIClient, base: str, workspace: Workspace
) -> None:
    """F10: two changes are kept apart by the lock of the one that waits for approval."""
    approvable_task(workspace)
    assert api.post(f"{base}/unlock", {"force": True}).status_code == 409
    assert api.get(base).json()["is_locked"] is True


def test_a_workspace_with_live_tasks_is_not_deleted(
    api: APIClient, base: str, workspace: Workspace
) -> None:
    TaskFactory.create(workspace=workspace, running=True)
    TaskFactory.create(workspace=workspace)
    for query in ("", "?force=true"):
        refused = api.delete(f"{base}{query}")
        assert refused.status_code == 409
        body = refused.json()
        assert (body["code"], body["live_tasks"]) == ("workspace_in_use", 2)
        assert "requires_force" not in body
    assert api.get(base).status_code == 200


def test_a_workspace_that_holds_resources_is_deleted_by_force_only(
    api: APIClient, base: str, workspace: Workspace
) -> None:
    ResourceFactory.create_batch(2, workspace=workspace)
    ResourceFactory.create(workspace=workspace, is_active=False)
    StateVersionFactory.create(workspace=workspace, resource_count=9)
    StateVersionFactory.create(workspace=workspace, resource_count=3)
    refused = api.delete(base)
    assert refused.status_code == 409
    body = refused.json()
    assert body["code"] == "workspace_in_use"
    counts = (body["active_resources"], body["managed_resources"], body["requires_force"])
    assert counts == (2, 3, True)
    assert "2 resources in its configuration and 3 resources in its state" in body["error"]
    assert api.delete(f"{base}?force=maybe").status_code == 400
    assert api.delete(f"{base}?force=true").status_code == 204


def test_a_workspace_whose_state_is_empty_again_is_deleted(
    api: APIClient, base: str, workspace: Workspace
) -> None:
    StateVersionFactory.create(workspace=workspace, resource_count=9)
    StateVersionFactory.create(workspace=workspace, resource_count=0)
    assert api.delete(base).status_code == 204


def test_a_locked_workspace_is_not_deleted(api: APIClient, base: str) -> None:
    api.post(f"{base}/lock", {"reason": "Keep"})
    assert api.delete(base).status_code == 423


def test_a_planned_and_finished_task_does_not_keep_a_workspace(
    api: APIClient, base: str, workspace: Workspace
) -> None:
    """F2: planned_and_finished is an end."""
    TaskFactory.create(workspace=workspace, status=TaskStatus.PLANNED_AND_FINISHED)
    assert api.delete(base).status_code == 204


def test_a_workspace_is_deleted_with_all_that_is_in_it(
    api: APIClient, base: str, workspace: Workspace
) -> None:
    archive = ConfigurationVersion.objects.create(
        workspace=workspace,
        archive=b"tar",
        sha256="0" * 64,
        size_bytes=3,
        unpacked_bytes=3,
        file_count=1,
    )
    task = approvable_task(workspace, configuration_version=archive)
    type(task).objects.filter(pk=task.pk).update(status=TaskStatus.APPLIED)
    ResourceChangeFactory.create(task=task)
    for made in (ResourceFactory, VariableFactory, StateVersionFactory, OutputFactory):
        made.create(workspace=workspace)
    ResourceSnapshot.objects.create(workspace=workspace, name="one")
    needs, needed = ResourceFactory.create_batch(2, workspace=workspace)
    ResourceDependency.objects.create(resource=needs, depends_on=needed)
    api.post(f"{base}/unlock")
    assert api.delete(f"{base}?force=true").status_code == 204
    assert not Workspace.objects.filter(pk=workspace.pk).exists()


def test_a_workspace_whose_outputs_are_read_is_not_deleted(
    api: APIClient, base: str, workspace: Workspace
) -> None:
    RemoteDataFactory.create(source_workspace=workspace)
    answer = api.delete(base)
    assert answer.status_code == 409
    assert answer.json()["code"] == "in_use"


def test_the_overview_counts_and_shows_what_is_newest(
    api: APIClient, base: str, workspace: Workspace
) -> None:
    ResourceFactory.create(workspace=workspace)
    ResourceFactory.create(workspace=workspace, is_active=False)
    VariableFactory.create(workspace=workspace)
    TaskFactory.create(workspace=workspace, failed=True)
    newest = TaskFactory.create(workspace=workspace, running=True)
    TaskFactory.create(workspace=workspace, background=True)
    StateVersionFactory.create(workspace=workspace)
    body = api.get(f"{base}/overview").json()
    assert (body["resource_count"], body["variable_count"]) == (1, 1)
    assert body["task_counts"] == {"failed": 1, "running": 1, "pending": 1}
    assert body["last_task"]["id"] == newest.pk
    assert body["current_state"]["version"] == 1


def test_the_overview_has_lock_tasks_types_and_drift(
    api: APIClient, base: str, workspace: Workspace
) -> None:
    for name in ("aws_vpc", "aws_subnet", "aws_subnet"):
        ResourceFactory.create(workspace=workspace, resource_type=name)
    tasks = TaskFactory.create_batch(7, workspace=workspace)
    TaskFactory.create(workspace=workspace, background=True)
    DriftStatus.objects.create(workspace=workspace, has_drift=True, drift_count=2, severity="high")
    api.post(f"{base}/lock", {"reason": "Moving"})
    body = api.get(f"{base}/overview").json()
    assert (body["locked_by"], body["lock_reason"], body["lock_task_id"]) == ("ada", "Moving", None)
    assert body["locked_at"] is not None
    assert list(body["resource_types"].items()) == [("aws_subnet", 2), ("aws_vpc", 1)]
    newest = [task.pk for task in reversed(tasks)][:5]
    assert [task["id"] for task in body["last_tasks"]] == newest
    assert body["drift"] == {
        "has_drift": True,
        "drift_count": 2,
        "severity": "high",
        "check_status": "",
        "last_check_at": None,
    }


def test_the_overview_needs_as_many_queries_for_much_as_for_little(
    api: APIClient,
    base: str,
    workspace: Workspace,
) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            api.get(f"{base}/overview")
        return len(captured)

    TaskFactory.create(workspace=workspace)
    StateVersionFactory.create(workspace=workspace)
    queries()  # the first call notes when the token was used
    few = queries()
    TaskFactory.create_batch(20, workspace=workspace, created_by=UserFactory.create())
    ResourceFactory.create_batch(20, workspace=workspace)
    StateVersionFactory.create_batch(3, workspace=workspace)
    assert queries() == few


@pytest.mark.parametrize(
    "tags", [["a", "a"], ["a,b"], [""], ["x" * 101], [5.5, None], "a", [["a"]], ["a"] * 51]
)
def test_tags_are_different_texts(api: APIClient, base: str, tags: Any) -> None:
    for answer in (api.patch(base, {"tags": tags}), api.post(ALL, {"name": "new", "tags": tags})):
        assert answer.status_code == 400
        assert next(iter(answer.json()["fields"])).partition(".")[0] == "tags"
    assert api.patch(base, {"tags": [" prod ", "eu"]}).json()["tags"] == ["prod", "eu"]


def test_the_overview_of_an_empty_workspace_has_nothing_to_show(api: APIClient, base: str) -> None:
    body = api.get(f"{base}/overview").json()
    assert body["last_task"] is None
    assert (body["last_tasks"], body["drift"], body["resource_types"]) == ([], None, {})
    assert body["current_state"] is None


def test_outputs_are_shared_with_named_workspaces(
    api: APIClient, base: str, workspace: Workspace
) -> None:
    other = WorkspaceFactory.create()
    url = f"{base}/outputs-sharing"
    assert api.get(url).json() == {"sharing_mode": "none", "allowed_workspace_ids": []}
    shared = {"sharing_mode": "specific", "allowed_workspace_ids": [other.workspace_id]}
    assert api.put(url, shared).json() == shared
    assert api.get(url).json() == shared
    assert api.put(url, {"sharing_mode": "all"}).json()["allowed_workspace_ids"] == []


def test_outputs_are_not_shared_with_what_the_caller_cannot_see(
    api: APIClient, base: str, workspace: Workspace
) -> None:
    foreign = WorkspaceFactory.create(organization=OrganizationFactory.create(name="other"))
    for name in (foreign.workspace_id, workspace.workspace_id, "ws-nobody"):
        shared = {"sharing_mode": "specific", "allowed_workspace_ids": [name]}
        answer = api.put(f"{base}/outputs-sharing", shared)
        assert answer.status_code == 400
        assert list(answer.json()["fields"]) == ["allowed_workspace_ids"]


LIMITS = {"plan_timeout_seconds": 60, "apply_timeout_seconds": 600, "silence_timeout_seconds": 30}


def test_time_limits_are_set_and_taken_back(api: APIClient, base: str) -> None:
    wanted = {**LIMITS, "approval_timeout_seconds": 86_400, "max_retries": 0}
    changed = api.patch(base, wanted)
    assert changed.status_code == 200, changed.content
    assert {name: changed.json()[name] for name in wanted} == wanted
    back = api.patch(base, dict.fromkeys([*LIMITS, "approval_timeout_seconds"])).json()
    assert {back[name] for name in [*LIMITS, "approval_timeout_seconds"]} == {None}


@pytest.mark.parametrize("field", LIMITS)
def test_a_limit_longer_than_the_platforms_is_refused_naming_the_field(
    api: APIClient, base: str, settings: Settings, field: str
) -> None:
    setattr(settings, field.upper(), 100)
    for answer in (
        api.patch(base, {field: 101}),
        api.post(ALL, {"name": "new", field: 101}),
    ):
        assert answer.status_code == 400
        assert answer.json()["fields"] == {
            field: ["is longer than the platform's limit of 100 seconds"]
        }
    assert api.patch(base, {field: 100}).json()[field] == 100


@pytest.mark.parametrize("field", LIMITS)
def test_where_the_platform_has_no_limit_a_workspace_may_have_any(
    api: APIClient, base: str, settings: Settings, field: str
) -> None:
    setattr(settings, field.upper(), 0)
    assert api.patch(base, {field: 10**9}).json()[field] == 10**9


@pytest.mark.parametrize("value", [0, -1, 2**31, "soon", True])
@pytest.mark.parametrize("field", [*LIMITS, "approval_timeout_seconds"])
def test_a_limit_is_a_number_of_seconds(
    api: APIClient, base: str, field: str, value: object
) -> None:
    answer = api.patch(base, {field: value})
    assert (answer.status_code, list(answer.json()["fields"])) == (400, [field])


def test_limits_may_change_under_a_lock(api: APIClient, base: str) -> None:
    api.post(f"{base}/lock", {"reason": "moving house"})
    assert api.patch(base, LIMITS).status_code == 200


def test_a_persons_lock_is_not_kept_for_a_task(api: APIClient, base: str) -> None:
    locked = api.post(f"{base}/lock").json()
    assert (locked["lock_kept"], locked["lock_task_id"]) == (False, None)


def test_equal_rows_have_their_order_too(api: APIClient) -> None:
    made = [WorkspaceFactory.create().pk for _ in range(5)]
    Workspace.objects.update(last_plan_at=None)
    for ordering, expected in {"last_plan_at": made, "-last_plan_at": made[::-1]}.items():
        pages = [
            api.get(f"/api/v1/workspaces?ordering={ordering}&page_size=1&page={page}")
            for page in range(1, 6)
        ]
        assert [page.json()["items"][0]["id"] for page in pages] == expected


def test_a_search_looks_through_what_the_other_filters_leave() -> None:
    assert list(WorkspaceFilter.base_filters)[-2:] == ["search", "ordering"]
