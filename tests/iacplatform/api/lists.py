"""What fills each list of the API: a row for every GET that answers with many things.

``ROWS`` maps a path to a function that makes so many rows, each with what it is shown with, and returns what the
path names besides the workspace. ``ADMINISTRATORS`` are asked by a superuser. ``NOT_LISTS`` are the other GETs.
"""

import hashlib
import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from django.utils import timezone

from iacplatform.accounts.levels import Level
from iacplatform.accounts.models import AuditEntry, Membership, Team, User
from iacplatform.common.models import OutboxEntry
from runtasks.models import RunTaskOutcome
from tests.factories import (
    APITokenFactory,
    EngineVersionFactory,
    OrganizationFactory,
    OutputFactory,
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
)
from tests.notifications.factories import AttachmentFactory as NotificationAttachmentFactory
from tests.notifications.factories import NotificationFactory, message
from tests.runtasks.factories import AttachmentFactory as RunTaskAttachmentFactory
from tests.runtasks.factories import ResultFactory, RunTaskFactory
from tests.triggers.factories import link
from tests.workspaces.cmdb.inventories import a_source
from tests.workspaces.cmdb.states import resource, synced
from triggers.models import TaskTriggerExecution
from workspaces.cmdb.models import SyncLog
from workspaces.drift.models import DriftCheck, DriftIgnoreRule, DriftStatus
from workspaces.models import (
    AccessGrant,
    ConfigurationVersion,
    Project,
    ResourceCodeVersion,
    ResourceDependency,
    ResourceSnapshot,
    SetVariable,
    TaskComment,
    TaskStage,
    TaskTransition,
    Workspace,
    WorkspaceTask,
)

Names = dict[str, Any]
WORKSPACE = "/api/v1/workspaces/{workspace_id}"
TASK = f"{WORKSPACE}/tasks/{{task_id}}"
CMDB = "/api/v1/cmdb"


@dataclass
class Scene:
    """Who asks, and what the rows belong to; ``kept`` is what one filling leaves to the next."""

    member: User
    workspace: Workspace
    task: WorkspaceTask
    numbers: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))
    kept: dict[str, Any] = field(default_factory=dict)

    def once(self, name: str, make: Callable[[], Any]) -> Any:
        """What was kept under a name, made the first time."""
        if name not in self.kept:
            self.kept[name] = make()
        return self.kept[name]


Fill = Callable[[Scene, int], Names | None]
ROWS: dict[str, Fill] = {}
ADMINISTRATORS = {
    "/api/v1/users",
    "/api/v1/audit-log",
    "/api/v1/outbox",
    f"{CMDB}/external-sources",
    f"{CMDB}/external-sources/{{source_id}}/sync-logs",
}
QUERIES = {
    f"{CMDB}/search": "q=aws",
    f"{CMDB}/suggestions": "q=.aws",
    f"{TASK}/trigger-executions": "status=triggered",
}
"""What a list is asked with, where it does not answer without."""
NOT_LISTS = {
    "/api/v1/auth/me",
    "/api/v1/auth/oidc/callback",
    "/api/v1/auth/oidc/login",
    f"{CMDB}/stats",
    f"{CMDB}/workspaces/{{workspace_id}}/sync",
    "/api/v1/audit-log/export",
    "/api/v1/setup",
    f"{WORKSPACE}/configuration-versions/{{configuration_id}}/download",
    f"{WORKSPACE}/project",
    f"{WORKSPACE}/resources/export/hcl",
    f"{WORKSPACE}/resources/{{resource_id}}/versions/compare",
    f"{WORKSPACE}/snapshots/{{snapshot_id}}/compare",
    f"{WORKSPACE}/state-versions/compare",
    f"{WORKSPACE}/state-versions/{{version}}/retrieve",
    f"{WORKSPACE}/outputs-sharing",
    f"{WORKSPACE}/overview",
    f"{WORKSPACE}/state-outputs",
    f"{WORKSPACE}/state-outputs/full",
    f"{WORKSPACE}/state-versions/current",
    f"{WORKSPACE}/state-versions/current/download",
    f"{WORKSPACE}/state-versions/{{version}}/download",
    f"{TASK}/logs",
    "/api/v1/tasks/{task_id}/logs",
    "/api/v1/tasks/{task_id}/logs/download",
    "/api/v1/run-task-results/{result_id}/json-output",
    "/api/v1/run-task-results/{result_id}/plan-json",
    "/api/v1/run-task-results/{result_id}/resource-changes",
}
"""GETs that do not end with an id and yet answer with one thing, a file or a stream."""


