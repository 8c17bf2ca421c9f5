"""Rows that tests start from, each as plain as its constraints allow; traits name the rest."""

# The library types its factories but not what they are declared with.
# mypy: disable-error-code="attr-defined, no-untyped-call, untyped-decorator"

import hashlib
import json
from typing import Any

import factory
from django.utils import timezone

from iacplatform.accounts.levels import Level
from iacplatform.accounts.models import (
    DEFAULT_ORGANIZATION,
    APIToken,
    Membership,
    Organization,
    Team,
    User,
)
from iacplatform.accounts.services import create_api_token
from workspaces.models import (
    AccessGrant,
    EngineVersion,
    Project,
    ResourceChange,
    ResourceCodeVersion,
    SetVariable,
    StateVersion,
    TaskSnapshot,
    VariableSet,
    VariableSetScope,
    VariableType,
    Workspace,
    WorkspaceOutput,
    WorkspaceRemoteData,
    WorkspaceResource,
    WorkspaceTask,
    WorkspaceVariable,
)
from workspaces.task_status import ExecutionMode, Stage, TaskStatus, TaskType


class OrganizationFactory(factory.django.DjangoModelFactory[Organization]):
    """An organization; the seeded one by default."""

    class Meta:
        model = Organization
        django_get_or_create = ["name"]

    name = DEFAULT_ORGANIZATION


class UserFactory(factory.django.DjangoModelFactory[User]):
    """An owner of the seeded organization, or of those given as ``organizations``."""

    class Meta:
        model = User
        skip_postgeneration_save = True

    class Params:
        staff = factory.Trait(is_staff=True)
        superuser = factory.Trait(is_staff=True, is_superuser=True)

    username = factory.Sequence(lambda number: f"user{number}")
    password = factory.django.Password("correct horse")

    @factory.post_generation
    def organizations(self: Any, create: bool, given: Any, **_: Any) -> None:
        """Makes the user an owner."""
        for organization in [OrganizationFactory.create()] if given is None else given:
            Membership.objects.create(user=self, organization=organization, is_owner=True)


def plain_member(organization: Organization | None = None, **fields: Any) -> User:
    """Somebody who belongs to an organization and may do nothing there until a team of theirs may."""
    user = UserFactory.create(organizations=[], **fields)
    Membership.objects.create(
        user=user, organization=organization or OrganizationFactory.create(), is_owner=False
    )
    return user


def member_with(
    level: Level,
    *,
    organization: Organization | None = None,
    project: Project | None = None,
    workspace: Workspace | None = None,
    roles: tuple[str, ...] = (),
    **fields: Any,
) -> User:
    """A member of a team of their own that has this level in one place."""
    place = organization or (project or workspace or OrganizationFactory.create())
    owner = place if isinstance(place, Organization) else place.organization
    user = plain_member(owner, **fields)
    team = Team.objects.create(organization=owner, name=f"team of {user}", roles=list(roles))
    team.members.add(user)
    everywhere = owner if project is None and workspace is None else None
    AccessGrant.objects.create(
        team=team, level=level, organization=everywhere, project=project, workspace=workspace
    )
    return user


def api_token(user: User) -> str:
    """The text of a new API token."""
    return create_api_token(user, name="tests")[1]


class APITokenFactory(factory.django.DjangoModelFactory[APIToken]):
    """A token whose text nobody knows."""

    class Meta:
        model = APIToken

    user = factory.SubFactory(UserFactory)
    name = "ci"
    digest = factory.Sequence(lambda number: hashlib.sha256(str(number).encode()).hexdigest())
    hint = "iac_abcdefgh"


class EngineVersionFactory(factory.django.DjangoModelFactory[EngineVersion]):
    """An engine that is registered; nothing is downloaded."""

    class Meta:
        model = EngineVersion
        django_get_or_create = ["engine", "version"]

    class Params:
        default = factory.Trait(is_default=True)
        opentofu = factory.Trait(engine="opentofu")

    engine = "terraform"
    version = factory.Sequence(lambda number: f"1.9.{number}")
    download_url = "https://releases.example.com/engine.zip"
    checksum = "0" * 64


class WorkspaceFactory(factory.django.DjangoModelFactory[Workspace]):
    """A workspace of the seeded organization."""

    class Meta:
        model = Workspace

    class Params:
        locked = factory.Trait(
            is_locked=True,
            locked_by="grace",
            locked_at=factory.LazyFunction(timezone.now),
            lock_reason="Moving house",
        )

    organization = factory.SubFactory(OrganizationFactory)
    name = factory.Sequence(lambda number: f"workspace-{number:04}")


class TaskFactory(factory.django.DjangoModelFactory[WorkspaceTask]):
    """A pending plan."""

    class Meta:
        model = WorkspaceTask

    class Params:
        plan_and_apply = factory.Trait(task_type=TaskType.PLAN_AND_APPLY)
        running = factory.Trait(status=TaskStatus.RUNNING, stage=Stage.PLANNING)
        waiting_for_approval = factory.Trait(
            task_type=TaskType.PLAN_AND_APPLY,
            status=TaskStatus.APPLY_PENDING,
            stage=Stage.APPLY_PENDING,
            has_changes=True,
            changes_add=1,
        )
        failed = factory.Trait(
            status=TaskStatus.FAILED, stage=Stage.PLANNING, error_message="Error: no such region"
        )
        background = factory.Trait(task_type=TaskType.DRIFT_CHECK, is_background=True)

    workspace = factory.SubFactory(WorkspaceFactory)
    task_type = TaskType.PLAN_ONLY
    execution_mode = ExecutionMode.LOCAL


