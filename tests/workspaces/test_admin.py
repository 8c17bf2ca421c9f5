"""The admin pages of the core domain, over HTTP, as an operator opens them."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.db import connection
from django.db.models import Model
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from executor.models import WorkerHost
from iacplatform.accounts.models import APIToken, User
from iacplatform.accounts.services import create_api_token
from tests.domain import a_task, a_workspace, an_engine, finish_plan
from workspaces.models import (
    AppliedState,
    ConfigurationVersion,
    EngineVersion,
    RemoteDataToken,
    ResourceChange,
    StateVersion,
    TaskPlan,
    TaskStage,
    Workspace,
    WorkspaceOutput,
    WorkspaceRemoteData,
    WorkspaceResource,
    WorkspaceTask,
    WorkspaceVariable,
)
from workspaces.services.locks import lock_workspace
from workspaces.services.queue import start_next
from workspaces.services.tasks import add_comment
from workspaces.task_status import StageStatus, TaskStatus, TaskType

pytestmark = pytest.mark.django_db
SECRET = "hunter2-do-not-show"


@pytest.fixture
def operator() -> User:
    return User.objects.create_superuser("olivia", password="a long password")


@pytest.fixture
def browser(operator: User) -> Client:
    client = Client()
    client.force_login(operator)
    return client


def list_page(model: type[Model], **query: Any) -> str:
    """The address of a model's list."""
    name = f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist"
    return reverse(name, query=query or None)


def page(row: Model) -> str:
    """The address of a row's page."""
    return reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=[row.pk])


def text(response: Any) -> str:
    """The body of an answer that must be a page."""
    assert response.status_code == 200
    body: str = response.content.decode()
    return body


def act(browser: Client, action: str, *rows: Model, **fields: str) -> Any:
    """Runs an action on selected rows, and follows to the page it leads to."""
    data = {"action": action, "_selected_action": [str(row.pk) for row in rows], **fields}
    return browser.post(list_page(type(rows[0])), data, follow=True)


def messages(response: Any) -> list[str]:
    """What the page tells the operator."""
    return [str(message) for message in response.context["messages"]]


def planned_task(name: str = "shop", **fields: Any) -> WorkspaceTask:
    """A task whose change waits for approval; it locks its workspace."""
    task = a_task(a_workspace(name, **fields))
    start_next(task.workspace_id)
    task.refresh_from_db()
    finish_plan(task, add=3, change=2, destroy=1, has_changes=True)
    task.refresh_from_db()
    assert task.status == TaskStatus.APPLY_PENDING
    return task


def everything_with_secrets(operator: User) -> None:
    """At least one row of each registered model, with the secret wherever one may be kept."""
    task = planned_task(provider_config={"provider": {"aws": [{"secret_key": SECRET}]}})
    workspace = task.workspace
    secret = SECRET.encode()
    WorkspaceVariable.objects.create(
        workspace=workspace, key="password", value=SECRET, sensitive=True
    )
    WorkspaceVariable.objects.create(workspace=workspace, key="region", value="eu-1")
    WorkspaceOutput.objects.create(
        workspace=workspace, output_name="dsn", output_value=SECRET, sensitive=True
    )
    WorkspaceRemoteData.objects.create(
        workspace=workspace, source_workspace=workspace, data_name="net"
    )
    WorkspaceResource.objects.create(workspace=workspace, resource_id="null_resource.a")
    ConfigurationVersion.objects.create(
        workspace=workspace, archive=secret, size_bytes=19, unpacked_bytes=19, file_count=1
    )
    StateVersion.objects.create(
        workspace=workspace, version=1, content=secret, size_bytes=19, serial=1, task=task
    )
    TaskPlan.objects.filter(task=task).update(plan_file=secret, plan_json=secret)
    AppliedState.objects.create(task=task, token=1, content=secret, succeeded=True)
    WorkspaceTask.objects.filter(pk=task.pk).update(outputs={"dsn": {"value": SECRET}})
    RemoteDataToken.objects.create(
        digest=SECRET, source_workspace=workspace, task=task, expires_at=timezone.now()
    )
    create_api_token(operator, name="ci")
    APIToken.objects.update(digest=SECRET)
    WorkerHost.objects.create(name="host-a", mode="local", last_seen=timezone.now())