def fills(*paths: str) -> Callable[[Fill], Fill]:
    """Says which lists a function fills."""

    def register(fill: Fill) -> Fill:
        ROWS.update(dict.fromkeys(paths, fill))
        return fill

    return register


def row_by_row(path: str, make: Callable[[Scene], Any]) -> None:
    """A list each of whose rows is made by itself."""

    def fill(scene: Scene, count: int) -> None:
        for _ in range(count):
            make(scene)

    ROWS[path] = fill


def somebody() -> User:
    """Another user each time."""
    return UserFactory.create()


row_by_row("/api/v1/auth/tokens", lambda scene: APITokenFactory.create(user=scene.member))
row_by_row("/api/v1/engine-versions", lambda _: EngineVersionFactory.create())
row_by_row(
    "/api/v1/workspaces",
    lambda _: WorkspaceFactory.create(
        engine_version=EngineVersionFactory.create(), created_by=somebody()
    ),
)
row_by_row(
    f"{WORKSPACE}/tasks",
    lambda scene: TaskFactory.create(workspace=scene.workspace, created_by=somebody()),
)
row_by_row(
    f"{WORKSPACE}/variables",
    lambda scene: VariableFactory.create(workspace=scene.workspace, created_by=somebody()),
)
row_by_row(
    f"{WORKSPACE}/state-versions",
    lambda scene: StateVersionFactory.create(workspace=scene.workspace, created_by=somebody()),
)
row_by_row(f"{WORKSPACE}/outputs", lambda scene: OutputFactory.create(workspace=scene.workspace))
row_by_row(
    f"{WORKSPACE}/remote-data", lambda scene: RemoteDataFactory.create(workspace=scene.workspace)
)
row_by_row(f"{TASK}/resource-changes", lambda scene: ResourceChangeFactory.create(task=scene.task))
row_by_row(
    f"{WORKSPACE}/resources",
    lambda scene: ResourceFactory.create(workspace=scene.workspace, created_by=somebody()),
)
row_by_row(
    f"{WORKSPACE}/run-tasks",
    lambda scene: (
        RunTaskAttachmentFactory.create(workspace=scene.workspace, created_by=somebody()),
        RunTaskFactory.create(everywhere=True, created_by=somebody()),
    ),
)
row_by_row(
    f"{WORKSPACE}/notifications",
    lambda scene: (
        NotificationAttachmentFactory.create(workspace=scene.workspace, created_by=somebody()),
        NotificationFactory.create(everywhere=True, created_by=somebody()),
    ),
)
row_by_row(
    f"{WORKSPACE}/run-triggers",
    lambda scene: link(scene.workspace, WorkspaceFactory.create(), created_by=somebody()),
)
row_by_row(
    f"{WORKSPACE}/run-triggers/inbound",
    lambda scene: link(WorkspaceFactory.create(), scene.workspace, created_by=somebody()),
)
row_by_row(f"{WORKSPACE}/run-triggers/available-targets", lambda _: WorkspaceFactory.create())
row_by_row(f"{WORKSPACE}/run-triggers/available-sources", lambda _: WorkspaceFactory.create())
row_by_row(f"{CMDB}/external-sources", lambda _: a_source(created_by=somebody()))
row_by_row(
    f"{WORKSPACE}/drift-ignore-rules",
    lambda scene: DriftIgnoreRule.objects.create(
        workspace=scene.workspace, address_pattern="*", reason="known", created_by=somebody()
    ),
)


@fills("/api/v1/outbox")
def outbox(scene: Scene, count: int) -> None:
    """Entries that wait."""
    for number in itertools.islice(scene.numbers, count):
        OutboxEntry.objects.create(kind="test", key=f"{number}", max_attempts=1, waits=[1.0])


