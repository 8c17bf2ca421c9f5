"""What holds for every page of the admin: no secret, no form that writes, no query a row."""

import pytest
from django.contrib import admin
from django.db import connection
from django.db.models import Model
from django.test import Client, RequestFactory
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from executor.models import WorkerHost
from iacplatform.accounts.levels import Level
from iacplatform.accounts.models import APIToken, AuditEntry, OIDCIdentity, Team, User
from iacplatform.common.models import OutboxEntry
from notifications.models import NotificationConfig
from runtasks.models import RunTask, RunTaskResult, WorkspaceRunTask
from tests.admin_pages import act, address, list_page, page, planned_task, refusals, text
from tests.factories import (
    APITokenFactory,
    EngineVersionFactory,
    OutputFactory,
    RemoteDataFactory,
    ResourceChangeFactory,
    ResourceFactory,
    SetVariableFactory,
    StateVersionFactory,
    UserFactory,
    VariableFactory,
    VariableSetFactory,
)
from tests.runtasks.factories import AttachmentFactory, ResultFactory
from tests.workspaces.admin.consequences import write_consequences
from tests.workspaces.drift.checks import one_row_of_each
from triggers.models import RunTrigger
from workspaces.cmdb.models import ExternalSource
from workspaces.models import (
    AccessGrant,
    AppliedState,
    ConfigurationVersion,
    EngineVersion,
    Project,
    RemoteDataToken,
    ResourceChange,
    ResourceCodeVersion,
    ResourceDependency,
    ResourceSnapshot,
    SetVariable,
    StateCheckpoint,
    StateVersion,
    TaskPlan,
    TaskSnapshot,
    VariableSet,
    Workspace,
    WorkspaceOutput,
    WorkspaceRemoteData,
    WorkspaceResource,
    WorkspaceTask,
    WorkspaceVariable,
)
from workspaces.services.variables import update_variable

pytestmark = pytest.mark.django_db
SECRET = "hunter2-do-not-show"
SECRET_URL = f"https://robot:{SECRET}@hooks.example.com/hook?key={SECRET}#{SECRET}"


def one_of_each(name: str, user: User) -> WorkspaceTask:
    """One more row of each kind, with relations of its own; returns the task."""
    task = planned_task(name)
    workspace = task.workspace
    WorkspaceTask.objects.filter(pk=task.pk).update(created_by=user)
    VariableFactory.create(workspace=workspace, created_by=user)
    project = Project.objects.create(organization=workspace.organization, name=name)
    team = Team.objects.create(organization=workspace.organization, name=name)
    AccessGrant.objects.create(team=team, project=project, level=Level.READ, created_by=user)
    variable_set = VariableSetFactory.create(created_by=user)
    SetVariableFactory.create(variable_set=variable_set, created_by=user)
    OutputFactory.create(workspace=workspace)
    RemoteDataFactory.create(workspace=workspace)
    resource = ResourceFactory.create(workspace=workspace, created_by=user)
    ResourceDependency.objects.create(
        resource=resource,
        depends_on=ResourceFactory.create(workspace=workspace),
        created_by=user,
    )
    ConfigurationVersion.objects.create(
        workspace=workspace,
        archive=SECRET.encode(),
        size_bytes=19,
        unpacked_bytes=19,
        file_count=1,
        created_by=user,
    )
    state = StateVersionFactory.create(workspace=workspace, task=task, created_by=user)
    ResourceSnapshot.objects.create(
        workspace=workspace, name="one", task=task, state_version=state, created_by=user
    )
    APITokenFactory.create(user=user)
    AuditEntry.objects.create(
        actor=user, actor_name=user.username, via="api", action="tasks.create"
    )
    WorkerHost.objects.create(name=name, mode="local", last_seen=timezone.now())
    EngineVersionFactory.create()
    OutboxEntry.objects.create(
        kind="test", key=name, payload={"token": SECRET}, max_attempts=1, waits=[1.0]
    )
    OIDCIdentity.objects.create(user=user, issuer="https://idp.example.com", subject=name)
    attachment = AttachmentFactory.create(workspace=workspace, created_by=user)
    ResultFactory.create(task=task, run_task=attachment.run_task)
    one_row_of_each(task, user)
    write_consequences(task, user, SECRET)
    return task


