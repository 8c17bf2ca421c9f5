"""The body of a webhook, in both of its shapes."""

from typing import Any

import pytest
from pytest_django import Settings
from pytfe.models import RunTaskRequest

from runtasks.services.payload import sample_payload
from tests.domain import a_user, a_workspace
from tests.factories import ResourceChangeFactory
from tests.runtasks.factories import AttachmentFactory, reach, result_of, waiting_task
from workspaces.services.queue import start_next
from workspaces.services.tasks import create_task
from workspaces.task_status import TaskType

pytestmark = pytest.mark.django_db
BASE = "https://iac.example.com"


@pytest.fixture
def hook(settings: Settings) -> dict[str, Any]:
    """The webhook of a task at post_plan, without its token."""
    settings.BASE_URL = BASE
    workspace = a_workspace()
    AttachmentFactory.create(workspace=workspace)
    ada = a_user("ada")
    task = create_task(
        workspace, user=ada, task_type=TaskType.PLAN_AND_APPLY, description="More servers"
    )
    start_next(workspace.pk)
    task.refresh_from_db()
    ResourceChangeFactory.create(task=task)
    payload: dict[str, Any] = result_of(reach(task)).request_payload
    return payload


def test_the_missions_shape(hook: dict[str, Any]) -> None:
    """Mission document 004: task, workspace, plan_data_url, plan_changes, resource_changes_url."""
    task, workspace = hook["task"], hook["workspace"]
    assert set(task) == {
        "id",
        "type",
        "status",
        "description",
        "created_by",
        "created_at",
        "app_url",
    }
    assert (task["type"], task["status"], task["created_by"]) == (
        "plan_and_apply",
        "running",
        "ada",
    )
    assert workspace["name"] == "shop"
    assert (workspace["terraform_version"], workspace["execution_mode"]) == ("1.9.5", "local")
    api = f"{BASE}/api/v1/run-task-results/{hook['task_result_id']}"
    assert hook["plan_data_url"] == f"{api}/plan-json"
    assert hook["resource_changes_url"] == f"{api}/resource-changes"
    assert hook["plan_changes"] == {"add": 1, "change": 0, "destroy": 0}
    assert task["app_url"] == f"{BASE}/workspaces/{workspace['id']}/tasks/{task['id']}"


def test_hcp_terraforms_shape(hook: dict[str, Any]) -> None:
    """tfe-protocol B1: flat, as HashiCorp's own SDK takes it, and no name is left out."""
    request = RunTaskRequest.model_validate(hook | {"access_token": "x"})

    assert set(RunTaskRequest.model_fields) - {"access_token"} <= set(hook)
    assert (request.payload_version, request.capabilities.outcomes) == (1, True)
    assert request.is_speculative is False
    assert (request.plan_json_api_url or "").endswith("/json-output")
    assert (request.run_message, request.run_created_by) == ("More servers", "ada")
    assert request.run_created_at.tzinfo is not None
    assert request.task_result_enforcement_level == "mandatory"


def test_the_flat_names_of_the_platform_itself(hook: dict[str, Any]) -> None:
    """Reference §6.1.4."""
    assert hook["task_id"] == hook["task"]["id"]
    assert hook["task_description"] == "More servers"
    assert hook["workspace_terraform_version"] == "1.9.5"
    assert hook["resource_changes_api_url"] == hook["resource_changes_url"]
    assert hook["timeout_seconds"] == 600
    assert hook["prior_results"] == []


def test_a_plan_alone_is_speculative_and_somebody_always_made_it() -> None:
    """F6: triggered and drift tasks have no creator."""
    hook = result_of(waiting_task()).request_payload

    assert (hook["run_created_by"], hook["task_created_by"]) == ("system", "system")


def test_a_test_request_has_every_name_of_a_real_one(hook: dict[str, Any]) -> None:
    """Services take a test request with the code that takes a question."""
    sample = sample_payload()

    assert set(sample) == set(hook) | {"access_token", "is_test"}
    assert set(sample["task"]) == set(hook["task"])
    assert (sample["access_token"], sample["is_test"]) == ("test-token", True)
    assert (sample["task_result_id"], sample["workspace_id"]) == (
        "test-result-id",
        "test-workspace",
    )
    assert (sample["task_id"], sample["task_type"], sample["stage"]) == (0, "test", "test")
    assert RunTaskRequest.model_validate(sample).stage == "test"