@fills(f"{TASK}/transitions")
def transitions(scene: Scene, count: int) -> None:
    """Moves of the task."""
    for _ in range(count):
        TaskTransition.objects.create(
            task=scene.task, to_status="running", stage="planning", actor="ada"
        )


@fills(f"{TASK}/comments")
def comments(scene: Scene, count: int) -> None:
    """Comments, each of another user."""
    for _ in range(count):
        user = somebody()
        TaskComment.objects.create(
            task=scene.task, user=user, username=user.username, comment="Looks right"
        )


@fills(f"{WORKSPACE}/variables/{{variable_id}}/versions")
def variable_versions(scene: Scene, count: int) -> Names:
    """Earlier versions of one variable."""
    fields = {"workspace": scene.workspace, "key": "region", "variable_id": "var-abcdefabcdef0123"}
    scene.once("variable", lambda: VariableFactory.create(version=1000, **fields))
    for number in itertools.islice(scene.numbers, count):
        VariableFactory.create(version=number, is_current=False, created_by=somebody(), **fields)
    return {"variable_id": fields["variable_id"]}


@fills(f"{WORKSPACE}/resources/{{resource_id}}/versions")
def resource_versions(scene: Scene, count: int) -> Names:
    """Versions of one resource."""
    changed = scene.once("resource", lambda: ResourceFactory.create(workspace=scene.workspace))
    for number in itertools.islice(scene.numbers, count):
        ResourceCodeVersion.objects.create(
            resource=changed, version=number + 1, tf_code={}, created_by=somebody()
        )
    return {"resource_id": changed.pk}


@fills(f"{WORKSPACE}/configuration-versions")
def configuration_versions(scene: Scene, count: int) -> None:
    """Uploads."""
    for _ in range(count):
        ConfigurationVersion.objects.create(
            workspace=scene.workspace,
            archive=b"archive",
            sha256=hashlib.sha256(b"archive").hexdigest(),
            size_bytes=7,
            unpacked_bytes=7,
            file_count=1,
            created_by=somebody(),
        )


@fills("/api/v1/run-tasks")
def run_tasks(scene: Scene, count: int) -> None:
    """RunTasks, each attached once."""
    for _ in range(count):
        checked = RunTaskFactory.create(created_by=somebody())
        RunTaskAttachmentFactory.create(run_task=checked, workspace=scene.workspace)


@fills(f"{TASK}/run-task-results", "/api/v1/run-task-results/{result_id}/outcomes")
def run_task_results(scene: Scene, count: int) -> Names:
    """Results with an outcome, and as many outcomes of one of them."""
    first = scene.once("result", lambda: _result(scene))
    for number in itertools.islice(scene.numbers, count):
        RunTaskOutcome.objects.create(result=first, outcome_id=f"o{number}")
        RunTaskOutcome.objects.create(result=_result(scene), outcome_id="o")
    return {"result_id": first.result_id}


def _result(scene: Scene) -> Any:
    attachment = RunTaskAttachmentFactory.create(workspace=scene.workspace)
    stage = scene.once(
        "stage",
        lambda: TaskStage.objects.create(
            task=scene.task, position=1, phase="plan", name="post_plan_run_tasks", mode="local"
        ),
    )
    return ResultFactory.create(
        task=scene.task, gate=stage, run_task=attachment.run_task, workspace_run_task=attachment
    )


@fills("/api/v1/notifications", "/api/v1/notifications/available")
def notifications(scene: Scene, count: int) -> None:
    """Notifications, each attached once."""
    for _ in range(count):
        config = NotificationFactory.create(created_by=somebody())
        NotificationAttachmentFactory.create(notification=config, workspace=scene.workspace)


@fills(f"{WORKSPACE}/notification-logs")
def notification_logs(scene: Scene, count: int) -> None:
    """Messages about the task, each to another receiver."""
    for attachment in NotificationAttachmentFactory.create_batch(count, workspace=scene.workspace):
        message(attachment, scene.task)


