"""The rows that `make bench-api` reads: as many as a large installation has, made by PostgreSQL itself."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import connection
from django.db.models import Model
from django.utils import timezone

from iacplatform.accounts.levels import Level
from iacplatform.accounts.models import (
    DEFAULT_ORGANIZATION,
    Membership,
    Organization,
    Team,
    User,
)
from iacplatform.accounts.services import create_api_token
from workspaces.models import (
    AccessGrant,
    EngineVersion,
    ResourceChange,
    StateVersion,
    TaskLog,
    TaskSnapshot,
    TaskStage,
    Workspace,
    WorkspaceTask,
    WorkspaceVariable,
)
from workspaces.task_status import ExecutionMode, Phase, Stage, StageStatus, TaskStatus, TaskType

TASKS_A_WORKSPACE = 10
LOG_LINES = 200
VARIABLES = 20
OTHERS = ("payments", "data", "research")
# Of ten workspaces: the member sees those of the first organization and of the third.
ORGANIZATION = "(ARRAY[{0}, {0}, {0}, {0}, {0}, {0}, {1}, {1}, {2}, {3}])[1 + n / 3 %% 10]"
SERVICES = (
    "billing catalogue checkout gateway identity inventory ledger mailer orders payments pricing"
)
SERVICES += " profile ranking reports returns search shipping tracking vouchers warehouse"
KINDS = "api batch cache frontend worker"
SEARCHED = "lighthouse"
"""What is looked for: a team has as many workspaces, however large the installation."""
OF_THE_TEAM = 30
COMMON = "vouchers-worker"
"""In the names of one workspace in a hundred, which are almost the last by name."""
CHANGED_AT = "now() - n * interval '17 seconds'"
# Very uneven: the first hundredth of the workspaces has a fifth of the tasks.
SKEWED = "{first} + floor({count} * power(random(), 3))::bigint"
STATUS = "(ARRAY['applied', 'applied', 'applied', 'applied', 'success', 'failed', 'cancelled'])[1 + n %% 7]"
STAGES = [
    (Phase.PLAN, [Stage.FETCHING, Stage.INIT, Stage.PLANNING, Stage.SAVING_PLAN]),
    (Phase.APPLY, [Stage.FETCHING, Stage.INIT, Stage.APPLYING, Stage.SAVING_STATE]),
]


@dataclass(frozen=True)
class Filled:
    """Whose token it is asked with, and what for."""

    token: str
    workspace: str
    task: int
    search: str = SEARCHED
    common: str = COMMON


def fill(count: int) -> Filled:
    """Makes ``count`` workspaces with ten times as many tasks in an empty database.

    One workspace, the busy one, has a tenth of all tasks, ``count`` state versions, and variables of
    ``count`` versions altogether; its newest task changes ``count`` resources.
    """
    member, organizations = _people()
    first = _workspaces(count, organizations, member)
    busy = Workspace.objects.get(pk=first)
    _tasks(count, busy, member)
    task = _newest_task(busy, member)
    _multiply(_change(task), count - 1, resource_address="'null_resource.each[' || n || ']'")
    _states(count, busy, member)
    _variables(count, busy, member)
    _vacuum()
    token = create_api_token(member, name="bench")[1]
    return Filled(token, busy.workspace_id, task.pk)


def _people() -> tuple[User, list[int]]:
    organizations = [
        Organization.objects.get_or_create(name=name)[0] for name in (DEFAULT_ORGANIZATION, *OTHERS)
    ]
    people = [User(username=f"person-{number}") for number in range(200)]
    User.objects.bulk_create(people)
    Membership.objects.bulk_create(
        Membership(user=person, organization=organization)
        for person in people
        for organization in (organizations[0], organizations[2])
    )
    team = Team.objects.create(organization=organizations[0], name="platform")
    team.members.set(people)
    elsewhere = Team.objects.create(organization=organizations[2], name="platform")
    elsewhere.members.set(people)
    for each in (team, elsewhere):
        AccessGrant.objects.create(team=each, organization=each.organization, level=Level.WRITE)
    return people[0], [organization.pk for organization in organizations]


def _workspaces(count: int, organizations: list[int], member: User) -> int:
    """Gives the id of the busy one; those of the others follow it."""
    engine = EngineVersion.objects.create(
        engine="terraform",
        version="1.9.5",
        download_url="https://releases.example.com/terraform.zip",
        checksum="0" * 64,
        is_default=True,
    )
    busy = Workspace.objects.create(
        organization_id=organizations[0],
        name="busy",
        description="Where most is done",
        tags=["prod"],
        engine_version=engine,
        created_by=member,
        tf_code={"resource": {"null_resource": {"each": {"count": 3}}}},
    )
    is_the_teams = f"n %% {max(count // OF_THE_TEAM, 1)} = 0"
    team = f"CASE WHEN {is_the_teams} THEN '{SEARCHED}' ELSE {_one_of(SERVICES)} END"
    _multiply(
        busy,
        count - 1,
        workspace_id="'ws-' || lpad(n::text, 10, '0')",
        name=f"{team} || '-' || {_one_of(KINDS, 20)} || '-eu-' || n",
        description="'Service ' || n || ' in region ' || n %% 5",
        organization_id=ORGANIZATION.format(*organizations),
        created_at=CHANGED_AT,
        updated_at=CHANGED_AT,
        last_plan_at=CHANGED_AT,
        last_apply_at=CHANGED_AT,
    )
    return busy.pk


def _tasks(count: int, busy: Workspace, member: User) -> None:
    total = count * TASKS_A_WORKSPACE
    task = _task(busy, member)
    skewed = SKEWED.format(first=busy.pk, count=count)
    _multiply(
        task,
        total - 1,
        workspace_id=f"CASE WHEN n %% {TASKS_A_WORKSPACE} = 0 THEN {busy.pk} ELSE {skewed} END",
        task_type="CASE WHEN n %% 11 = 0 THEN 'drift_check' ELSE 'plan_and_apply' END",
        is_background="n %% 11 = 0",
        status=STATUS,
        description="'Change ' || n",
    )


def _task(workspace: Workspace, member: User) -> WorkspaceTask:
    now = timezone.now()
    return WorkspaceTask.objects.create(
        workspace=workspace,
        task_type=TaskType.PLAN_AND_APPLY,
        description="Open the shop",
        status=TaskStatus.APPLIED,
        stage=Stage.APPLIED,
        execution_mode=ExecutionMode.LOCAL,
        has_changes=True,
        changes_add=3,
        log_lines=LOG_LINES,
        created_by=member,
        started_at=now - timedelta(minutes=1),
        completed_at=now,
    )


def _newest_task(busy: Workspace, member: User) -> WorkspaceTask:
    """A task with all that its own page shows."""
    task = _task(busy, member)
    steps = [(phase, name) for phase, names in STAGES for name in names]
    TaskStage.objects.bulk_create(
        TaskStage(
            task=task,
            position=position,
            phase=phase,
            name=name,
            mode=ExecutionMode.LOCAL,
            status=StageStatus.DONE,
            started_at=task.started_at,
            finished_at=task.completed_at,
        )
        for position, (phase, name) in enumerate(steps)
    )
    TaskSnapshot.objects.create(
        task=task,
        engine_version=EngineVersion.objects.get(),
        configuration_source=busy.configuration_source,
    )
    lines = "".join(f"null_resource.each[{n}]: Creation complete\n" for n in range(LOG_LINES))
    TaskLog.objects.create(
        task=task,
        phase=Phase.APPLY,
        stage=Stage.APPLYING,
        first_line=1,
        line_count=LOG_LINES,
        content=lines,
        created_at=timezone.now(),
    )
    return task


def _change(task: WorkspaceTask) -> ResourceChange:
    return ResourceChange.objects.create(
        task=task,
        resource_address="null_resource.each[0]",
        resource_type="null_resource",
        resource_name="each",
        action="update",
        changes_before={"triggers": {"revision": "1"}},
        changes_after={"triggers": {"revision": "2"}},
    )


def _states(count: int, busy: Workspace, member: User) -> None:
    state = StateVersion.objects.create(
        workspace=busy,
        version=1,
        content=b'{"version": 4, "serial": 1, "lineage": "bench", "outputs": {}, "resources": []}',
        checksum="0" * 64,
        size_bytes=80,
        lineage="bench",
        serial=1,
        created_by=member,
    )
    _multiply(state, count - 1, version="n + 1", serial="n + 1")
    _multiply(state, count - 1, workspace_id=f"{busy.pk} + n")


def _variables(count: int, busy: Workspace, member: User) -> None:
    """Those of the busy workspace with a history, and three of each other one."""
    for number in range(VARIABLES):
        variable = WorkspaceVariable.objects.create(
            workspace=busy, key=f"variable_{number:02}", value="blue", created_by=member
        )
        _multiply(variable, count // VARIABLES, version="n + 1", is_current="false")
    variable_id = "'var-' || lpad(n::text, 12, '0') || '{0:04}'"
    for number in range(3):
        _multiply(
            variable,
            count - 1,
            workspace_id=f"{busy.pk} + n",
            variable_id=variable_id.format(number),
            key=f"'key_{number}'",
        )


def _multiply(row: Model, count: int, **expressions: str) -> None:
    """Copies a row; ``expressions`` are the SQL of columns that differ, with the copy's number as ``n``."""
    table = row._meta.db_table
    fields = [field for field in row._meta.concrete_fields if not field.primary_key]
    columns = [str(field.column) for field in fields if not field.generated]
    names = ", ".join(f'"{column}"' for column in columns)
    values = ", ".join(expressions.get(column, f'pattern."{column}"') for column in columns)
    copy = (
        f'INSERT INTO "{table}" ({names}) SELECT {values} '  # noqa: S608
        f'FROM "{table}" AS pattern, generate_series(1, %s) AS n WHERE pattern.id = %s'
    )
    parameters: list[Any] = [count, row.pk]
    with connection.cursor() as cursor:
        cursor.execute(copy, parameters)


def _one_of(words: str, step: int = 1) -> str:
    """One of these words, the same for ``step`` rows."""
    names = words.split()
    return f"(ARRAY{names})[1 + n / {step} %% {len(names)}]"


def _vacuum() -> None:
    """What autovacuum does within a minute of such changes."""
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
