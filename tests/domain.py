"""Workspaces and tasks in the states that tests start from, made through the services."""

from typing import Any

from executor.claims import Claim, claim_stage, new_token
from executor.core.outcome import PlanFileOutput, PlanOutput, StageOutcome
from executor.pipeline import close_stage
from iacplatform.accounts.models import Membership, Organization, User
from iacplatform.terraform.plan import PlanSummary
from workspaces.models import EngineVersion, TaskStage, Workspace, WorkspaceTask
from workspaces.services.queue import start_next
from workspaces.services.tasks import create_task, start_apply
from workspaces.task_status import StageStatus, TaskType

HOST = "host-a"


def a_user(username: str = "ada") -> User:
    """A member of the default organization."""
    user = User.objects.create_user(username, password="a long password")
    organization, _ = Organization.objects.get_or_create(name="default")
    Membership.objects.create(organization=organization, user=user, is_owner=True)
    return user


def an_engine() -> EngineVersion:
    """The platform's default engine, as registered; nothing is downloaded."""
    engine, _ = EngineVersion.objects.get_or_create(
        engine="terraform",
        version="1.9.5",
        defaults={
            "download_url": "https://releases.example.com/terraform_1.9.5.zip",
            "checksum": "0" * 64,
            "is_default": True,
        },
    )
    return engine


def a_workspace(name: str = "shop", **fields: Any) -> Workspace:
    """A workspace of the default organization."""
    an_engine()
    organization, _ = Organization.objects.get_or_create(name="default")
    return Workspace.objects.create(organization=organization, name=name, **fields)


def a_task(
    workspace: Workspace, task_type: TaskType = TaskType.PLAN_AND_APPLY, user: User | None = None
) -> WorkspaceTask:
    """A task as a user creates it; still pending, because nothing has committed."""
    return create_task(workspace, user=user, task_type=task_type)


def a_running_task(
    task_type: TaskType = TaskType.PLAN_AND_APPLY, **workspace: Any
) -> WorkspaceTask:
    """A task of a workspace of its own (with these fields), whose first stage is ready."""
    task = a_task(a_workspace(**workspace), task_type)
    start_next(task.workspace_id)
    task.refresh_from_db()
    return task


def a_task_ready_to_apply() -> WorkspaceTask:
    """A confirmed task whose next stage is ``applying``."""
    task = a_running_task()
    finish_plan(task, add=1, has_changes=True)
    start_apply(task, actor="ada")
    for _ in ("fetching", "init", "restoring_plan"):
        finish_stage(task)
    return task


def open_stage(task: WorkspaceTask) -> TaskStage:
    """The stage of a task that somebody has to do something about."""
    return TaskStage.objects.hot().get(task=task)


def claimed(task: WorkspaceTask, host: str = HOST) -> Claim:
    """Claims the task's ready stage."""
    claim = claim_stage(open_stage(task).pk, host, new_token())
    assert claim is not None
    return claim


def finish_stage(task: WorkspaceTask, **outcome: Any) -> None:
    """Claims the task's ready stage and closes it as done, unless ``outcome`` says otherwise."""
    close_stage(claimed(task), StageOutcome(**({"result": "done"} | outcome)))
    task.refresh_from_db()


def finish_plan(task: WorkspaceTask, **summary: Any) -> None:
    """Runs a task that was set running through its plan phase with this plan."""
    for _ in ("fetching", "init"):
        finish_stage(task)
    finish_stage(task, output=PlanFileOutput(b"plan", "a" * 64))
    finish_stage(task, output=PlanOutput(b"{}", PlanSummary(**summary)))


def statuses(task: WorkspaceTask) -> list[tuple[str, str]]:
    """The task's stages and their statuses, in order."""
    return list(task.stages.values_list("name", "status"))


def nothing_open(task: WorkspaceTask) -> bool:
    """Whether no stage of the task is ready, running or waiting."""
    hot = [StageStatus.READY, StageStatus.RUNNING, StageStatus.WAITING]
    return not task.stages.filter(status__in=hot).exists()