def put_secrets_everywhere(task: WorkspaceTask) -> None:
    """Writes the secret wherever a row of the task or its workspace may hold one."""
    workspace = task.workspace
    content = SECRET.encode()
    workspace.provider_config = {"provider": {"aws": [{"secret_key": SECRET}]}}
    workspace.save()
    WorkspaceTask.objects.filter(pk=task.pk).update(outputs={"dsn": {"value": SECRET}})
    VariableFactory.create(workspace=workspace, sensitive=True, value=SECRET)
    SetVariableFactory.create(sensitive=True, value=SECRET)
    OutputFactory.create(workspace=workspace, sensitive=True, output_value=SECRET)
    StateVersion.objects.update(content=content)
    TaskPlan.objects.update(plan_file=content, plan_json=content)
    AppliedState.objects.create(task=task, token=1, content=content, succeeded=True)
    APIToken.objects.update(digest=SECRET)
    RunTask.objects.update(hmac_key=SECRET, endpoint_url=SECRET_URL)
    NotificationConfig.objects.update(secret=SECRET, endpoint_url=SECRET_URL)
    ExternalSource.objects.update(api_endpoint=SECRET_URL)
    EngineVersion.objects.update(download_url=SECRET_URL)
    RunTaskResult.objects.update(endpoint_url=SECRET_URL)
    RunTaskResult.objects.update(access_token=SECRET)
    TaskSnapshot.objects.filter(task=task).update(
        outputs=[{"output_value": SECRET}], provider_config={"provider": {"aws": {"key": SECRET}}}
    )
    StateCheckpoint.objects.create(
        task=task, token=1, serial=1, content=content, updated_at=timezone.now()
    )
    ResourceChangeFactory.create(
        task=task, changes_before={"password": SECRET}, changes_after={"password": SECRET}
    )
    ResourceCodeVersion.objects.filter(resource__workspace=workspace).update(
        tf_code={"resource": {"x": {"y": {"password": SECRET}}}}
    )
    OutboxEntry.objects.update(token="5ec2e75e-0000-4000-8000-5ec2e75ec2e7", status="dead")
    RemoteDataToken.objects.create(
        digest=SECRET, source_workspace=workspace, task=task, expires_at=timezone.now()
    )


def all_pages(model: type[Model]) -> list[str]:
    """The list, and each row's page and history."""
    pages = [list_page(model)]
    for pk in model._base_manager.values_list("pk", flat=True):
        pages += [address(model, "change", pk), address(model, "history", pk)]
    return pages


def test_no_page_shows_a_secret(browser: Client, operator: User) -> None:
    put_secrets_everywhere(one_of_each("shop", operator))
    operator.refresh_from_db()
    pages = [reverse("admin:index")]
    for model in admin.site._registry:
        assert model._base_manager.exists() or model._meta.label == "auth.Group"
        pages += all_pages(model)
    for url in pages:
        body = text(browser.get(url))
        assert SECRET not in body, url
        assert "5ec2e75e-0000-4000-8000-5ec2e75ec2e7" not in body, url
        assert operator.password not in body, url


def test_no_page_that_asks_shows_a_secret(browser: Client, operator: User) -> None:
    """The confirmation page of every action of every model, as it is asked of its newest row."""
    put_secrets_everywhere(one_of_each("shop", operator))
    asked = 0
    for model, model_admin in admin.site._registry.items():
        row = model._base_manager.order_by("-pk").first()
        for action in getattr(model_admin, "actions", None) or ():
            if row is None or action in ACTS_AT_ONCE:
                continue
            response = act(browser, action, row)
            assert SECRET not in text(response), (model, action)
            asked += "confirmation" in response.context
    assert asked >= 15


# What nobody regrets does not ask; `test_fetching` and its like see what a trial shows.
ACTS_AT_ONCE = {
    "enable",
    "send_a_test",
    "pull",
    "sync",
    "check_now",
    "switch_on",
    "switch_off",
    "revoke",
}