@fills(f"{TASK}/trigger-executions")
def trigger_executions(scene: Scene, count: int) -> None:
    """Tasks that the task has triggered."""
    for _ in range(count):
        target = WorkspaceFactory.create()
        TaskTriggerExecution.objects.create(
            source_task=scene.task,
            run_trigger=link(scene.workspace, target),
            target_workspace=target,
            target_name=target.name,
            target_task=TaskFactory.create(workspace=target),
            status="triggered",
            due_at=timezone.now(),
        )


@fills("/api/v1/drift", f"{WORKSPACE}/drift-checks")
def drift(scene: Scene, count: int) -> None:
    """Workspaces that have drifted, and as many checks of one of them."""
    for _ in range(count):
        _check(scene.workspace)
        workspace = WorkspaceFactory.create()
        last, result = _check(workspace), _check(workspace)
        DriftStatus.objects.create(
            workspace=workspace, last_check=last, result=result, has_drift=True, severity="high"
        )


def _check(workspace: Workspace) -> DriftCheck:
    task = TaskFactory.create(workspace=workspace, background=True)
    return DriftCheck.objects.create(workspace=workspace, task=task)


@fills(f"{WORKSPACE}/resources-drift")
def resources_drift(scene: Scene, count: int) -> None:
    """Resources of a workspace that has been checked."""
    scene.once(
        "status",
        lambda: DriftStatus.objects.create(
            workspace=scene.workspace, result=_check(scene.workspace), has_drift=True
        ),
    )
    for _ in range(count):
        ResourceFactory.create(workspace=scene.workspace)


@fills(
    f"{CMDB}/search", f"{CMDB}/suggestions", f"{CMDB}/resource-types", f"{CMDB}/workspace-counts"
)
def indexed(scene: Scene, count: int) -> None:
    """Workspaces with a resource of a type of its own."""
    for number in itertools.islice(scene.numbers, count):
        synced(WorkspaceFactory.create(), resource(f"aws_kind{number}.aws{number}"))


@fills(f"{CMDB}/workspaces/{{workspace_id}}/resources", f"{CMDB}/workspaces/{{workspace_id}}/tree")
def indexed_in_one(scene: Scene, count: int) -> None:
    """Resources of one workspace, each in a module of its own."""
    numbers = scene.once("indexed", list)
    numbers += itertools.islice(scene.numbers, count)
    resources = [resource(f"aws_x.r{n}", module=f"module.m{n}") for n in numbers]
    synced(scene.workspace, *resources)


@fills(f"{CMDB}/external-sources/{{source_id}}/sync-logs")
def sync_logs(scene: Scene, count: int) -> Names:
    """Pulls of one source."""
    source = scene.once("source", a_source)
    for _ in range(count):
        SyncLog.objects.create(source=source, status="success")
    return {"source_id": source.source_id}


# --- Variable sets, dependencies, snapshots, the audit log

SET = "/api/v1/variable-sets/{variable_set_id}"
row_by_row("/api/v1/variable-sets", lambda _: VariableSetFactory.create(created_by=somebody()))
row_by_row(
    f"{WORKSPACE}/effective-variables",
    lambda scene: SetVariableFactory.create(
        variable_set__organization=scene.workspace.organization
    ),
)
row_by_row(
    f"{WORKSPACE}/snapshots",
    lambda scene: ResourceSnapshot.objects.create(
        workspace=scene.workspace,
        name=f"snapshot {next(scene.numbers)}",
        versions={},
        created_by=somebody(),
    ),
)
row_by_row(
    "/api/v1/audit-log",
    lambda scene: AuditEntry.objects.create(
        actor=scene.member, actor_name="ada", via="api", action="tasks.create", status=201
    ),
)


@fills(f"{SET}/variables")
def set_variables(scene: Scene, count: int) -> Names:
    """Variables of one set."""
    variable_set = scene.once("set", VariableSetFactory.create)
    SetVariableFactory.create_batch(count, variable_set=variable_set, created_by=somebody())
    return {"variable_set_id": variable_set.variable_set_id}


@fills(f"{SET}/variables/{{variable_id}}/versions")
def set_variable_versions(scene: Scene, count: int) -> Names:
    """Versions of one variable of a set."""
    first = scene.once("variable", SetVariableFactory.create)
    newest = SetVariable.objects.filter(variable_id=first.variable_id).count()
    for version in range(newest + 1, newest + 1 + count):
        SetVariableFactory.create(
            variable_set=first.variable_set,
            variable_id=first.variable_id,
            key=first.key,
            version=version,
            is_current=False,
            created_by=somebody(),
        )
    return {
        "variable_set_id": first.variable_set.variable_set_id,
        "variable_id": first.variable_id,
    }


