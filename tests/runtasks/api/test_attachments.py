"""The RunTasks of a workspace over the REST API."""

from collections.abc import Callable
from typing import Any

import pytest
from rest_framework.test import APIClient

from iacplatform.accounts.levels import Level
from iacplatform.accounts.models import User
from runtasks.models import RunTask, WorkspaceRunTask
from tests.factories import OrganizationFactory, member_with
from tests.runtasks.factories import AttachmentFactory, RunTaskFactory
from workspaces.models import Workspace

pytestmark = pytest.mark.django_db


@pytest.fixture
def run_task() -> RunTask:
    return RunTaskFactory.create(name="policy")


@pytest.fixture
def url(base: str) -> str:
    return f"{base}/run-tasks"


def new(run_task: RunTask, **fields: Any) -> dict[str, Any]:
    return {"run_task_id": run_task.run_task_id, "stage": "post_plan", **fields}


def test_a_run_task_is_attached_changed_and_detached(
    api: APIClient, url: str, run_task: RunTask
) -> None:
    created = api.post(url, new(run_task, enforcement_level="mandatory", priority=3))
    assert created.status_code == 201, created.json()
    shown = created.json()
    assert shown["workspace_run_task_id"].startswith("wrt-")
    assert (shown["run_task_name"], shown["stage"], shown["priority"]) == ("policy", "post_plan", 3)
    assert (shown["enforcement_level"], shown["enabled"]) == ("mandatory", True)

    at = f"{url}/{shown['workspace_run_task_id']}"
    changed = api.put(at, {"stage": "pre_apply", "enforcement_level": "advisory", "enabled": False})
    assert changed.status_code == 200, changed.json()
    assert changed.json()["stage"] == "pre_apply"
    assert api.patch(at, {"enabled": True}).json()["enabled"] is True
    assert api.get(at).json()["enabled"] is True
    assert api.delete(at).status_code == 204
    assert api.get(at).status_code == 404


@pytest.mark.parametrize(
    ("enforcement", "status"),
    [("mandatory", 403), ("advisory", 201)],
    ids=["mandatory", "advisory"],
)
def test_only_administrators_replace_what_every_workspace_must_be_asked_about(
    api: APIClient,
    client_of: Callable[[User], APIClient],
    url: str,
    workspace: Workspace,
    enforcement: str,
    status: int,
) -> None:
    everywhere = RunTaskFactory.create(is_global=True, global_enforcement_level=enforcement)
    writer = client_of(member_with(Level.WRITE, workspace=workspace))

    assert writer.post(url, new(everywhere, enabled=False)).status_code == status
    if status == 403:
        created = api.post(url, new(everywhere))
        at = f"{url}/{created.json()['workspace_run_task_id']}"
        assert writer.patch(at, {"enabled": False}).status_code == 403
        assert writer.delete(at).status_code == 403


def test_the_list_has_attachments_and_the_global_ones_that_none_replaces(
    api: APIClient, url: str, workspace: Workspace
) -> None:
    """F35, F38: with the enforcement of the global ones."""
    replaced = RunTaskFactory.create(name="replaced", is_global=True)
    AttachmentFactory.create(workspace=workspace, run_task=replaced, enabled=False)
    RunTaskFactory.create(name="everywhere", is_global=True, global_enforcement_level="mandatory")

    shown = api.get(url).json()

    assert [each["run_task_name"] for each in shown["workspace_run_tasks"]] == ["replaced"]
    (everywhere,) = shown["global_run_tasks"]
    assert (everywhere["name"], everywhere["enforcement_level"]) == ("everywhere", "mandatory")
    assert (everywhere["stages"], everywhere["priority"]) == (["post_plan"], 0)


def test_a_run_task_is_attached_once_a_stage(api: APIClient, url: str, run_task: RunTask) -> None:
    """Reference §1.5: unique by workspace, run task and stage."""
    assert api.post(url, new(run_task)).status_code == 201
    again = api.post(url, new(run_task))
    assert (again.status_code, list(again.json()["fields"])) == (409, ["stage"])
    other = api.post(url, new(run_task, stage="pre_plan")).json()["workspace_run_task_id"]
    assert api.patch(f"{url}/{other}", {"stage": "post_plan"}).status_code == 409
    assert WorkspaceRunTask.objects.filter(stage="pre_plan").count() == 1


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("run_task_id", "rt-nobody"),
        ("run_task_id", 7),
        ("stage", "plan"),
        ("stage", "post_plan "),
        ("enforcement_level", "strict"),
        ("priority", 10**9),
        ("priority", "first"),
        ("enabled", "perhaps"),
    ],
)
def test_bad_input_names_the_field(
    api: APIClient, url: str, run_task: RunTask, field: str, value: Any
) -> None:
    answer = api.post(url, new(run_task) | {field: value})

    assert (answer.status_code, list(answer.json()["fields"])) == (400, [field])


def test_the_run_task_of_another_organization_is_not_there(api: APIClient, url: str) -> None:
    theirs = RunTaskFactory.create(organization=OrganizationFactory.create(name="elsewhere"))
    everybodys = RunTaskFactory.create(organization=None)

    assert list(api.post(url, new(theirs)).json()["fields"]) == ["run_task_id"]
    assert api.post(url, new(everybodys)).status_code == 201


def test_an_attachment_of_another_workspace_is_not_found(api: APIClient, url: str) -> None:
    """F3: each child through its workspace."""
    theirs = AttachmentFactory.create()
    at = f"{url}/{theirs.workspace_run_task_id}"

    answers = [api.get(at), api.patch(at, {"enabled": False}), api.delete(at)]

    assert {answer.status_code for answer in answers} == {404}