class ResourceChangeFactory(factory.django.DjangoModelFactory[ResourceChange]):
    """A resource that a plan creates."""

    class Meta:
        model = ResourceChange

    task = factory.SubFactory(TaskFactory)
    resource_address = factory.Sequence(lambda number: f"null_resource.each[{number}]")
    resource_type = "null_resource"
    resource_name = "each"
    action = "create"


class VariableFactory(factory.django.DjangoModelFactory[WorkspaceVariable]):
    """A terraform variable at version 1."""

    class Meta:
        model = WorkspaceVariable

    class Params:
        secret = factory.Trait(sensitive=True, value="hunter2 hunter2")
        environment = factory.Trait(variable_type=VariableType.ENVIRONMENT)

    workspace = factory.SubFactory(WorkspaceFactory)
    key = factory.Sequence(lambda number: f"variable_{number}")
    value = "blue"


class ProjectFactory(factory.django.DjangoModelFactory[Project]):
    """A project of the seeded organization."""

    class Meta:
        model = Project

    organization = factory.SubFactory(OrganizationFactory)
    name = factory.Sequence(lambda number: f"project {number}")


class VariableSetFactory(factory.django.DjangoModelFactory[VariableSet]):
    """A set that applies to the whole seeded organization."""

    class Meta:
        model = VariableSet

    organization = factory.SubFactory(OrganizationFactory)
    name = factory.Sequence(lambda number: f"set {number}")
    scope = VariableSetScope.ORGANIZATION


class SetVariableFactory(factory.django.DjangoModelFactory[SetVariable]):
    """A terraform variable of a set at version 1."""

    class Meta:
        model = SetVariable

    class Params:
        secret = factory.Trait(sensitive=True, value="hunter2 hunter2")
        environment = factory.Trait(variable_type=VariableType.ENVIRONMENT)

    variable_set = factory.SubFactory(VariableSetFactory)
    key = factory.Sequence(lambda number: f"shared_{number}")
    value = "green"


class ResourceFactory(factory.django.DjangoModelFactory[WorkspaceResource]):
    """A resource with version 1 of its code, which is ``tf_code`` or one resource block."""

    class Meta:
        model = WorkspaceResource
        skip_postgeneration_save = True

    workspace = factory.SubFactory(WorkspaceFactory)
    resource_type = "null_resource"
    resource_name = factory.Sequence(lambda number: f"each{number}")
    resource_id = factory.LazyAttribute(lambda row: f"{row.resource_type}.{row.resource_name}")

    @factory.post_generation
    def tf_code(self: Any, create: bool, given: Any, **_: Any) -> None:
        """Writes the first version."""
        code = given or {"resource": {self.resource_type: {self.resource_name: {}}}}
        self.current_version = ResourceCodeVersion.objects.create(resource=self, tf_code=code)
        self.save(update_fields=["current_version"])


class OutputFactory(factory.django.DjangoModelFactory[WorkspaceOutput]):
    """A static output."""

    class Meta:
        model = WorkspaceOutput

    workspace = factory.SubFactory(WorkspaceFactory)
    output_name = factory.Sequence(lambda number: f"output_{number}")
    output_value = "blue"


class RemoteDataFactory(factory.django.DjangoModelFactory[WorkspaceRemoteData]):
    """The outputs of another workspace that shares them with all."""

    class Meta:
        model = WorkspaceRemoteData

    workspace = factory.SubFactory(WorkspaceFactory)
    source_workspace = factory.SubFactory(WorkspaceFactory, outputs_sharing="all")
    data_name = factory.Sequence(lambda number: f"data_{number}")


def state_content(serial: int = 1, **outputs: Any) -> bytes:
    """A state file with these outputs; those whose name begins with ``secret`` are sensitive."""
    return json.dumps(
        {
            "version": 4,
            "terraform_version": "1.9.5",
            "serial": serial,
            "lineage": "8f5c1e2e-5c0f-4b8e-9a55-0d3f0a1b2c3d",
            "outputs": {
                name: {
                    "value": value,
                    "type": "string",
                    **({"sensitive": True} if name.startswith("secret") else {}),
                }
                for name, value in outputs.items()
            },
            "resources": [],
        }
    ).encode()


class StateVersionFactory(factory.django.DjangoModelFactory[StateVersion]):
    """The next state of a workspace."""

    class Meta:
        model = StateVersion

    workspace = factory.SubFactory(WorkspaceFactory)
    version = factory.LazyAttribute(lambda row: row.workspace.state_versions.count() + 1)
    content = factory.LazyAttribute(lambda row: state_content(row.version))
    checksum = factory.LazyAttribute(lambda row: hashlib.sha256(row.content).hexdigest())
    size_bytes = factory.LazyAttribute(lambda row: len(row.content))
    serial = factory.SelfAttribute("version")
    output_count = 0
    lineage = "8f5c1e2e-5c0f-4b8e-9a55-0d3f0a1b2c3d"


def approvable_task(workspace: Workspace, **snapshot: Any) -> WorkspaceTask:
    """A task that waits for approval, with its snapshot and the workspace's lock."""
    task = TaskFactory.create(workspace=workspace, waiting_for_approval=True)
    engine = workspace.engine_version or EngineVersionFactory.create(version="1.9.5")
    parts: dict[str, Any] = {
        "resource_versions": {},
        "variables": [],
        "provider_config": {},
        "outputs": [],
        "remote_data": [],
        "configuration_source": workspace.configuration_source,
    }
    TaskSnapshot.objects.create(task=task, engine_version=engine, **(parts | snapshot))
    Workspace.objects.filter(pk=workspace.pk).update(
        is_locked=True,
        locked_by="system",
        locked_at=timezone.now(),
        lock_reason=f"Locked for apply (task #{task.pk}).",
        lock_task=task,
    )
    workspace.refresh_from_db()
    return task