def test_only_actions_that_nobody_regrets_act_at_once(browser: Client, operator: User) -> None:
    one_of_each("shop", operator)
    for model, model_admin in admin.site._registry.items():
        row = model._base_manager.order_by("-pk").first()
        for action in set(getattr(model_admin, "actions", None) or ()) - ACTS_AT_ONCE:
            assert row is not None
            response = act(browser, action, row)
            refused = action == "resolve_interruption"  # there is none
            trigger = model is RunTrigger and action == "disable"  # switched on again as easily
            assert "confirmation" in response.context or refused or trigger, (model, action)


def test_what_services_write_no_form_may(operator: User) -> None:
    """Only rows that have no service of their own have forms: users, groups, organizations …"""
    request = RequestFactory().get("/")
    request.user = operator
    writable = {
        model._meta.label
        for model, model_admin in admin.site._registry.items()
        if model_admin.has_change_permission(request) or model_admin.has_add_permission(request)
    }
    assert {label for label in writable if label.split(".")[0] not in {"accounts", "auth"}} == set()


def test_a_value_that_is_not_sensitive_is_shown_on_its_own_page(browser: Client) -> None:
    variable = VariableFactory.create(value="eu-central-1")
    assert "eu-central-1" in text(browser.get(page(variable)))
    assert "eu-central-1" not in text(browser.get(list_page(WorkspaceVariable)))


def test_values_from_before_a_variable_became_sensitive_are_hidden_too(browser: Client) -> None:
    earlier = VariableFactory.create(value=SECRET)
    update_variable(earlier, user=UserFactory.create(), version=1, sensitive=True)
    assert SECRET not in text(browser.get(page(earlier)))


READ_ONLY = [
    AccessGrant,
    Project,
    ConfigurationVersion,
    OutboxEntry,
    ResourceDependency,
    ResourceSnapshot,
    RunTask,
    RunTaskResult,
    SetVariable,
    StateVersion,
    VariableSet,
    Workspace,
    WorkspaceOutput,
    WorkspaceRemoteData,
    WorkspaceResource,
    WorkspaceRunTask,
    WorkspaceTask,
    WorkspaceVariable,
]


@pytest.mark.parametrize("model", READ_ONLY)
def test_a_form_cannot_add_change_or_delete(
    model: type[Model], browser: Client, operator: User
) -> None:
    one_of_each("shop", operator)
    rows = list(model._base_manager.all())
    assert refusals(browser, rows[0]) == [403, 403, 403]
    act(browser, "delete_selected", rows[0], post="yes")
    assert list(model._base_manager.all()) == rows


def test_stages_transitions_and_logs_have_no_pages_of_their_own() -> None:
    registered = {model.__name__ for model in admin.site._registry}
    assert registered.isdisjoint({"TaskStage", "TaskTransition", "TaskLog", "TaskPlan"})


def count_queries(browser: Client, url: str) -> int:
    """How many queries a page needs."""
    with CaptureQueriesContext(connection) as queries:
        text(browser.get(url))
    return len(queries)


def test_the_lists_need_as_many_queries_for_many_rows_as_for_few(
    browser: Client, operator: User
) -> None:
    one_of_each("shop", operator)
    lists = [list_page(model) for model in admin.site._registry]
    for url in lists:
        browser.get(url)  # the first call fills Django's cache of content types
    few = {url: count_queries(browser, url) for url in lists}
    for n in range(10):
        one_of_each(f"shop-{n}", UserFactory.create())
    assert {url: count_queries(browser, url) for url in lists} == few
    assert few[list_page(WorkspaceTask)] <= 6


def test_the_page_of_a_task_needs_as_many_queries_for_a_large_plan(browser: Client) -> None:
    task = planned_task()
    ResourceChangeFactory.create(task=task)
    browser.get(page(task))
    few = count_queries(browser, page(task))
    ResourceChange.objects.bulk_create(ResourceChangeFactory.build_batch(1000, task=task))
    assert count_queries(browser, page(task)) == few
    assert "the first 200 of 1001 are shown" in text(browser.get(page(task)))
