"""A WorkspaceTask: one plan, plan-and-apply or drift check of a workspace."""

from datetime import timedelta

from django.contrib.postgres.indexes import GinIndex, OpClass
from django.db import models
from django.db.models import Q
from django.db.models.functions import Upper

from iacplatform.accounts.models import User
from iacplatform.common.fields import EncryptedBinaryField, EncryptedJSONField
from workspaces.models.configuration_version import ConfigurationVersion
from workspaces.models.engine_version import EngineVersion
from workspaces.models.workspace import ConfigurationSource, Workspace
from workspaces.task_status import (
    FINAL,
    HOLDS_WORKSPACE,
    LIVE,
    ExecutionMode,
    Stage,
    TaskStatus,
    TaskType,
)


class TaskQuerySet(models.QuerySet["WorkspaceTask"]):
    """Reads of tasks."""

    def visible_to(self, user: User) -> "TaskQuerySet":
        """Tasks of the workspaces that the user may see."""
        return self.filter(workspace__in=Workspace.objects.visible_to(user))

    def queued(self) -> "TaskQuerySet":
        """Tasks that wait to be started, oldest first."""
        return self.filter(status=TaskStatus.PENDING).order_by("id")

    def live(self) -> "TaskQuerySet":
        """Tasks that have not ended."""
        return self.filter(status__in=LIVE)


class WorkspaceTask(models.Model):
    """The unit of work; only :mod:`workspaces.transitions` writes ``status`` (reference §1.2)."""

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="tasks")
    task_type = models.CharField(max_length=20, choices=TaskType.choices)
    description = models.TextField(blank=True)
    status = models.CharField(
        max_length=24, choices=TaskStatus.choices, default=TaskStatus.PENDING, editable=False
    )
    stage = models.CharField(
        max_length=30, choices=Stage.choices, default=Stage.PENDING, editable=False
    )
    execution_mode = models.CharField(max_length=10, choices=ExecutionMode.choices)
    auto_apply = models.BooleanField(default=False)
    is_background = models.BooleanField(default=False)
    targets = models.JSONField(default=list, blank=True)
    error_message = models.TextField(blank=True)
    changes_add = models.PositiveIntegerField(default=0)
    changes_change = models.PositiveIntegerField(default=0)
    changes_destroy = models.PositiveIntegerField(default=0)
    has_changes = models.BooleanField(
        null=True, help_text="Resources or outputs change; empty before the plan is saved"
    )
    plan_hash = models.CharField(max_length=64, blank=True, help_text="sha256 of plan.out, in hex")
    plan_host = models.CharField(max_length=255, blank=True, help_text="Worker that planned")
    last_host = models.CharField(max_length=255, blank=True, help_text="Worker of the last stage")
    outputs = models.JSONField(default=dict, blank=True)
    log_lines = models.PositiveBigIntegerField(default=0, help_text="Lines logged so far")
    apply_token = models.BigIntegerField(
        null=True, help_text="Fencing token of the one attempt at applying this task may ever have"
    )
    apply_owner = models.CharField(max_length=255, blank=True)
    apply_description = models.TextField(blank=True)
    apply_confirmed_by = models.CharField(max_length=150, blank=True)
    apply_confirmed_at = models.DateTimeField(null=True)
    cancel_requested_at = models.DateTimeField(null=True)
    cancel_requested_by = models.CharField(max_length=150, blank=True)
    cancel_reason = models.TextField(blank=True)
    cancel_force = models.BooleanField(default=False)
    created_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)
    started_at = models.DateTimeField(null=True)
    completed_at = models.DateTimeField(null=True)

    objects = TaskQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["workspace", "-id"], name="task_of_workspace"),
            models.Index(fields=["workspace", "is_background", "status"], name="task_counts"),
            models.Index(fields=["workspace", "created_at"], name="task_by_time"),
            GinIndex(
                OpClass(Upper("description"), name="gin_trgm_ops"), name="task_description_contains"
            ),
            models.Index(
                fields=["workspace", "id"], condition=Q(status="pending"), name="task_queue"
            ),
            models.Index(
                fields=["status", "id"], condition=Q(status__in=sorted(LIVE)), name="task_live"
            ),
            models.Index(
                fields=["completed_at"], condition=Q(status="failed"), name="task_failures"
            ),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(status__in=TaskStatus.values), name="known_task_status"
            ),
            models.CheckConstraint(
                condition=Q(task_type__in=TaskType.values), name="known_task_type"
            ),
            models.UniqueConstraint(
                fields=["workspace"],
                condition=Q(task_type="plan_and_apply", status__in=sorted(HOLDS_WORKSPACE)),
                name="one_live_plan_and_apply_a_workspace",
            ),
        ]

    def __str__(self) -> str:
        return f"task #{self.pk}"

    @property
    def is_final(self) -> bool:
        """Whether the task has ended for good."""
        return self.status in FINAL

    @property
    def duration(self) -> timedelta | None:
        """From the first stage to the end, waiting for approval included."""
        if self.started_at is None or self.completed_at is None:
            return None
        return self.completed_at - self.started_at