def all_pages(rows_of: type[Model]) -> list[str]:
    """The list and each row's page and history."""
    name = f"admin:{rows_of._meta.app_label}_{rows_of._meta.model_name}"
    pages = [list_page(rows_of)]
    for pk in rows_of._base_manager.values_list("pk", flat=True):
        pages += [reverse(f"{name}_change", args=[pk]), reverse(f"{name}_history", args=[pk])]
    return pages


def test_no_page_shows_a_secret(browser: Client, operator: User) -> None:
    everything_with_secrets(operator)
    operator.refresh_from_db()
    pages = [reverse("admin:index")]
    for model in admin.site._registry:
        assert model._base_manager.exists() or model._meta.label == "auth.Group"
        pages += all_pages(model)
    for address in pages:
        body = text(browser.get(address))
        assert SECRET not in body, address
        assert operator.password not in body, address


def test_a_value_that_is_not_sensitive_is_shown(browser: Client) -> None:
    variable = WorkspaceVariable.objects.create(workspace=a_workspace(), key="region", value="eu-1")
    assert "eu-1" in text(browser.get(page(variable)))
    assert "eu-1" not in text(browser.get(list_page(WorkspaceVariable)))


READ_ONLY = [
    ConfigurationVersion,
    StateVersion,
    Workspace,
    WorkspaceOutput,
    WorkspaceRemoteData,
    WorkspaceResource,
    WorkspaceTask,
    WorkspaceVariable,
]


@pytest.mark.parametrize("model", READ_ONLY)
def test_a_form_cannot_add_change_or_delete(
    model: type[Model], browser: Client, operator: User
) -> None:
    everything_with_secrets(operator)
    name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
    row = model._base_manager.first()
    assert row is not None
    count = model._base_manager.count()
    assert browser.post(reverse(f"{name}_add")).status_code == 403
    assert browser.post(page(row), {"description": "changed"}).status_code == 403
    assert (
        browser.post(reverse(f"{name}_delete", args=[row.pk]), {"post": "yes"}).status_code == 403
    )
    act(browser, "delete_selected", row, post="yes")
    assert model._base_manager.count() == count


def test_stages_transitions_and_logs_have_no_pages_of_their_own() -> None:
    registered = {model.__name__ for model in admin.site._registry}
    assert registered.isdisjoint({"TaskStage", "TaskTransition", "TaskLog", "TaskPlan"})


def test_the_page_of_a_task_shows_its_timeline(browser: Client, operator: User) -> None:
    task = planned_task()
    start = timezone.now() - timedelta(hours=1)
    task.stages.filter(name="init").update(
        skipped=True,
        message="init skipped: same host, same plan hash",
        started_at=start,
        finished_at=start + timedelta(seconds=67),
    )
    add_comment(task, user=operator, comment="looks <b>good</b>")
    StateVersion.objects.create(
        workspace=task.workspace, version=7, content=b"{}", size_bytes=2, serial=1, task=task
    )
    body = text(browser.get(page(task)))
    for shown in (
        "Skipped",
        "init skipped: same host, same plan hash",
        "1 min 07 s",
        f"{start:%Y-%m-%d %H:%M:%S}",
        "host-a",
        "Saving plan",
        "Waiting for approval",
        "looks &lt;b&gt;good&lt;/b&gt;",
        "version 7",
        "terraform 1.9.5",
        f"/api/v1/tasks/{task.pk}/logs?type=all&amp;format=text",
    ):
        assert shown in body, shown


def test_the_page_of_a_task_shows_how_far_each_resource_is(browser: Client) -> None:
    task = planned_task()
    address = 'null_resource.a["x"]'
    ResourceChange.objects.create(
        task=task,
        resource_address=address,
        action="replace",
        apply_status="failed",
        apply_error="quota exceeded",
    )
    body = text(browser.get(page(task)))
    for shown in ("null_resource.a[&quot;x&quot;]", "Replace", "badge-bad", "quota exceeded"):
        assert shown in body, shown


def test_a_failed_task_shows_its_whole_error(browser: Client) -> None:
    task = planned_task()
    WorkspaceTask.objects.filter(pk=task.pk).update(
        status="failed", error_message="Error: <x>\n on"
    )
    assert "Error: &lt;x&gt;\n on" in text(browser.get(page(task)))


