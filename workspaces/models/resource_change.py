"""What a plan wants to do to each resource, and how far the apply has come with it."""

from django.db import models
from django.db.models import Q
from django.db.models.functions import MD5

from workspaces.models.task import WorkspaceTask


class ChangeAction(models.TextChoices):
    """What is done to a resource; a replacement is one change in either order (F24)."""

    CREATE = "create", "Create"
    UPDATE = "update", "Update"
    DELETE = "delete", "Delete"
    REPLACE = "replace", "Replace"
    READ = "read", "Read"


class ApplyStatus(models.TextChoices):
    """How far the apply has come with a resource."""

    PENDING = "pending", "Pending"
    APPLYING = "applying", "Applying"
    COMPLETED = "completed", "Completed"
    FAILED = "failed", "Failed"


class ResourceChange(models.Model):
    """One resource of a task's plan; sensitive values are masked before they are stored (§1.3)."""

    task = models.ForeignKey(
        WorkspaceTask, on_delete=models.CASCADE, related_name="resource_changes", db_index=False
    )
    resource_address = models.TextField()
    resource_type = models.TextField()
    resource_name = models.TextField()
    module_address = models.TextField(blank=True)
    action = models.CharField(max_length=10, choices=ChangeAction.choices)
    changes_before = models.JSONField(null=True)
    changes_after = models.JSONField(null=True)
    apply_status = models.CharField(
        max_length=10, choices=ApplyStatus.choices, default=ApplyStatus.PENDING
    )
    apply_started_at = models.DateTimeField(null=True)
    apply_completed_at = models.DateTimeField(null=True)
    apply_error = models.TextField(blank=True)
    resource_id = models.TextField(blank=True, help_text="The cloud's id")

    class Meta:
        ordering = ["id"]
        indexes = [
            models.Index(fields=["task", "id"], name="change_of_task"),
            models.Index(fields=["task", "action", "id"], name="change_by_action"),
        ]
        constraints = [
            # By a hash: an index entry holds 2,700 bytes, an address with a long key may hold more.
            models.UniqueConstraint("task", MD5("resource_address"), name="one_change_a_resource"),
            models.CheckConstraint(
                condition=Q(apply_status__in=ApplyStatus.values), name="known_apply_status"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.action} {self.resource_address}"
