"""A task's snapshot resolved to the values that its engine gets (reference §4.3)."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, cast

from django.conf import settings

from executor.claims import KNOWN_STAGES, Claim
from executor.core.accessor import Engine, EngineRelease, Limits, Phase, TaskSpec, TaskType
from iacplatform.terraform.configuration import (
    Configuration,
    Output,
    RemoteData,
    Variable,
    module_name,
)
from iacplatform.terraform.exceptions import ConfigurationError
from iacplatform.terraform.hcl import ValueFormat
from workspaces.exceptions import SnapshotInvalid
from workspaces.models import (
    ChangeAction,
    ConfigurationSource,
    EngineVersion,
    SetVariable,
    TaskSnapshot,
    VariableType,
    Workspace,
    WorkspaceTask,
    WorkspaceVariable,
)
from workspaces.models.output import STATIC_OUTPUT
from workspaces.services.remote_data import TOKEN_LIFETIME, issue_token, remote_sources
from workspaces.services.snapshots import snapshot_code, snapshot_variables
from workspaces.task_status import Stage

# How long a token opens where nothing ends the plan that reads with it; its task's end does anyway.
UNLIMITED = timedelta(days=1)
Variables = Sequence[WorkspaceVariable | SetVariable]

# Any of these may find itself on another host, where it has to write the task's files again.
WRITES_FILES = frozenset(KNOWN_STAGES) - {Stage.RESCUE, Stage.SAVING_STATE}


def build_task_spec(claim: Claim) -> TaskSpec:
    """Everything a stage needs to know of its task, in one object.

    Raises :class:`ConfigurationError` naming remote data that cannot be read any more.
    """
    task = WorkspaceTask.objects.select_related("workspace", "snapshot__engine_version").get(
        pk=claim.task_id
    )
    snapshot, workspace = task.snapshot, task.workspace
    variables = snapshot_variables(snapshot)
    return TaskSpec(
        task_id=task.pk,
        task_type=cast("TaskType", task.task_type),
        phase=cast("Phase", claim.phase),
        workspace_id=workspace.workspace_id,
        workspace_name=workspace.name,
        engine=_engine(snapshot.engine_version),
        configuration=_configuration(task, snapshot, variables, claim),
        has_archive=snapshot.configuration_source == ConfigurationSource.ARCHIVE,
        environment=_environment(variables),
        sensitive_values=_sensitive_values(snapshot, variables),
        targets=tuple(task.targets),
        lock_file=snapshot.lock_file or workspace.lock_file,
        last_init_hash=workspace.last_init_hash,
        last_init_engine_version=workspace.last_init_engine_version,
        plan_hash=task.plan_hash,
        plan_host=task.plan_host,
        limits=limits_of(workspace),
        apply_owner=task.apply_owner,
        replaced=_replaced(task) if claim.name == Stage.APPLYING else (),
    )


def limits_of(workspace: Workspace) -> Limits:
    """The workspace's own limits where it has some, within the platform's; seconds, 0 for none."""
    return Limits(
        plan=_shorter(workspace.plan_timeout_seconds, settings.PLAN_TIMEOUT_SECONDS),
        apply=_shorter(workspace.apply_timeout_seconds, settings.APPLY_TIMEOUT_SECONDS),
        silence=_shorter(workspace.silence_timeout_seconds, settings.SILENCE_TIMEOUT_SECONDS),
    )


def _shorter(own: int | None, platform: int) -> float:
    return float(min(filter(None, (own, platform)), default=0))


def _replaced(task: WorkspaceTask) -> tuple[str, ...]:
    replaced = task.resource_changes.filter(action=ChangeAction.REPLACE)
    return tuple(replaced.values_list("resource_address", flat=True))


def _engine(row: EngineVersion) -> EngineRelease:
    return EngineRelease(cast("Engine", row.engine), row.version, row.download_url, row.checksum)


def _configuration(
    task: WorkspaceTask, snapshot: TaskSnapshot, variables: Variables, claim: Claim
) -> Configuration:
    return Configuration(
        bodies=tuple(snapshot_code(snapshot)) or _fallback(snapshot),
        provider_config=snapshot.provider_config or {},
        variables=tuple(
            Variable(
                row.key,
                row.value,
                cast("ValueFormat", row.value_format),
                row.sensitive,
                row.description,
            )
            for row in variables
            if row.variable_type == VariableType.TERRAFORM
        ),
        outputs=tuple(_output(entry) for entry in snapshot.outputs or []),
        remote_data=_remote_data(task, snapshot) if claim.name in WRITES_FILES else (),
    )


def _fallback(snapshot: TaskSnapshot) -> tuple[dict[str, Any], ...]:
    return (snapshot.tf_code,) if snapshot.tf_code else ()


def sensitive_values_of(task: WorkspaceTask) -> tuple[str, ...]:
    """What the log of a task must not show; raises :class:`SnapshotInvalid` if nobody can know any more."""
    snapshot = TaskSnapshot.objects.filter(task=task).first()
    variables = snapshot_variables(snapshot) if snapshot else []
    if snapshot is None or len(variables) < len(snapshot.variables or []):
        raise SnapshotInvalid(f"The snapshot of task #{task.pk} names variables that are gone")
    return _sensitive_values(snapshot, variables)


def _sensitive_values(snapshot: TaskSnapshot, variables: Variables) -> tuple[str, ...]:
    """What the log must not show: sensitive variables, and the literals of sensitive outputs."""
    outputs = map(_output, snapshot.outputs or [])
    literals = (output.value for output in outputs if output.sensitive and not output.module)
    values = [*(row.value for row in variables if row.sensitive), *literals]
    return tuple(filter(None, values))


def _output(entry: dict[str, Any]) -> Output:
    resource = entry["resource_name"]
    return Output(
        module="" if resource == STATIC_OUTPUT else module_name(resource),
        name=entry["output_name"],
        value=entry["output_value"],
        description=entry["description"],
        sensitive=entry["sensitive"],
    )


def _remote_data(task: WorkspaceTask, snapshot: TaskSnapshot) -> tuple[RemoteData, ...]:
    try:
        sources = remote_sources(snapshot)
    except SnapshotInvalid as error:
        raise ConfigurationError(f"{error}.") from error
    limit = timedelta(seconds=limits_of(task.workspace).plan)
    lifetime = limit + TOKEN_LIFETIME if limit else UNLIMITED
    return tuple(
        RemoteData(name, url=_outputs_url(source), token=issue_token(source, task, lifetime))
        for name, source in sources.items()
    )


def _outputs_url(source: Workspace) -> str:
    return f"{settings.BASE_URL}/api/v1/workspaces/{source.workspace_id}/state-outputs/full"


def _environment(variables: Variables) -> dict[str, str]:
    return {
        row.key: row.value for row in variables if row.variable_type == VariableType.ENVIRONMENT
    }