def test_a_stage_whose_worker_is_gone_says_so(browser: Client) -> None:
    task = a_task(a_workspace())
    start_next(task.workspace_id)
    past = timezone.now() - timedelta(minutes=5)
    TaskStage.objects.update(
        status=StageStatus.RUNNING, token=1, lease_until=past, started_at=past, owner="host-b"
    )
    body = text(browser.get(page(task)))
    assert "The worker has not renewed its claim: it ran out 5 min 00 s ago" in body
    assert 'http-equiv="refresh"' in body


def test_a_stage_that_no_worker_takes_says_so(browser: Client) -> None:
    task = a_task(a_workspace())
    start_next(task.workspace_id)
    TaskStage.objects.update(created_at=timezone.now() - timedelta(minutes=2))
    assert "Waits for a worker since 2 min 00 s" in text(browser.get(page(task)))


def count_queries(browser: Client, address: str) -> int:
    """How many queries a page needs."""
    with CaptureQueriesContext(connection) as queries:
        text(browser.get(address))
    return len(queries)


def test_the_lists_need_as_many_queries_for_many_rows_as_for_few(
    browser: Client, operator: User
) -> None:
    everything_with_secrets(operator)
    lists = [list_page(model) for model in admin.site._registry]
    for address in lists:
        browser.get(address)  # the first call fills Django's caches of content types
    few = {address: count_queries(browser, address) for address in lists}
    for n in range(15):
        many_rows(n, operator)
    many = {address: count_queries(browser, address) for address in lists}
    assert many == few
    assert few[list_page(WorkspaceTask)] <= 6


def many_rows(n: int, operator: User) -> None:
    """One more row of each kind, each with relations of its own."""
    task = planned_task(f"workspace-{n}")
    workspace = task.workspace
    creator = User.objects.create_user(f"user-{n}")
    WorkspaceTask.objects.filter(pk=task.pk).update(created_by=creator)
    WorkspaceVariable.objects.create(workspace=workspace, key="a", value="b", created_by=creator)
    WorkspaceOutput.objects.create(workspace=workspace, output_name="a", output_value="b")
    WorkspaceRemoteData.objects.create(
        workspace=workspace, source_workspace=workspace, data_name="net"
    )
    WorkspaceResource.objects.create(workspace=workspace, resource_id="null_resource.a")
    ConfigurationVersion.objects.create(
        workspace=workspace,
        archive=b"",
        size_bytes=0,
        unpacked_bytes=0,
        file_count=1,
        created_by=creator,
    )
    StateVersion.objects.create(
        workspace=workspace, version=1, content=b"", size_bytes=0, serial=1, task=task
    )
    create_api_token(creator, name="ci")
    WorkerHost.objects.create(name=f"host-{n}", mode="local", last_seen=timezone.now())
    EngineVersion.objects.create(version=f"1.0.{n}", download_url="https://x", checksum="0" * 64)


def test_the_page_of_a_task_needs_as_many_queries_for_a_large_plan(browser: Client) -> None:
    task = planned_task()
    ResourceChange.objects.create(task=task, resource_address="a", action="create")
    browser.get(page(task))
    few = count_queries(browser, page(task))
    ResourceChange.objects.bulk_create(
        ResourceChange(task=task, resource_address=f"r{n}", action="create") for n in range(1000)
    )
    assert count_queries(browser, page(task)) == few
    body = text(browser.get(page(task)))
    assert "the first 200 of 1001 are shown" in body


@pytest.mark.parametrize("words", ["shop", "ws-shop", "nightly", "{pk}"])
def test_a_task_is_found_by_number_workspace_and_description(words: str, browser: Client) -> None:
    task = a_task(a_workspace("shop", workspace_id="ws-shop"))
    other = a_task(a_workspace("other"))
    WorkspaceTask.objects.filter(pk=task.pk).update(description="nightly run")
    found = browser.get(list_page(WorkspaceTask, q=words.format(pk=task.pk)))
    assert page(task) in text(found)
    assert page(other) not in text(found)


