"""Ignore rules: drift that somebody expects."""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from iacplatform.accounts.models import User
from iacplatform.common.ids import new_id
from workspaces.models import Workspace


def new_rule_id() -> str:
    """A semantic id such as ``dir-4fz0…``."""
    return new_id("dir")


class RuleQuerySet(models.QuerySet["DriftIgnoreRule"]):
    """Reads of rules."""

    def in_force(self) -> "RuleQuerySet":
        """Rules that have not expired."""
        return self.filter(Q(expires_at=None) | Q(expires_at__gt=Now()))


class DriftIgnoreRule(models.Model):
    """Drift of a workspace that does not count, for a reason and perhaps for a time only.

    In both patterns ``*`` stands for any characters. Without ``attribute_path`` everything is ignored that
    happens to the objects, else only what differs there or below.
    """

    rule_id = models.CharField(max_length=50, unique=True, default=new_rule_id, editable=False)
    workspace = models.ForeignKey(
        Workspace, on_delete=models.CASCADE, related_name="drift_ignore_rules"
    )
    address_pattern = models.CharField(max_length=500)
    attribute_path = models.CharField(max_length=500, blank=True)
    reason = models.CharField(max_length=1000)
    expires_at = models.DateTimeField(null=True, blank=True)
    created_by = models.ForeignKey(
        User, on_delete=models.SET_NULL, null=True, editable=False, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = RuleQuerySet.as_manager()

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.CheckConstraint(
                condition=~Q(address_pattern="") & ~Q(reason=""),
                name="a_drift_rule_has_pattern_and_reason",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.address_pattern} {self.attribute_path}".strip()
