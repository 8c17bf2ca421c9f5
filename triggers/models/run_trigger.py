"""Run triggers: an apply in one workspace starts a task in another (reference §1.7)."""

from django.db import models
from django.db.models import F, Q

from iacplatform.accounts.models import User
from iacplatform.common.ids import new_id
from workspaces.models import Workspace


class TriggerCondition(models.TextChoices):
    """What of a source task fires a trigger; a plan without changes applies nothing."""

    APPLY_SUCCESS = "apply_success", "The source was applied"


def new_run_trigger_id() -> str:
    """A semantic id such as ``trg-4fz0…``."""
    return new_id("trg")


class RunTriggerQuerySet(models.QuerySet["RunTrigger"]):
    """Reads of run triggers."""

    def visible_to(self, user: User) -> "RunTriggerQuerySet":
        """Those whose both ends the user may see."""
        visible = Workspace.objects.visible_to(user)
        return self.filter(source__in=visible, target__in=visible)


class RunTrigger(models.Model):
    """An edge of an organization's graph of workspaces, which has no cycles (F42)."""

    run_trigger_id = models.CharField(
        max_length=50, unique=True, default=new_run_trigger_id, editable=False
    )
    source = models.ForeignKey(
        Workspace, on_delete=models.CASCADE, related_name="outbound_triggers"
    )
    target = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="inbound_triggers")
    enabled = models.BooleanField(default=True)
    trigger_condition = models.CharField(
        max_length=20, choices=TriggerCondition.choices, default=TriggerCondition.APPLY_SUCCESS
    )
    created_by = models.ForeignKey(
        User, on_delete=models.SET_NULL, null=True, editable=False, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = RunTriggerQuerySet.as_manager()

    class Meta:
        ordering = ["pk"]
        verbose_name = "run trigger"
        constraints = [
            models.UniqueConstraint(
                fields=["source", "target"], name="one_run_trigger_a_pair_of_workspaces"
            ),
            models.CheckConstraint(
                condition=~Q(source=F("target")), name="no_workspace_triggers_itself"
            ),
            models.CheckConstraint(
                condition=Q(trigger_condition__in=TriggerCondition.values),
                name="known_trigger_condition",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.source} → {self.target}"
