"""An organization that has one of everything that the API shows, each with a text that only it has."""

import hashlib
import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from django.utils import timezone

from iacplatform.accounts.levels import Level
from iacplatform.accounts.models import AuditEntry, Membership, Organization, Team, User
from runtasks.models import RunTaskOutcome
from tests.factories import (
    APITokenFactory,
    EngineVersionFactory,
    OutputFactory,
    ProjectFactory,
    RemoteDataFactory,
    ResourceChangeFactory,
    ResourceFactory,
    SetVariableFactory,
    StateVersionFactory,
    TaskFactory,
    UserFactory,
    VariableFactory,
    VariableSetFactory,
    WorkspaceFactory,
    api_token,
    approvable_task,
    member_with,
    plain_member,
    state_content,
)
from tests.notifications.factories import AttachmentFactory as NotificationAttachmentFactory
from tests.notifications.factories import NotificationFactory, message
from tests.runtasks.factories import AttachmentFactory as RunTaskAttachmentFactory
from tests.runtasks.factories import ResultFactory, RunTaskFactory
from tests.triggers.factories import link
from tests.workspaces.cmdb.inventories import a_source
from tests.workspaces.cmdb.states import instance, resource, synced
from triggers.models import TaskTriggerExecution
from workspaces.cmdb.models import ResourceIndex, SyncLog
from workspaces.drift.models import DriftCheck, DriftIgnoreRule, DriftStatus
from workspaces.models import (
    AccessGrant,
    ConfigurationVersion,
    ResourceDependency,
    ResourceSnapshot,
    TaskComment,
    TaskLog,
    TaskSnapshot,
    TaskStage,
    TaskTransition,
    Workspace,
    WorkspaceTask,
)

Ids = dict[str, Any]
_numbers = itertools.count(1)


@dataclass
class Tenant:
    """An organization, its people's tokens, and the ids of what it has."""

    organization: Organization
    owner: User
    tokens: dict[str, str]
    scenes: list[Ids] = field(default_factory=list)

    @property
    def mark(self) -> str:
        """What is in every text of it, and in no text of another."""
        return self.organization.name

    def text(self) -> str:
        """A text of it that nothing has yet."""
        return f"{self.mark}-{next(_numbers)}"


def a_tenant(name: str) -> Tenant:
    """A filled organization with an owner and a reader."""
    organization = Organization.objects.create(name=name, display_name=f"{name} display")
    owner = UserFactory.create(username=f"{name}-owner", organizations=[organization])
    reader = member_with(Level.READ, organization=organization, username=f"{name}-reader")
    tenant = Tenant(organization, owner, {"owner": api_token(owner), "reader": api_token(reader)})
    tenant.scenes += [a_scene(tenant), a_held_scene(tenant)]
    return tenant


def a_scene(tenant: Tenant) -> Ids:
    """A workspace with everything: names of the parameters of addresses, and of inputs → ids."""
    ids: Ids = {"organization": tenant.mark, "external_source": "", "version": 1}
    workspace = a_workspace(tenant)
    task = TaskFactory.create(workspace=workspace, failed=True, created_by=tenant.owner)
    ids |= {"workspace_id": workspace.workspace_id, "task_id": task.pk}
    for fill in FILLS:
        ids |= fill(tenant, workspace, task)
    return ids


def a_held_scene(tenant: Tenant) -> Ids:
    """The same with a lock, and a task that waits for approval."""
    ids = a_scene(tenant)
    workspace = Workspace.objects.get(workspace_id=ids["workspace_id"])
    return ids | {"task_id": approvable_task(workspace).pk}


def a_workspace(tenant: Tenant, **fields: Any) -> Workspace:
    """A workspace of the organization."""
    text = tenant.text()
    return WorkspaceFactory.create(
        organization=tenant.organization,
        name=text[-100:],
        description=f"{text} description",
        tags=[text],
        created_by=tenant.owner,
        **fields,
    )


Fill = Callable[[Tenant, Workspace, WorkspaceTask], Ids]
FILLS: list[Fill] = []


def fills(function: Fill) -> Fill:
    """Says that a function makes a part of each scene."""
    FILLS.append(function)
    return function


@fills
def account(tenant: Tenant, *_: Any) -> Ids:
    """A token, and a line of the audit log."""
    AuditEntry.objects.create(
        actor=tenant.owner,
        actor_name=tenant.owner.username,
        via="api",
        action="tasks.create",
        status=201,
    )
    token = APITokenFactory.create(
        user=tenant.owner, digest=hashlib.sha256(tenant.text().encode()).hexdigest()
    )
    return {"token_id": token.pk}


