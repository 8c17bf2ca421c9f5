"""RunTasks: external services that are asked about tasks (reference §1.5)."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from iacplatform.accounts.models import Organization, User
from iacplatform.common.fields import EncryptedTextField
from iacplatform.common.ids import new_id
from workspaces.models import Workspace

DEFAULT_TIMEOUT_SECONDS = 600
TIMEOUT_SECONDS = range(60, 601)
DEFAULT_MAX_RUN_SECONDS = 3600
MAX_RUN_SECONDS = range(60, 3601)


class RunTaskStage(models.TextChoices):
    """Where a RunTask is asked; the gate is called ``{stage}_run_tasks``."""

    PRE_PLAN = "pre_plan", "Pre-plan"
    POST_PLAN = "post_plan", "Post-plan"
    PRE_APPLY = "pre_apply", "Pre-apply"
    POST_APPLY = "post_apply", "Post-apply"


class EnforcementLevel(models.TextChoices):
    """What a failure means: ``mandatory`` fails the task, ``advisory`` warns."""

    ADVISORY = "advisory", "Advisory"
    MANDATORY = "mandatory", "Mandatory"


class SignatureFormat(models.TextChoices):
    """How ``X-TFC-Task-Signature`` is written: as mission document 004 has it, or as HCP Terraform."""

    SHA512 = "sha512", "sha512=<hex>"
    HEX = "hex", "Bare hex, as HCP Terraform"


def new_run_task_id() -> str:
    """A semantic id such as ``rt-4fz0…``."""
    return new_id("rt")


def default_stages() -> list[str]:
    """Where a global RunTask is asked unless it says otherwise."""
    return [RunTaskStage.POST_PLAN.value]


class RunTaskQuerySet(models.QuerySet["RunTask"]):
    """Reads of RunTasks."""

    def visible_to(self, user: User) -> "RunTaskQuerySet":
        """Those of the user's organizations and of the whole platform; a superuser sees all."""
        if user.is_superuser:
            return self
        return self.filter(Q(organization=None) | Q(organization__in=user.organizations.all()))

    def usable_by(self, workspace: Workspace) -> "RunTaskQuerySet":
        """Those of the workspace's organization and of the whole platform."""
        return self.filter(Q(organization=None) | Q(organization=workspace.organization_id))


class RunTask(models.Model):
    """An external service that is asked by webhook and answers by callback.

    A global one is asked about the tasks of every workspace of its organization (of the platform, where
    it has none), unless the workspace has an attachment of its own for it.
    """

    run_task_id = models.CharField(
        max_length=50, unique=True, default=new_run_task_id, editable=False
    )
    organization = models.ForeignKey(
        Organization,
        on_delete=models.PROTECT,
        null=True,
        related_name="run_tasks",
        help_text="Empty: the whole platform's",
    )
    name = models.CharField(max_length=100)
    description = models.TextField(blank=True)
    endpoint_url = models.CharField(max_length=500)
    hmac_key = EncryptedTextField(null=True)
    signature_format = models.CharField(
        max_length=10, choices=SignatureFormat.choices, default=SignatureFormat.SHA512
    )
    enabled = models.BooleanField(default=True)
    timeout_seconds = models.PositiveIntegerField(
        default=DEFAULT_TIMEOUT_SECONDS, help_text="Longest time without progress"
    )
    max_run_seconds = models.PositiveIntegerField(
        default=DEFAULT_MAX_RUN_SECONDS, help_text="Longest time altogether"
    )
    is_global = models.BooleanField(default=False)
    global_stages = ArrayField(
        models.CharField(max_length=10, choices=RunTaskStage.choices), default=default_stages
    )
    global_enforcement_level = models.CharField(
        max_length=10, choices=EnforcementLevel.choices, default=EnforcementLevel.ADVISORY
    )
    global_priority = models.IntegerField(default=0, help_text="Lower ones are asked first")
    created_by = models.ForeignKey(
        User, on_delete=models.SET_NULL, null=True, editable=False, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = RunTaskQuerySet.as_manager()

    class Meta:
        ordering = ["name", "pk"]
        verbose_name = "run task"
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "name"],
                nulls_distinct=False,
                name="one_run_task_name_an_organization",
            ),
            models.CheckConstraint(
                condition=Q(
                    timeout_seconds__range=(TIMEOUT_SECONDS.start, TIMEOUT_SECONDS.stop - 1),
                    max_run_seconds__range=(MAX_RUN_SECONDS.start, MAX_RUN_SECONDS.stop - 1),
                ),
                name="run_task_times_in_range",
            ),
        ]

    def __str__(self) -> str:
        return self.name
