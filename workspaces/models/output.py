"""What a workspace gives to others, and what it takes from them."""

from django.db import models
from django.db.models import F
from django.db.models.functions import Now

from iacplatform.common.fields import EncryptedTextField
from iacplatform.common.ids import new_id
from workspaces.models.task import WorkspaceTask
from workspaces.models.workspace import Workspace
from workspaces.task_status import LIVE

STATIC_OUTPUT = "__static__"


def new_output_id() -> str:
    """A semantic id such as ``output-…``."""
    return new_id("output")


def new_remote_data_id() -> str:
    """A semantic id such as ``rd-…``."""
    return new_id("rd")


class WorkspaceOutput(models.Model):
    """An output that the platform writes into ``outputs.tf.json`` (reference §5.3).

    ``resource_name`` is the resource id whose module it reads, or ``__static__`` (or empty) for a
    literal value.
    """

    output_id = models.CharField(max_length=50, unique=True, default=new_output_id, editable=False)
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="outputs")
    resource_name = models.CharField(max_length=200, blank=True, default=STATIC_OUTPUT)
    output_name = models.CharField(max_length=100)
    output_value = EncryptedTextField(
        help_text="An expression such as ${module.x.y}, or a literal, which may be a secret"
    )
    description = models.CharField(max_length=500, blank=True)
    sensitive = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["resource_name", "output_name"]
        constraints = [
            models.UniqueConstraint(
                fields=["workspace", "resource_name", "output_name"], name="one_output_a_name"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.resource_name}-{self.output_name}"

    @property
    def is_static(self) -> bool:
        """Whether the value is a literal of the workspace rather than a module's output."""
        return self.resource_name in ("", STATIC_OUTPUT)


class WorkspaceRemoteData(models.Model):
    """Another workspace's outputs, readable as ``local.{data_name}`` (reference §1.4, §5.3)."""

    remote_data_id = models.CharField(
        max_length=50, unique=True, default=new_remote_data_id, editable=False
    )
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="remote_data")
    source_workspace = models.ForeignKey(
        Workspace, on_delete=models.PROTECT, related_name="remote_data_consumers"
    )
    data_name = models.CharField(max_length=200)
    description = models.TextField(blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["data_name"]
        constraints = [
            models.UniqueConstraint(
                fields=["workspace", "data_name"], name="one_remote_data_a_name"
            ),
        ]

    def __str__(self) -> str:
        return self.data_name


class RemoteDataTokenQuerySet(models.QuerySet["RemoteDataToken"]):
    """Which tokens open anything."""

    def usable(self) -> "RemoteDataTokenQuerySet":
        """Tokens of live tasks, neither expired nor used up; PostgreSQL's clock decides."""
        return self.filter(
            task__status__in=LIVE, expires_at__gt=Now(), used_count__lt=F("max_uses")
        )


class RemoteDataToken(models.Model):
    """Lets the engine of one task read one other workspace's outputs (reference §1.4).

    Each attempt at a stage gets tokens of its own, so what comes after a gate finds fresh ones.
    """

    digest = models.CharField(max_length=64, unique=True, editable=False)
    source_workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="+")
    task = models.ForeignKey(WorkspaceTask, on_delete=models.CASCADE, related_name="+")
    max_uses = models.PositiveSmallIntegerField(default=5)
    used_count = models.PositiveSmallIntegerField(default=0)
    expires_at = models.DateTimeField()
    last_used_at = models.DateTimeField(null=True)

    objects = RemoteDataTokenQuerySet.as_manager()

    def __str__(self) -> str:
        return f"outputs of {self.source_workspace} for {self.task}"