@fills
def teams(tenant: Tenant, workspace: Workspace, _: WorkspaceTask) -> Ids:
    """A team with a level, a project, and somebody who may go."""
    text = tenant.text()
    team = Team.objects.create(organization=tenant.organization, name=text, description=text)
    guest = plain_member(tenant.organization, username=f"{text}-guest")
    team.members.add(guest)
    project = ProjectFactory.create(organization=tenant.organization, name=text)
    grant = AccessGrant.objects.create(team=team, workspace=workspace, level=Level.READ)
    return {
        "team_id": team.team_id,
        "user_id": guest.pk,
        "grant_id": grant.grant_id,
        "project_id": project.project_id,
    }


@fills
def variables(tenant: Tenant, workspace: Workspace, _: WorkspaceTask) -> Ids:
    """Variables, one of them a secret, and a set of them."""
    text = tenant.text()
    plain = VariableFactory.create(workspace=workspace, value=text, description=text)
    VariableFactory.create(workspace=workspace, secret=True, description=text)
    project = ProjectFactory.create(organization=tenant.organization, name=text)
    variable_set = VariableSetFactory.create(
        organization=tenant.organization, name=text, scope="projects", description=text
    )
    variable_set.projects.add(project)
    shared = SetVariableFactory.create(variable_set=variable_set, value=text)
    return {
        "variable_id": plain.variable_id,
        "project_ids": project.project_id,
        "variable_set_id": variable_set.variable_set_id,
        "set_variable_id": shared.variable_id,
    }


@fills
def resources(tenant: Tenant, workspace: Workspace, task: WorkspaceTask) -> Ids:
    """Two resources of which one needs the other, a snapshot, and what the task changes."""
    text = tenant.text()
    code = {"resource": {"null_resource": {"marked": {"triggers": {"text": text}}}}}
    first = ResourceFactory.create(
        workspace=workspace, resource_name="marked", tf_code=code, description=text
    )
    other = ResourceFactory.create(workspace=workspace)
    ResourceDependency.objects.create(resource=first, depends_on=other)
    ResourceChangeFactory.create(task=task, changes_after={"text": text})
    snapshot = ResourceSnapshot.objects.create(
        workspace=workspace,
        name=text,
        versions={first.resource_id: first.current_version_id},
        resource_count=1,
    )
    return {"resource_id": first.pk, "resource_ids": other.pk, "snapshot_id": snapshot.pk}


@fills
def states(tenant: Tenant, workspace: Workspace, _: WorkspaceTask) -> Ids:
    """States, what is indexed of them, outputs, and outputs of another workspace."""
    text = tenant.text()
    StateVersionFactory.create(workspace=workspace, content=state_content(1, marked=text))
    synced(workspace, resource("aws_instance.web", instance(id=text, name=text)))
    output = OutputFactory.create(workspace=workspace, output_value=text)
    data = RemoteDataFactory.create(
        workspace=workspace, source_workspace=a_workspace(tenant, outputs_sharing="all")
    )
    indexed = ResourceIndex.objects.filter(workspace=workspace).first()
    assert indexed
    return {"output_id": output.output_id, "remote_data_id": data.remote_data_id, "id": indexed.pk}


@fills
def uploads(tenant: Tenant, workspace: Workspace, _: WorkspaceTask) -> Ids:
    """An uploaded configuration."""
    text = tenant.text().encode()
    uploaded = ConfigurationVersion.objects.create(
        workspace=workspace,
        archive=text,
        description=text.decode(),
        sha256=hashlib.sha256(text).hexdigest(),
        size_bytes=len(text),
        unpacked_bytes=7,
        file_count=1,
        created_by=tenant.owner,
    )
    return {"configuration_id": uploaded.configuration_id}


@fills
def history(tenant: Tenant, _: Workspace, task: WorkspaceTask) -> Ids:
    """A move, a comment and lines of the task."""
    text = tenant.text()
    TaskTransition.objects.create(
        task=task, to_status="running", stage="planning", actor=text, reason=text
    )
    TaskComment.objects.create(
        task=task, user=tenant.owner, username=tenant.owner.username, comment=text
    )
    TaskLog.objects.create(
        task=task,
        phase="plan",
        stage="planning",
        first_line=0,
        line_count=1,
        kinds=[],
        content=f"{text}\n",
        created_at=timezone.now(),
    )
    return {}


