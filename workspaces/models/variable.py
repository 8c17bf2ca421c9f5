"""Variables: every change is a new row, so that a snapshot can name the value it was taken with."""

from django.db import models
from django.db.models import Q

from iacplatform.accounts.models import User
from iacplatform.common.fields import EncryptedTextField
from iacplatform.common.ids import new_id
from workspaces.models.workspace import Workspace


def new_variable_id() -> str:
    """A semantic id such as ``var-x7f3k2m9qa``."""
    return new_id("var", 16)


class VariableType(models.TextChoices):
    """Whether the engine's configuration or its environment gets the value."""

    TERRAFORM = "terraform", "Terraform"
    ENVIRONMENT = "environment", "Environment"


class ValueFormat(models.TextChoices):
    """How the value is written into the tfvars file."""

    STRING = "string", "String"
    HCL = "hcl", "HCL"


class Variable(models.Model):
    """One version of a variable, whoever owns it; the value is encrypted at rest, sensitive or not."""

    variable_id = models.CharField(max_length=20, default=new_variable_id, editable=False)
    version = models.PositiveIntegerField(default=1, editable=False)
    key = models.CharField(max_length=100)
    value = EncryptedTextField()
    variable_type = models.CharField(
        max_length=12, choices=VariableType.choices, default=VariableType.TERRAFORM
    )
    value_format = models.CharField(
        max_length=6, choices=ValueFormat.choices, default=ValueFormat.STRING
    )
    sensitive = models.BooleanField(default=False)
    description = models.TextField(blank=True)
    is_current = models.BooleanField(default=True, editable=False)
    is_deleted = models.BooleanField(default=False, editable=False)
    created_by = models.ForeignKey(
        User, on_delete=models.SET_NULL, null=True, editable=False, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return f"{self.key} v{self.version}"


class VariableQuerySet(models.QuerySet["WorkspaceVariable"]):
    """Reads of variables."""

    def current(self) -> "VariableQuerySet":
        """The newest version of each variable that was not deleted (F18)."""
        return self.filter(is_current=True, is_deleted=False)


class WorkspaceVariable(Variable):
    """One version of a workspace's own variable."""

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="variables")

    objects = VariableQuerySet.as_manager()

    class Meta:
        ordering = ["key", "-version"]
        indexes = [
            models.Index(
                fields=["workspace", "key", "variable_type"],
                condition=Q(is_current=True, is_deleted=False),
                name="variable_by_key",
            ),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["variable_id", "version"], name="one_row_a_variable_version"
            ),
            models.UniqueConstraint(
                fields=["variable_id"], condition=Q(is_current=True), name="one_current_version"
            ),
            models.UniqueConstraint(
                fields=["workspace", "variable_type", "key"],
                condition=Q(is_current=True, is_deleted=False),
                name="one_variable_a_key",
            ),
        ]