@pytest.mark.parametrize(
    "query",
    [
        {"status__exact": "apply_pending"},
        {"task_type__exact": "plan_and_apply"},
        {"stage__exact": "apply_pending"},
        {"attention": "approval"},
        {"attention": "any"},
    ],
)
def test_the_list_of_tasks_can_be_filtered(query: dict[str, str], browser: Client) -> None:
    task = planned_task()
    other = a_task(a_workspace("other"), TaskType.PLAN_ONLY)
    body = text(browser.get(list_page(WorkspaceTask, **query)))
    assert page(task) in body
    assert page(other) not in body


def test_the_list_of_tasks_can_be_filtered_by_workspace(browser: Client) -> None:
    task, other = a_task(a_workspace("shop")), a_task(a_workspace("other"))
    body = text(browser.get(list_page(WorkspaceTask, workspace__id__exact=task.workspace_id)))
    assert page(task) in body
    assert page(other) not in body


def attention(reason: str) -> list[int]:
    """The numbers of the tasks that the filter finds for a reason."""
    client = Client()
    client.force_login(User.objects.get(username="olivia"))
    response = client.get(list_page(WorkspaceTask, attention=reason))
    return [task.pk for task in response.context["cl"].result_list]


def test_a_task_without_a_worker_needs_attention(operator: User) -> None:
    task = a_task(a_workspace())
    start_next(task.workspace_id)
    assert attention("worker") == []
    TaskStage.objects.update(created_at=timezone.now() - timedelta(minutes=2))
    assert attention("worker") == [task.pk]


def test_a_task_that_left_its_workspace_locked_needs_attention(operator: User) -> None:
    task = planned_task()
    assert attention("lock") == []
    WorkspaceTask.objects.update(status=TaskStatus.FAILED)
    assert attention("lock") == [task.pk]


def test_a_task_queued_behind_a_lock_needs_attention(operator: User) -> None:
    task = a_task(a_workspace())
    assert attention("queue") == []
    lock_workspace(task.workspace, user=operator, reason="maintenance")
    assert attention("queue") == [task.pk]
    assert attention("any") == [task.pk]


def test_a_task_queued_behind_a_change_that_goes_on_needs_none(operator: User) -> None:
    task = planned_task()
    Workspace.objects.update(is_locked=False, locked_by=None, lock_task=None, lock_reason="")
    a_task(task.workspace)
    Workspace.objects.update(is_locked=True, lock_task=task, lock_reason="Locked for apply")
    assert attention("queue") == []


def test_confirming_shows_workspace_and_counts_and_changes_nothing_yet(browser: Client) -> None:
    task = planned_task()
    body = text(act(browser, "confirm_apply", task))
    for cell in ("shop", "<td>3</td>", "<td>2</td>", "<td>1</td>", "Apply the changes"):
        assert cell in body, cell
    task.refresh_from_db()
    assert task.status == TaskStatus.APPLY_PENDING


def test_a_confirmed_apply_starts_with_the_operators_name_and_reason(browser: Client) -> None:
    task = planned_task()
    response = act(browser, "confirm_apply", task, confirmed="yes", note="reviewed by two")
    assert response.redirect_chain[-1][0] == page(task)
    assert messages(response) == [f"Task #{task.pk} of shop was confirmed: it applies its plan now"]
    task.refresh_from_db()
    assert (task.status, task.apply_confirmed_by) == (TaskStatus.RUNNING, "olivia")
    assert "reviewed by two" in text(response)


def test_confirming_twice_is_refused_with_the_services_sentence(browser: Client) -> None:
    task = planned_task()
    act(browser, "confirm_apply", task, confirmed="yes")
    again = act(browser, "confirm_apply", task, confirmed="yes")
    assert messages(again) == [f"Task #{task.pk} is running and does not wait for approval"]


def test_only_a_task_that_waits_has_a_button_to_confirm(browser: Client) -> None:
    waits, queued = planned_task(), a_task(a_workspace("other"))
    assert 'value="confirm_apply"' in text(browser.get(page(waits)))
    assert 'value="confirm_apply"' not in text(browser.get(page(queued)))


def test_asking_the_queue_starts_what_may_start(browser: Client) -> None:
    task = a_task(a_workspace())
    response = act(browser, "ask_the_queue", task.workspace)
    assert messages(response) == [f"shop: started #{task.pk}"]
    again = act(browser, "ask_the_queue", task.workspace)
    assert messages(again) == ["shop: nothing may start now"]


