"""Rows of what comes after a task: notifications, run triggers, the CMDB."""

from iacplatform.accounts.models import User
from tests.domain import a_workspace
from tests.notifications.factories import AttachmentFactory, NotificationFactory, message
from triggers.models import RunTrigger, TaskTriggerExecution
from workspaces.cmdb.models import (
    ExternalSource,
    ModuleHierarchy,
    ResourceIndex,
    SyncLog,
    WorkspaceSync,
)
from workspaces.models import WorkspaceTask
from workspaces.task_events import EventName


def write_consequences(task: WorkspaceTask, user: User, secret: str) -> None:
    """One more row of each kind, with relations of its own and the secret wherever one is kept."""
    _write_message(task, user, secret)
    _write_trigger(task, user)
    _write_inventory(task, user, secret)


def _write_message(task: WorkspaceTask, user: User, secret: str) -> None:
    notification = NotificationFactory.create(
        created_by=user, secret=secret, custom_headers={"X-Token": secret}
    )
    attachment = AttachmentFactory.create(workspace=task.workspace, notification=notification)
    message(
        attachment,
        task,
        delivery_key=f"admin:{task.pk}",
        event=EventName.TASK_CREATED,
        request_payload={"event": "task_created"},
    )


def _write_trigger(task: WorkspaceTask, user: User) -> None:
    target = a_workspace(f"{task.workspace.name}-downstream")
    trigger = RunTrigger.objects.create(source=task.workspace, target=target, created_by=user)
    TaskTriggerExecution.objects.create(
        source_task=task, run_trigger=trigger, target_workspace=target
    )


def _write_inventory(task: WorkspaceTask, user: User, secret: str) -> None:
    workspace = task.workspace
    source = ExternalSource.objects.create(
        organization=workspace.organization,
        name=workspace.name,
        api_endpoint="https://inventory.example.com/items",
        auth_headers={"Authorization": secret},
        primary_key_field="$.id",
        created_by=user,
    )
    SyncLog.objects.create(source=source, status="success")
    WorkspaceSync.objects.update_or_create(workspace=workspace)
    ResourceIndex.objects.create(
        workspace=workspace,
        source_type="terraform",
        terraform_address="aws_instance.web",
        resource_type="aws_instance",
        resource_name="web",
        digest="0" * 32,
    )
    ModuleHierarchy.objects.create(
        workspace=workspace,
        depth=0,
        resource_count=1,
        total_resource_count=1,
        child_module_count=0,
    )
