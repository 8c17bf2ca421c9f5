"""State versions: every state a workspace ever had."""

from django.db import models
from django.db.models import Q

from iacplatform.accounts.models import User
from iacplatform.common.fields import EncryptedBinaryField
from workspaces.models.workspace import Workspace


class StateImportSource(models.TextChoices):
    """How a state came to be a version (reference §0, §5.9)."""

    TERRAFORM_APPLY = "terraform_apply", "Written by an apply"
    USER_UPLOAD = "user_upload", "Uploaded by a person"
    ROLLBACK = "rollback", "Taken back from an older version"


class StateVersionQuerySet(models.QuerySet["StateVersion"]):
    """Reads of state versions."""

    def newest(self) -> "StateVersion | None":
        """The version that counts now, with its content."""
        return self.order_by("-version").first()

    def without_content(self) -> "StateVersionQuerySet":
        """For lists: the state itself may be large and stays in the database."""
        return self.defer("content")


class StateVersion(models.Model):
    """The state file's bytes as the engine wrote them, encrypted at rest."""

    workspace = models.ForeignKey(
        Workspace, on_delete=models.CASCADE, related_name="state_versions"
    )
    version = models.PositiveIntegerField()
    content = EncryptedBinaryField()
    checksum = models.CharField(max_length=64, help_text="sha256 of the content, in hex")
    size_bytes = models.PositiveBigIntegerField()
    lineage = models.CharField(max_length=100)
    serial = models.PositiveBigIntegerField()
    terraform_version = models.CharField(max_length=50, blank=True)
    resource_count = models.PositiveIntegerField(default=0)
    output_count = models.PositiveIntegerField(
        null=True, help_text="Root outputs; empty for versions from before they were counted"
    )
    task = models.ForeignKey(
        "WorkspaceTask", on_delete=models.SET_NULL, null=True, related_name="state_versions"
    )
    description = models.CharField(max_length=500, blank=True)
    import_source = models.CharField(
        max_length=20, choices=StateImportSource.choices, default=StateImportSource.TERRAFORM_APPLY
    )
    is_imported = models.GeneratedField(
        expression=Q(import_source=StateImportSource.USER_UPLOAD.value),  # type: ignore[arg-type]
        output_field=models.BooleanField(),
        db_persist=True,
    )
    is_rollback = models.GeneratedField(
        expression=Q(rollback_from_version__isnull=False),  # type: ignore[arg-type]
        output_field=models.BooleanField(),
        db_persist=True,
    )
    rollback_from_version = models.PositiveIntegerField(
        null=True, help_text="The version whose content this one has again"
    )
    recovered_from = models.CharField(
        max_length=20,
        blank=True,
        choices=[("work_directory", "Work directory"), ("checkpoint", "Checkpoint")],
        help_text="Where the state came from when the worker had died during the apply",
    )
    created_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    objects = StateVersionQuerySet.as_manager()

    class Meta:
        ordering = ["-version"]
        constraints = [
            models.UniqueConstraint(
                fields=["workspace", "version"], name="one_state_a_version_number"
            ),
            models.CheckConstraint(
                condition=Q(import_source__in=StateImportSource.values),
                name="known_state_import_source",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.workspace} v{self.version}"
