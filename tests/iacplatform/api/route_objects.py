"""What the paths of routes name: real rows of a workspace, made when a path asks for them."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from django.utils import timezone

from iacplatform.accounts.levels import Level
from iacplatform.accounts.models import AuditEntry, Organization, Team, User
from iacplatform.common.models import OutboxEntry
from tests.factories import (
    APITokenFactory,
    EngineVersionFactory,
    OutputFactory,
    RemoteDataFactory,
    ResourceFactory,
    SetVariableFactory,
    StateVersionFactory,
    TaskFactory,
    VariableFactory,
    VariableSetFactory,
    WorkspaceFactory,
    plain_member,
)
from tests.iacplatform.api.routes import Route
from tests.notifications.factories import AttachmentFactory as NotificationAttachmentFactory
from tests.notifications.factories import NotificationFactory, message
from tests.runtasks.factories import AttachmentFactory as RunTaskAttachmentFactory
from tests.runtasks.factories import ResultFactory, RunTaskFactory
from tests.triggers.factories import link
from tests.workspaces.cmdb.inventories import a_source
from tests.workspaces.cmdb.states import resource, synced
from triggers.models import TaskTriggerExecution
from workspaces.cmdb.models import ResourceIndex
from workspaces.drift.models import DriftCheck, DriftIgnoreRule, DriftStatus
from workspaces.models import (
    AccessGrant,
    ConfigurationVersion,
    Project,
    ResourceSnapshot,
    TaskStage,
    Workspace,
    WorkspaceTask,
)


@dataclass
class Place:
    """A workspace, whose owner asks, and the rows that were made in it, by the names of a path."""

    owner: User
    workspace: Workspace
    path: str = ""
    made: dict[str, Any] = field(default_factory=dict)

    @property
    def organization(self) -> Organization:
        """That of the workspace."""
        return self.workspace.organization

    @property
    def task(self) -> WorkspaceTask:
        """The task that a path names, or one of its own."""
        if "task" not in self.made:
            self.made["task"] = TaskFactory.create(workspace=self.workspace, plan_and_apply=True)
        task: WorkspaceTask = self.made["task"]
        return task


Make = Callable[[Place], Any]


def names_of(route: Route, place: Place) -> dict[str, Any]:
    """Makes what the path of a route names, in a place."""
    place.path = route.path
    names = {name: MAKERS[name](place) for name in route.names}
    if extra := ARRANGED.get(str(route)):
        extra(place)
    return names


def _variable(place: Place) -> Any:
    if variable_set := place.made.get("variable_set"):
        return SetVariableFactory.create(variable_set=variable_set).variable_id
    return VariableFactory.create(workspace=place.workspace).variable_id


def _plan_only(place: Place) -> None:
    """A plan, which who may plan may also stop; of changes only their own."""
    WorkspaceTask.objects.filter(pk=place.task.pk).update(task_type="plan_only")


def _team(place: Place) -> Team:
    if "team" not in place.made:
        number = Team.objects.count()
        place.made["team"] = Team.objects.create(
            organization=place.organization, name=f"team {number}"
        )
    team: Team = place.made["team"]
    return team


def _token(place: Place) -> int:
    """Whose it is, the path says."""
    owners: dict[str, Any] = {"user": place.owner}
    if "/teams/" in place.path:
        owners["team"] = _team(place)
    elif "/organizations/" in place.path:
        owners["organization"] = place.organization
    return APITokenFactory.create(**owners).pk


def _grant(place: Place) -> str:
    grant = AccessGrant.objects.create(
        team=_team(place), workspace=place.workspace, level=Level.READ, created_by=place.owner
    )
    return str(grant.grant_id)


def _project(place: Place) -> str:
    number = Project.objects.count()
    project = Project.objects.create(organization=place.organization, name=f"project {number}")
    return str(project.project_id)


def _variable_set(place: Place) -> str:
    place.made["variable_set"] = VariableSetFactory.create(organization=place.organization)
    return str(place.made["variable_set"].variable_set_id)


def _version(place: Place) -> int:
    if "/state-versions/" not in place.path:
        return 1  # what was made a moment ago has one version
    return int(_state(place).version)


def _state(place: Place) -> Any:
    return StateVersionFactory.create(workspace=place.workspace)


def _snapshot(place: Place) -> int:
    return ResourceSnapshot.objects.create(
        workspace=place.workspace, name="before", versions={}, created_by=place.owner
    ).pk


def _configuration(place: Place) -> str:
    return ConfigurationVersion.objects.create(
        workspace=place.workspace,
        archive=b"archive",
        sha256=hashlib.sha256(b"archive").hexdigest(),
        size_bytes=7,
        unpacked_bytes=7,
        file_count=1,
    ).configuration_id


def _result(place: Place) -> str:
    run_task = RunTaskFactory.create(organization=place.organization)
    gate = TaskStage.objects.create(
        task=place.task, position=1, phase="plan", name="post_plan_run_tasks", mode="local"
    )
    return str(ResultFactory.create(task=place.task, gate=gate, run_task=run_task).result_id)


def _run_task_attachment(place: Place) -> str:
    run_task = RunTaskFactory.create(organization=place.organization)
    made = RunTaskAttachmentFactory.create(workspace=place.workspace, run_task=run_task)
    return str(made.workspace_run_task_id)


def _notification_attachment(place: Place) -> Any:
    config = NotificationFactory.create(organization=place.organization)
    return NotificationAttachmentFactory.create(workspace=place.workspace, notification=config)


def _notification_log(place: Place) -> str:
    return message(_notification_attachment(place), place.task).log_id


def _trigger(place: Place) -> Any:
    """One that leads out of the workspace and back into it: whoever may change it may write to both ends."""
    target = WorkspaceFactory.create(
        organization=place.organization, project=place.workspace.project
    )
    return link(place.workspace, target, created_by=place.owner)


def _execution(place: Place) -> str:
    trigger = _trigger(place)
    return TaskTriggerExecution.objects.create(
        source_task=place.task,
        run_trigger=trigger,
        target_workspace=trigger.target,
        target_name=trigger.target.name,
        status="pending",
        due_at=timezone.now(),
    ).execution_id


def _check(place: Place) -> DriftCheck:
    task = TaskFactory.create(workspace=place.workspace, background=True)
    check = DriftCheck.objects.create(workspace=place.workspace, task=task)
    DriftStatus.objects.create(
        workspace=place.workspace, last_check=check, result=check, has_drift=True, severity="high"
    )
    return check


def _indexed(place: Place) -> int:
    synced(place.workspace, resource("aws_secretkind.web"))
    return ResourceIndex.objects.get(workspace=place.workspace).pk


def _interrupted(place: Place) -> None:
    TaskStage.objects.create(
        task=place.task,
        position=1,
        phase="apply",
        name="applying",
        mode="local",
        status="lost",
        finished_at=timezone.now(),
    )


def _entry(place: Place) -> str:
    AuditEntry.objects.create(
        actor=place.owner,
        actor_name="listed-one",
        organization=place.organization,
        via="api",
        action="tasks.create",
        status=201,
    )
    return "listed-one"


MAKERS: dict[str, Make] = {
    "workspace_id": lambda place: place.workspace.workspace_id,
    "task_id": lambda place: place.task.pk,
    "token_id": _token,
    "organization": lambda place: place.organization.name,
    "team_id": lambda place: _team(place).team_id,
    "user_id": lambda place: plain_member(place.organization).pk,
    "grant_id": _grant,
    "project_id": _project,
    "entry_id": lambda _: (
        OutboxEntry.objects.create(kind="test", key="1", max_attempts=1, waits=[1.0]).pk
    ),
    "variable_id": _variable,
    "variable_set_id": _variable_set,
    "version": _version,
    "resource_id": lambda place: ResourceFactory.create(workspace=place.workspace).pk,
    "snapshot_id": _snapshot,
    "configuration_id": _configuration,
    "output_id": lambda place: OutputFactory.create(workspace=place.workspace).output_id,
    "remote_data_id": lambda place: (
        RemoteDataFactory.create(
            workspace=place.workspace,
            source_workspace__organization=place.organization,
            source_workspace__project=place.workspace.project,
        ).remote_data_id
    ),
    "engine_version_id": lambda _: EngineVersionFactory.create().pk,
    "run_task_id": lambda place: RunTaskFactory.create(organization=place.organization).run_task_id,
    "workspace_run_task_id": _run_task_attachment,
    "result_id": _result,
    "notification_id": lambda place: (
        NotificationFactory.create(organization=place.organization).notification_id
    ),
    "workspace_notification_id": lambda place: (
        _notification_attachment(place).workspace_notification_id
    ),
    "log_id": _notification_log,
    "run_trigger_id": lambda place: _trigger(place).run_trigger_id,
    "execution_id": _execution,
    "check_id": lambda place: _check(place).check_id,
    "rule_id": lambda place: (
        DriftIgnoreRule.objects.create(
            workspace=place.workspace, address_pattern="*", reason="known", created_by=place.owner
        ).rule_id
    ),
    "pk": _indexed,
    "source_id": lambda place: a_source(organization=place.organization).source_id,
}
"""By the name in a path."""

_W = "/workspaces/{workspace_id}"
ARRANGED: dict[str, Callable[[Place], Any]] = {
    f"GET {_W}/state-versions/current": _state,
    f"GET {_W}/state-versions/current/download": _state,
    f"GET {_W}/state-versions/compare": lambda place: (_state(place), _state(place)),
    f"POST {_W}/tasks/{{task_id}}/cancel": _plan_only,
    f"GET {_W}/tasks/{{task_id}}/interruption": _interrupted,
    f"POST {_W}/tasks/{{task_id}}/resolve-interruption": _interrupted,
}
"""What has to be there besides, for a route to find what it shows."""

LISTED: dict[str, Make] = {
    "/auth/tokens": lambda place: APITokenFactory.create(user=place.owner, name="listed-one").name,
    "/audit-log": _entry,
    "/outbox": lambda _: (
        OutboxEntry.objects.create(kind="test", key="listed-one", max_attempts=1, waits=[1.0]).key
    ),
    "/workspaces": lambda place: place.workspace.workspace_id,
    "/variable-sets": _variable_set,
    "/projects": _project,
    "/organizations": lambda place: place.organization.name,
    "/users": lambda place: place.owner.get_username(),
    "/engine-versions": lambda _: EngineVersionFactory.create(version="1.9.77").version,
    "/run-tasks": MAKERS["run_task_id"],
    "/notifications": MAKERS["notification_id"],
    "/notifications/available": MAKERS["notification_id"],
    "/drift": lambda place: (_check(place), place.workspace.workspace_id)[1],
    "/cmdb/search": lambda place: (_indexed(place), "aws_secretkind.web")[1],
    "/cmdb/suggestions": lambda place: (_indexed(place), "aws_secretkind")[1],
    "/cmdb/stats": lambda place: (_indexed(place), "aws_secretkind")[1],
    "/cmdb/resource-types": lambda place: (_indexed(place), "aws_secretkind")[1],
    "/cmdb/workspace-counts": lambda place: (_indexed(place), place.workspace.workspace_id)[1],
    "/cmdb/external-sources": MAKERS["source_id"],
}
"""Lists beside workspaces: makes a row and says by which text an answer that shows it is known."""

QUERIES = {
    "/cmdb/search": "q=aws_secretkind",
    "/cmdb/suggestions": "q=.web",
    f"{_W}/state-versions/compare": "from=1&to=2",
    f"{_W}/resources/{{resource_id}}/versions/compare": "from=1&to=1",
}
"""What a route is asked with, where it does not answer without."""

BODIES: dict[str, dict[str, Any]] = {
    "POST /workspaces": {"name": "new", "organization": "default"},
    "POST /variable-sets": {"name": "new", "organization": "default"},
    "POST /run-tasks": {
        "name": "new",
        "organization": "default",
        "endpoint_url": "https://checks.example.com/hook",
        "verify": False,
    },
    "POST /notifications": {
        "name": "new",
        "organization": "default",
        "notification_type": "webhook",
        "endpoint_url": "https://chat.example.com/hook",
    },
    "POST /projects": {"name": "new", "organization": "default"},
    "POST /organizations": {"name": "new"},
    "POST /users": {"username": "new"},
    "PUT /variable-sets/{variable_set_id}/projects": {"project_ids": []},
    "PUT /variable-sets/{variable_set_id}/workspaces": {"workspace_ids": []},
    "PUT /variable-sets/{variable_set_id}/variables/{variable_id}": {"version": 1, "value": "x"},
    "POST /run-tasks/test": {"endpoint_url": "http://127.0.0.1:9/hook"},
    f"PUT {_W}/variables/{{variable_id}}": {"version": 1, "value": "x"},
    f"PUT {_W}/resources/{{resource_id}}": {
        "version": 1,
        "tf_code": {"resource": {"null_resource": {"x": {}}}},
    },
    f"PUT {_W}/resources/{{resource_id}}/dependencies": {"depends_on": []},
    f"PUT {_W}/tasks/{{task_id}}/trigger-executions/{{execution_id}}": {
        "temporarily_disabled": True
    },
    "POST /auth/tokens": {"name": "new"},
    f"POST {_W}/variables": {"key": "region", "value": "eu"},
    f"POST {_W}/outputs": {"output_name": "url", "output_value": "x"},
    f"POST {_W}/tasks/{{task_id}}/comments": {"comment": "Looks right"},
    f"PATCH {_W}": {"description": "Ours"},
    f"PUT {_W}": {"name": "shop-two"},
}
"""What a route is sent, where something has to be understood before it is known who may."""