@fills(f"{SET}/projects")
def set_projects(scene: Scene, count: int) -> Names:
    """Projects that one set applies to."""
    variable_set = scene.once("set", lambda: VariableSetFactory.create(scope="projects"))
    for number in itertools.islice(scene.numbers, count):
        organization = variable_set.organization
        project = Project.objects.create(organization=organization, name=f"project {number}")
        variable_set.projects.add(project)
    return {"variable_set_id": variable_set.variable_set_id}


@fills(f"{SET}/workspaces")
def set_workspaces(scene: Scene, count: int) -> Names:
    """Workspaces that one set applies to."""
    variable_set = scene.once("set", lambda: VariableSetFactory.create(scope="workspaces"))
    variable_set.workspaces.add(*WorkspaceFactory.create_batch(count))
    return {"variable_set_id": variable_set.variable_set_id}


@fills(f"{WORKSPACE}/resources/{{resource_id}}/dependencies")
def dependencies(scene: Scene, count: int) -> Names:
    """Resources that one depends on."""
    resource_row = scene.once("resource", lambda: ResourceFactory.create(workspace=scene.workspace))
    for _ in range(count):
        ResourceDependency.objects.create(
            resource=resource_row,
            depends_on=ResourceFactory.create(workspace=scene.workspace),
            created_by=somebody(),
        )
    return {"resource_id": resource_row.pk}


# --- Organizations, teams and grants

HOUSE = "/api/v1/organizations/{organization}"
TEAM = f"{HOUSE}/teams/{{team_id}}"


def a_team(scene: Scene) -> Team:
    """A team of its own in the workspace's organization."""
    house = scene.workspace.organization
    return Team.objects.create(organization=house, name=f"team {next(scene.numbers)}")


def in_the_house(scene: Scene) -> Names:
    """The organization's name in addresses."""
    return {"organization": scene.workspace.organization.name}


@fills("/api/v1/organizations")
def organizations(scene: Scene, count: int) -> None:
    """Organizations that the member belongs to."""
    for number in itertools.islice(scene.numbers, count):
        house = OrganizationFactory.create(name=f"house-{number}")
        Membership.objects.create(user=scene.member, organization=house)


@fills("/api/v1/users", f"{HOUSE}/members")
def members(scene: Scene, count: int) -> Names:
    """Members of the organization."""
    UserFactory.create_batch(count)
    return in_the_house(scene)


@fills(f"{HOUSE}/teams")
def teams(scene: Scene, count: int) -> Names:
    """Teams of the organization."""
    for _ in range(count):
        a_team(scene)
    return in_the_house(scene)


@fills(f"{TEAM}/members", f"{TEAM}/tokens")
def team_members(scene: Scene, count: int) -> Names:
    """Members and tokens of one team."""
    team = scene.once("team", lambda: a_team(scene))
    team.members.add(*UserFactory.create_batch(count))
    APITokenFactory.create_batch(count, team=team, created_by=somebody())
    return {**in_the_house(scene), "team_id": team.team_id}


@fills(f"{HOUSE}/tokens")
def organization_tokens(scene: Scene, count: int) -> Names:
    """Tokens of the organization."""
    house = scene.workspace.organization
    APITokenFactory.create_batch(count, organization=house, created_by=somebody())
    return in_the_house(scene)


@fills(f"{HOUSE}/access-grants", f"{WORKSPACE}/access-grants")
def grants(scene: Scene, count: int) -> Names:
    """Levels of teams in the workspace."""
    for _ in range(count):
        AccessGrant.objects.create(
            team=a_team(scene), workspace=scene.workspace, level=Level.READ, created_by=somebody()
        )
    return in_the_house(scene)


row_by_row(
    "/api/v1/projects",
    lambda scene: Project.objects.create(
        organization=scene.workspace.organization, name=f"project {next(scene.numbers)}"
    ),
)
