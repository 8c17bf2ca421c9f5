"""Checks: the history of a workspace's drift, one row a drift_check task."""

from django.db import models

from iacplatform.accounts.models import User
from iacplatform.common.fields import EncryptedJSONField
from iacplatform.common.ids import new_id
from workspaces.drift.models.severity import Severity
from workspaces.models import Workspace, WorkspaceTask


class CheckStatus(models.TextChoices):
    """Where a check stands; ``skipped`` is one whose workspace was changed meanwhile."""

    PENDING = "pending", "Pending"
    RUNNING = "running", "Running"
    SUCCESS = "success", "Success"
    FAILED = "failed", "Failed"
    CANCELLED = "cancelled", "Cancelled"
    SKIPPED = "skipped", "Skipped"


OPEN = frozenset({CheckStatus.PENDING, CheckStatus.RUNNING})


def new_check_id() -> str:
    """A semantic id such as ``dc-4fz0…``."""
    return new_id("dc")


class CheckQuerySet(models.QuerySet["DriftCheck"]):
    """Reads of checks."""

    def visible_to(self, user: User) -> "CheckQuerySet":
        """Checks of the workspaces that the user may see."""
        return self.filter(workspace__in=Workspace.objects.visible_to(user))

    def open(self) -> "CheckQuerySet":
        """Checks that have not ended."""
        return self.filter(status__in=OPEN)

    def light(self) -> "CheckQuerySet":
        """Without what may be large."""
        return self.defer("resources")


class DriftCheck(models.Model):
    """One check and what it found.

    ``resources`` lists the resources of the configuration with drift below them, ignored or not, in the
    shape of :class:`workspaces.drift.services.report.Report`; ``NULL`` where there is nothing to list.
    """

    check_id = models.CharField(max_length=50, unique=True, default=new_check_id, editable=False)
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="drift_checks")
    task = models.OneToOneField(WorkspaceTask, on_delete=models.CASCADE, related_name="drift_check")
    is_scheduled = models.BooleanField(default=False, help_text="Nobody asked for it")
    status = models.CharField(
        max_length=10, choices=CheckStatus.choices, default=CheckStatus.PENDING
    )
    message = models.TextField(blank=True, help_text="Why it failed or was skipped")
    state_version = models.PositiveIntegerField(
        null=True, help_text="The state that the world is compared with"
    )
    has_drift = models.BooleanField(default=False)
    drift_count = models.PositiveIntegerField(default=0, help_text="Resources that drifted")
    total_resources = models.PositiveIntegerField(
        default=0, help_text="Resources of the configuration"
    )
    severity = models.CharField(max_length=10, choices=Severity.choices, blank=True)
    severities = models.JSONField(default=dict, help_text="Severity → number of objects")
    ignored_count = models.PositiveIntegerField(
        default=0, help_text="Objects whose drift is ignored"
    )
    resources = EncryptedJSONField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True)
    completed_at = models.DateTimeField(null=True)

    objects = CheckQuerySet.as_manager()

    class Meta:
        ordering = ["-pk"]
        indexes = [
            models.Index(fields=["workspace", "-id"], name="drift_checks_of_workspace"),
            models.Index(fields=["created_at"], name="old_drift_checks"),
            models.Index(
                fields=["is_scheduled"],
                condition=models.Q(status__in=["pending", "running"]),
                name="open_drift_checks",
            ),
        ]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(status__in=CheckStatus.values), name="known_drift_check_status"
            ),
        ]

    def __str__(self) -> str:
        return f"drift check {self.check_id}"
