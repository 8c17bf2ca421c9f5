"""A workspace: one state, one configuration, one thing at a time that changes it."""

from django.contrib.postgres.indexes import GinIndex, OpClass
from django.db import models
from django.db.models import Q
from django.db.models.functions import Upper

from iacplatform.accounts.levels import Level
from iacplatform.accounts.models import Organization, User
from iacplatform.common.ids import new_id
from workspaces.models.access import access_of
from workspaces.models.engine_version import EngineVersion
from workspaces.models.project import Project
from workspaces.task_status import ExecutionMode

# Each with an index: a list shows the first rows in an order without having sorted all of them.
ORDERED_BY = ("name", "created_at", "updated_at", "last_plan_at", "last_apply_at")
SEARCHED_IN = ("name", "description", "workspace_id")


def new_workspace_id() -> str:
    """A semantic id such as ``ws-mb7m9ii5ey``."""
    return new_id("ws", 10)


class ConfigurationSource(models.TextChoices):
    """Where a workspace's configuration comes from (design §4)."""

    RESOURCES = "resources", "Resources, else tf_code"
    ARCHIVE = "archive", "The newest uploaded archive"


class OutputsSharing(models.TextChoices):
    """Which other workspaces may read this one's outputs (reference §1.4)."""

    NONE = "none", "Nobody"
    ALL = "all", "Every workspace of the organization"
    SPECIFIC = "specific", "Named workspaces"


class WorkspaceQuerySet(models.QuerySet["Workspace"]):
    """Reads of workspaces."""

    def visible_to(self, user: User, level: Level = Level.READ) -> "WorkspaceQuerySet":
        """The workspaces in which the user has at least this level; a superuser has every level in all."""
        return self.filter(access_of(user).workspaces_with(level))


class Workspace(models.Model):
    """A unit of infrastructure with its state, variables and tasks (reference §1.1)."""

    workspace_id = models.CharField(
        max_length=50, unique=True, default=new_workspace_id, editable=False
    )
    organization = models.ForeignKey(
        Organization, on_delete=models.PROTECT, related_name="workspaces"
    )
    project = models.ForeignKey(
        Project, on_delete=models.PROTECT, null=True, blank=True, related_name="workspaces"
    )
    name = models.CharField(max_length=100)
    description = models.TextField(blank=True)
    tags = models.JSONField(default=list, blank=True)
    execution_mode = models.CharField(
        max_length=10, choices=ExecutionMode.choices, default=ExecutionMode.LOCAL
    )
    auto_apply = models.BooleanField(default=False)
    engine_version = models.ForeignKey(
        EngineVersion,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        help_text="Empty: the platform's default",
    )
    configuration_source = models.CharField(
        max_length=10, choices=ConfigurationSource.choices, default=ConfigurationSource.RESOURCES
    )
    tf_code = models.JSONField(null=True, blank=True, help_text="Used where there are no resources")
    provider_config = models.JSONField(default=dict, blank=True)
    lock_file = models.TextField(blank=True, help_text=".terraform.lock.hcl of the last init")
    last_init_hash = models.CharField(max_length=64, blank=True, editable=False)
    last_init_engine_version = models.CharField(max_length=80, blank=True, editable=False)
    max_retries = models.PositiveSmallIntegerField(
        default=3, help_text="How often a stage is tried again after its worker died"
    )
    plan_timeout_seconds = models.PositiveIntegerField(
        null=True, blank=True, help_text="How long a plan may take; empty: the platform's limit"
    )
    apply_timeout_seconds = models.PositiveIntegerField(
        null=True, blank=True, help_text="How long an apply may take; empty: the platform's limit"
    )
    silence_timeout_seconds = models.PositiveIntegerField(
        null=True,
        blank=True,
        help_text="How long the engine may say nothing; empty: the platform's limit",
    )
    approval_timeout_seconds = models.PositiveIntegerField(
        null=True, blank=True, help_text="How long a plan waits for approval; empty: for ever"
    )
    state_keep_versions = models.PositiveIntegerField(
        null=True,
        blank=True,
        help_text="How many state versions are kept; 0: all; empty: as the platform says",
    )
    state_keep_days = models.PositiveIntegerField(
        null=True,
        blank=True,
        help_text="How long state versions are kept; 0: for ever; empty: as the platform says",
    )
    is_locked = models.BooleanField(default=False, editable=False)
    locked_by = models.CharField(max_length=150, null=True, editable=False)  # noqa: DJ001
    locked_at = models.DateTimeField(null=True, editable=False)
    lock_reason = models.TextField(blank=True, editable=False)
    lock_task = models.ForeignKey(
        "WorkspaceTask",
        on_delete=models.SET_NULL,
        null=True,
        editable=False,
        related_name="+",
        help_text="The task that owns the lock; empty for a person's lock",
    )
    lock_kept = models.BooleanField(
        default=False,
        editable=False,
        help_text="The lock outlives its task, until a person has looked at what happened",
    )
    outputs_sharing = models.CharField(
        max_length=10, choices=OutputsSharing.choices, default=OutputsSharing.NONE
    )
    outputs_allowed = models.ManyToManyField(
        "self", symmetrical=False, blank=True, related_name="+"
    )
    created_by = models.ForeignKey(
        User, on_delete=models.SET_NULL, null=True, editable=False, related_name="+"
    )
    last_plan_at = models.DateTimeField(null=True, editable=False)
    last_apply_at = models.DateTimeField(null=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = WorkspaceQuerySet.as_manager()

    class Meta:
        ordering = ["name"]
        indexes = [
            models.Index(
                fields=["locked_at"], condition=Q(is_locked=True), name="locked_workspaces"
            ),
            *(
                models.Index(fields=[field, "id"], name=f"workspace_by_{field}")
                for field in ORDERED_BY
            ),
            GinIndex(
                *(OpClass(Upper(field), name="gin_trgm_ops") for field in SEARCHED_IN),
                name="workspace_contains",
            ),
            GinIndex(fields=["tags"], opclasses=["jsonb_path_ops"], name="workspace_tags"),
            models.Index(fields=["name"], condition=Q(is_locked=True), name="workspace_locked"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "name"], name="one_workspace_name_an_organization"
            ),
            models.CheckConstraint(
                condition=Q(execution_mode__in=ExecutionMode.values), name="known_execution_mode"
            ),
            models.CheckConstraint(
                condition=Q(is_locked=False) | ~Q(lock_reason=""), name="a_lock_has_a_reason"
            ),
        ]

    def __str__(self) -> str:
        return self.name
