"""Where a workspace stands: what the last checks have found."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from iacplatform.accounts.models import User
from workspaces.drift.models.check import CheckStatus, DriftCheck
from workspaces.drift.models.severity import Severity
from workspaces.models import Workspace


class StatusQuerySet(models.QuerySet["DriftStatus"]):
    """Reads of statuses."""

    def visible_to(self, user: User) -> "StatusQuerySet":
        """Statuses of the workspaces that the user may see."""
        return self.filter(workspace__in=Workspace.objects.visible_to(user))


class DriftStatus(models.Model):
    """The drift of a workspace as it is known now (reference §1.7); made when the workspace has a state.

    ``check_status`` and ``message`` are those of the last check; the rest is of the last one that found
    something out, until a plan or an apply of everything shows that it is gone.
    """

    workspace = models.OneToOneField(
        Workspace, on_delete=models.CASCADE, primary_key=True, related_name="drift_status"
    )
    last_check = models.ForeignKey(
        DriftCheck, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    result = models.ForeignKey(
        DriftCheck,
        on_delete=models.SET_NULL,
        null=True,
        related_name="+",
        help_text="The check that the drift is known from",
    )
    check_status = models.CharField(max_length=10, choices=CheckStatus.choices, blank=True)
    message = models.TextField(blank=True)
    last_check_at = models.DateTimeField(null=True)
    has_drift = models.BooleanField(default=False)
    drift_count = models.PositiveIntegerField(default=0)
    total_resources = models.PositiveIntegerField(default=0)
    severity = models.CharField(max_length=10, choices=Severity.choices, blank=True)
    drifted_since = models.DateTimeField(null=True)
    looked_at = models.DateTimeField(
        null=True, help_text="When state and world were last compared or brought in line"
    )
    judged_at = models.DateTimeField(
        null=True, help_text="When the ignore rules were last applied to the result"
    )
    announced = ArrayField(
        models.CharField(max_length=16),
        default=list,
        help_text="Fingerprints of the drift that subscribers were told of",
    )

    objects = StatusQuerySet.as_manager()

    class Meta:
        ordering = ["workspace"]
        verbose_name_plural = "drift statuses"
        indexes = [
            models.Index(
                fields=["workspace"], condition=Q(has_drift=True), name="drifted_workspaces"
            ),
        ]

    def __str__(self) -> str:
        return f"drift of {self.workspace}"