def test_a_workspace_is_locked_with_a_reason(browser: Client) -> None:
    workspace = a_workspace()
    assert "Why" in text(act(browser, "take_lock", workspace))
    workspace.refresh_from_db()
    assert not workspace.is_locked
    response = act(browser, "take_lock", workspace, confirmed="yes", note="moving the state")
    assert messages(response) == ["shop is locked: moving the state"]
    workspace.refresh_from_db()
    assert (workspace.locked_by, workspace.lock_reason) == ("olivia", "moving the state")


def test_locking_a_locked_workspace_is_refused(browser: Client) -> None:
    workspace = a_workspace()
    lock_workspace(workspace, user=User.objects.create_user("ada"), reason="maintenance")
    response = act(browser, "take_lock", workspace, confirmed="yes")
    assert messages(response) == ["The workspace is locked by ada: maintenance"]


def test_unlocking_shows_who_and_why_first_and_is_remembered(browser: Client) -> None:
    workspace = a_workspace()
    lock_workspace(workspace, user=User.objects.create_user("ada"), reason="maintenance")
    body = text(act(browser, "unlock", workspace))
    assert "<td>ada</td>" in body
    assert "<td>maintenance</td>" in body
    workspace.refresh_from_db()
    assert workspace.is_locked
    response = act(browser, "unlock", workspace, confirmed="yes")
    sentence = "shop is unlocked; it was locked by ada: maintenance"
    assert messages(response) == [sentence]
    assert LogEntry.objects.get().change_message == sentence
    workspace.refresh_from_db()
    assert not workspace.is_locked


def test_the_lock_of_a_live_task_is_refused_with_the_services_sentence(browser: Client) -> None:
    """F10: not even force takes the lock from a task that waits for approval."""
    task = planned_task()
    response = act(browser, "unlock", task.workspace, confirmed="yes")
    assert messages(response) == [
        f"The lock belongs to task #{task.pk}: confirm or cancel the task"
    ]
    assert Workspace.objects.get(pk=task.workspace_id).is_locked
    assert not LogEntry.objects.exists()


def test_the_list_of_workspaces_shows_lock_task_and_state(browser: Client) -> None:
    task = planned_task()
    StateVersion.objects.create(
        workspace=task.workspace, version=4, content=b"{}", size_bytes=2, serial=1
    )
    body = text(browser.get(list_page(Workspace)))
    for shown in ("Locked", "Locked for apply (task #", f"#{task.pk}", "version 4"):
        assert shown in body, shown


def test_a_version_becomes_the_default(browser: Client) -> None:
    old = an_engine()
    new = EngineVersion.objects.create(
        version="1.10.0", download_url="https://x", checksum="1" * 64
    )
    response = act(browser, "make_default", new)
    assert messages(response) == ["terraform 1.10.0 is the platform's default now"]
    assert list(EngineVersion.objects.filter(is_default=True)) == [new]
    both = act(browser, "make_default", old, new)
    assert messages(both) == ["Select one version"]


def test_a_disabled_version_cannot_become_the_default(browser: Client) -> None:
    disabled = EngineVersion.objects.create(
        version="1.10.0", download_url="https://x", checksum="1" * 64, enabled=False
    )
    response = act(browser, "make_default", disabled)
    assert messages(response) == ["enabled: a disabled version cannot be the default"]


def viewer(*permissions: str) -> Client:
    """The browser of a colleague who may sign in to the admin with these permissions only."""
    user = User.objects.create_user("victor", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    client = Client()
    client.force_login(user)
    return client


def test_who_may_only_look_cannot_act() -> None:
    task = planned_task()
    browser = viewer("view_workspacetask", "view_workspace")
    assert 'value="confirm_apply"' not in text(browser.get(page(task)))
    act(browser, "confirm_apply", task, confirmed="yes")
    act(browser, "unlock", task.workspace, confirmed="yes")
    task.refresh_from_db()
    assert task.status == TaskStatus.APPLY_PENDING


def test_an_unknown_filter_value_finds_everything(browser: Client) -> None:
    task = a_task(a_workspace())
    body = text(browser.get(list_page(WorkspaceTask, attention="x", workspace__id__exact="x")))
    assert page(task) in body