class TaskSnapshot(models.Model):
    """What the workspace was when the task was created; plan and apply are run from it (§5.7).

    ``resource_versions`` maps a resource id to ``{"resource_db_id", "version_id", "version"}``, ``variables`` is
    a list of ``{"variable_id", "version", "variable_type"}`` (references, no values; those of variable
    sets have a ``variable_set_id``), ``outputs`` and ``remote_data`` are lists of definitions; a static
    output's literal may be a secret.
    """

    task = models.OneToOneField(WorkspaceTask, on_delete=models.CASCADE, related_name="snapshot")
    resource_versions = models.JSONField(null=True)
    variables = models.JSONField(null=True)
    provider_config = models.JSONField(null=True)
    outputs = EncryptedJSONField(null=True)
    remote_data = models.JSONField(null=True)
    tf_code = models.JSONField(null=True)
    configuration_source = models.CharField(max_length=10, choices=ConfigurationSource.choices)
    configuration_version = models.ForeignKey(
        ConfigurationVersion, on_delete=models.RESTRICT, null=True, related_name="+"
    )
    engine_version = models.ForeignKey(EngineVersion, on_delete=models.PROTECT, related_name="+")
    lock_file = models.TextField(blank=True, help_text=".terraform.lock.hcl of the plan's init")
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return f"snapshot of {self.task}"


class TaskPlan(models.Model):
    """The plan file and the plan JSON of a task, kept apart so that no list ever loads them."""

    task = models.OneToOneField(WorkspaceTask, on_delete=models.CASCADE, related_name="plan")
    plan_file = EncryptedBinaryField()
    plan_json = EncryptedBinaryField(null=True)
    output_changes = models.JSONField(
        default=list, help_text="Outputs whose value changes; the values of sensitive ones are null"
    )
    drifted = EncryptedJSONField(
        null=True,
        help_text="Resources that are not as the state has them; empty before it was read",
    )
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return f"plan of {self.task}"


class StateSource(models.TextChoices):
    """Where the state of an apply was taken from."""

    ENGINE = "engine", "The engine, which ended under its worker's eyes"
    WORK_DIRECTORY = "work_directory", "The work directory, after the worker had died: whole"
    CHECKPOINT = "checkpoint", "The last checkpoint: may be a second old"
    NOTHING = "nothing", "Nowhere: neither work directory nor checkpoint was there"


class StateCheckpoint(models.Model):
    """The newest state that an apply has reported while it ran: all there is if its host is lost."""

    task = models.OneToOneField(
        WorkspaceTask, on_delete=models.CASCADE, primary_key=True, related_name="checkpoint"
    )
    token = models.BigIntegerField()
    serial = models.PositiveBigIntegerField()
    content = EncryptedBinaryField()
    updated_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"checkpoint of {self.task}"


class AppliedState(models.Model):
    """The state file as ``applying`` left it, written in the transaction that closed ``applying``.

    Where the worker died meanwhile, ``rescue`` wrote it. ``source`` says from where; what may not be
    whole keeps the workspace locked until a person resolves it.
    """

    task = models.OneToOneField(
        WorkspaceTask, on_delete=models.CASCADE, related_name="applied_state"
    )
    token = models.BigIntegerField()
    content = EncryptedBinaryField(null=True)
    succeeded = models.BooleanField()
    cancelled = models.BooleanField(default=False)
    error = models.TextField(blank=True)
    source = models.CharField(
        max_length=20, choices=StateSource.choices, default=StateSource.ENGINE
    )
    resolved_at = models.DateTimeField(null=True)
    resolved_by = models.CharField(max_length=150, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        indexes = [
            models.Index(
                fields=["task"],
                condition=Q(resolved_at=None, source__in=["checkpoint", "nothing"]),
                name="unresolved_applies",
            ),
        ]

    def __str__(self) -> str:
        return f"applied state of {self.task}"