@fills
def run_tasks(tenant: Tenant, workspace: Workspace, task: WorkspaceTask) -> Ids:
    """A RunTask that is attached, and its result."""
    text = tenant.text()
    checked = RunTaskFactory.create(
        organization=tenant.organization, name=text, description=text, created_by=tenant.owner
    )
    attachment = RunTaskAttachmentFactory.create(workspace=workspace, run_task=checked)
    stage = TaskStage.objects.create(
        task=task, position=1, phase="plan", name="post_plan_run_tasks", mode="local"
    )
    result = ResultFactory.create(
        task=task, gate=stage, run_task=checked, workspace_run_task=attachment, message=text
    )
    RunTaskOutcome.objects.create(result=result, outcome_id=text, description=text)
    return {
        "run_task_id": checked.run_task_id,
        "workspace_run_task_id": attachment.workspace_run_task_id,
        "result_id": result.result_id,
    }


@fills
def notifications(tenant: Tenant, workspace: Workspace, task: WorkspaceTask) -> Ids:
    """A notification that is attached, and a message about the task."""
    text = tenant.text()
    config = NotificationFactory.create(
        organization=tenant.organization, name=text, description=text
    )
    attachment = NotificationAttachmentFactory.create(workspace=workspace, notification=config)
    log = message(
        attachment,
        task,
        delivery_key=text,
        notification_name=text,
        request_payload={"text": text},
    )
    return {
        "notification_id": config.notification_id,
        "workspace_notification_id": attachment.workspace_notification_id,
        "log_id": log.log_id,
    }


@fills
def triggers(tenant: Tenant, workspace: Workspace, task: WorkspaceTask) -> Ids:
    """A workspace that this one triggers, one that triggers it, and what the task has triggered."""
    target, source = a_workspace(tenant), a_workspace(tenant)
    trigger = link(workspace, target)
    link(source, workspace)
    execution = TaskTriggerExecution.objects.create(
        source_task=task,
        run_trigger=trigger,
        target_workspace=target,
        target_name=target.name,
        target_task=TaskFactory.create(workspace=target),
        status="triggered",
        due_at=timezone.now(),
    )
    return {
        "run_trigger_id": trigger.run_trigger_id,
        "execution_id": execution.execution_id,
        "target_workspace_id": source.workspace_id,
        "source_workspace_id": target.workspace_id,
        "workspace_ids": target.workspace_id,
        "allowed_workspace_ids": target.workspace_id,
    }


@fills
def drift(tenant: Tenant, workspace: Workspace, _: WorkspaceTask) -> Ids:
    """A workspace that has drifted."""
    text = tenant.text()
    task = TaskFactory.create(workspace=workspace, background=True)
    TaskSnapshot.objects.create(
        task=task,
        engine_version=EngineVersionFactory.create(version="1.9.5"),
        resource_versions={},
        variables=[],
        provider_config={},
        outputs=[],
        remote_data=[],
        configuration_source=workspace.configuration_source,
    )
    check = DriftCheck.objects.create(workspace=workspace, task=task)
    DriftStatus.objects.create(
        workspace=workspace, last_check=check, result=check, has_drift=True, severity="changed"
    )
    rule = DriftIgnoreRule.objects.create(
        workspace=workspace, address_pattern="null_*", reason=text, created_by=tenant.owner
    )
    return {"check_id": check.check_id, "rule_id": rule.rule_id}


@fills
def inventories(tenant: Tenant, *_: Any) -> Ids:
    """An external source that was pulled once."""
    text = tenant.text()
    source = a_source(
        "http://127.0.0.1:9/vms", organization=tenant.organization, name=text, description=text
    )
    SyncLog.objects.create(source=source, status="success", message=text)
    return {"source_id": source.source_id}


@fills
def engines(tenant: Tenant, *_: Any) -> Ids:
    """An engine, which all organizations share."""
    number = next(_numbers)
    engine = EngineVersionFactory.create(version=f"1.10.{number}")
    return {"engine_version_id": engine.pk, "engine_version": engine.pk}


def a_superuser() -> str:
    """The token of an administrator, who belongs to no organization."""
    user = UserFactory.create(username="administrator", superuser=True, organizations=[])
    Membership.objects.filter(user=user).delete()
    return api_token(user)
