"""The body of a webhook: mission document 004's shape and HCP Terraform's flat one in one (§6.1.4).

HCP Terraform's is described at
https://developer.hashicorp.com/terraform/cloud-docs/api-docs/run-tasks/run-tasks-integration
"""

from datetime import UTC, datetime
from typing import Any

from django.db.models import Count

from iacplatform.accounts.models import Organization
from runtasks.models import RunTaskResult, RunTaskStage
from workspaces.models import TaskSnapshot, TaskStage, Workspace, WorkspaceTask
from workspaces.pages import task_url, workspace_url
from workspaces.task_status import ExecutionMode, TaskType
from workspaces.transitions import SYSTEM

# What this platform does not have; HCP Terraform's services expect the names.
NOT_HERE = dict.fromkeys(
    [
        "configuration_version_download_url",
        "configuration_version_id",
        "vcs_branch",
        "vcs_commit_url",
        "vcs_pull_request_url",
        "vcs_repo_url",
        "workspace_working_directory",
        "workspace_workdir",
    ]
)


TEST_TOKEN = "test-token"


def common_payload(gate: TaskStage, priority: int) -> dict[str, Any]:
    """What all services of a batch are told."""
    engine = TaskSnapshot.objects.filter(task=gate.task).values_list("engine_version__version")
    version = next((version for (version,) in engine), None)
    return _about(gate.task, version) | {"prior_results": _prior_results(gate, priority)}


def result_payload(result: RunTaskResult) -> dict[str, Any]:
    """What one service is told besides, but for the access token, which is added when it is sent."""
    asked = _asked(result)
    return asked if result.stage == RunTaskStage.PRE_PLAN else asked | _plan(result)


def sample_payload() -> dict[str, Any]:
    """A webhook about nothing, for a service that is tried out (reference §6.1.10).

    HCP Terraform's services know by the access token ``test-token`` that nothing is asked.
    """
    name, stage = "test-workspace", "test"
    workspace = Workspace(workspace_id=name, name=name, organization=Organization(name="test-org"))
    task = WorkspaceTask(
        pk=0,
        workspace=workspace,
        task_type=stage,
        status=stage,
        description="Test run message",
        execution_mode=ExecutionMode.LOCAL,
        created_at=datetime(2021, 1, 1, tzinfo=UTC),
    )
    result = RunTaskResult(
        result_id="test-result-id",
        task=task,
        stage=stage,
        enforcement_level=stage,
        timeout_seconds=60,
    )
    named = {"is_test": True, "access_token": TEST_TOKEN, "prior_results": []}
    return _about(task, None) | result_payload(result) | named


def _about(task: WorkspaceTask, terraform_version: str | None) -> dict[str, Any]:
    return {
        **NOT_HERE,
        **_task(task),
        **_workspace(task.workspace),
        "workspace_terraform_version": terraform_version,
        "task": _task_object(task),
        "workspace": _workspace_object(task, terraform_version),
    }


def _asked(result: RunTaskResult) -> dict[str, Any]:
    return {
        "payload_version": 1,
        "stage": result.stage,
        "capabilities": {"outcomes": True},
        "task_result_id": result.result_id,
        "task_result_callback_url": result.api_url("callback"),
        "task_result_enforcement_level": result.enforcement_level,
        "timeout_seconds": result.timeout_seconds,
    }


def _task(task: WorkspaceTask) -> dict[str, Any]:
    created_by, created_at = _creator(task), task.created_at.isoformat()
    url = task_url(task)
    return {
        "task_id": task.pk,
        "task_type": task.task_type,
        "task_status": task.status,
        "task_description": task.description,
        "task_created_at": created_at,
        "task_created_by": created_by,
        "task_app_url": url,
        "workspace_execution_mode": task.execution_mode,
        "run_id": f"run-{task.pk}",
        "run_app_url": url,
        "run_message": task.description,
        "run_created_at": created_at,
        "run_created_by": created_by,
        "is_speculative": task.task_type != TaskType.PLAN_AND_APPLY,
    }


def _task_object(task: WorkspaceTask) -> dict[str, Any]:
    return {
        "id": task.pk,
        "type": task.task_type,
        "status": task.status,
        "description": task.description,
        "created_by": _creator(task),
        "created_at": task.created_at.isoformat(),
        "app_url": task_url(task),
    }


def _workspace(workspace: Workspace) -> dict[str, Any]:
    return {
        "organization_name": workspace.organization.name,
        "workspace_id": workspace.workspace_id,
        "workspace_name": workspace.name,
        "workspace_app_url": workspace_url(workspace),
    }


def _workspace_object(task: WorkspaceTask, terraform_version: str | None) -> dict[str, Any]:
    workspace = task.workspace
    return {
        "id": workspace.workspace_id,
        "name": workspace.name,
        "terraform_version": terraform_version,
        "execution_mode": task.execution_mode,
        "app_url": workspace_url(workspace),
    }


def _plan(result: RunTaskResult) -> dict[str, Any]:
    task = result.task
    return {
        "plan_data_url": result.api_url("plan-json"),
        "plan_json_api_url": result.api_url("json-output"),
        "resource_changes_url": result.api_url("resource-changes"),
        "resource_changes_api_url": result.api_url("resource-changes"),
        "plan_changes": {
            "add": task.changes_add,
            "change": task.changes_change,
            "destroy": task.changes_destroy,
        },
    }


def _prior_results(gate: TaskStage, priority: int) -> list[dict[str, Any]]:
    """What the earlier batches of the same gate have said."""
    earlier = RunTaskResult.objects.filter(gate=gate, priority__lt=priority)
    columns = ("run_task_name", "result_id", "enforcement_level", "status", "message")
    rows = earlier.values(*columns, outcome_count=Count("outcomes"))
    return [dict(row) for row in rows.order_by("priority", "pk")]


def _creator(task: WorkspaceTask) -> str:
    return task.created_by.get_username() if task.created_by else SYSTEM
