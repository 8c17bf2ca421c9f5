"""Variable sets: variables that many workspaces of an organization share."""

from django.db import models
from django.db.models import Q

from iacplatform.accounts.models import Organization, User
from iacplatform.common.ids import new_id
from workspaces.models.project import Project
from workspaces.models.variable import Variable
from workspaces.models.workspace import Workspace


def new_variable_set_id() -> str:
    """A semantic id such as ``varset-…``."""
    return new_id("varset")


class VariableSetScope(models.TextChoices):
    """To which workspaces of its organization a set applies."""

    ORGANIZATION = "organization", "Every workspace of the organization"
    PROJECTS = "projects", "The workspaces of named projects"
    WORKSPACES = "workspaces", "Named workspaces"


class VariableSetQuerySet(models.QuerySet["VariableSet"]):
    """Reads of variable sets."""

    def kept(self) -> "VariableSetQuerySet":
        """Those that were not deleted."""
        return self.filter(is_deleted=False)

    def visible_to(self, user: User) -> "VariableSetQuerySet":
        """The sets of the user's organizations; a superuser sees all."""
        if user.is_superuser:
            return self
        return self.filter(organization__membership__user=user)

    def applying_to(self, workspace: Workspace) -> "VariableSetQuerySet":
        """The sets that a workspace takes variables from; those of other organizations never."""
        named = VariableSet.workspaces.through.objects.filter(workspace=workspace)
        applies = Q(scope=VariableSetScope.ORGANIZATION) | Q(
            scope=VariableSetScope.WORKSPACES, pk__in=named.values("variableset_id")
        )
        if workspace.project_id is not None:
            inside = VariableSet.projects.through.objects.filter(project_id=workspace.project_id)
            applies |= Q(scope=VariableSetScope.PROJECTS, pk__in=inside.values("variableset_id"))
        return self.kept().filter(applies, organization_id=workspace.organization_id)


class VariableSet(models.Model):
    """Variables with a name, and where they apply (docs/reference/variable-sets.md).

    A deleted set keeps its rows for the tasks whose snapshots name them. ``projects`` and
    ``workspaces`` count where ``scope`` says so.
    """

    variable_set_id = models.CharField(
        max_length=50, unique=True, default=new_variable_set_id, editable=False
    )
    organization = models.ForeignKey(
        Organization, on_delete=models.PROTECT, related_name="variable_sets"
    )
    name = models.CharField(max_length=100)
    description = models.TextField(blank=True)
    scope = models.CharField(
        max_length=12, choices=VariableSetScope.choices, default=VariableSetScope.WORKSPACES
    )
    priority = models.BooleanField(
        default=False, help_text="Its variables win over those of the workspace itself"
    )
    order = models.PositiveIntegerField(
        default=0, help_text="Among sets of equal priority and scope, the smallest number wins"
    )
    projects = models.ManyToManyField(Project, blank=True, related_name="variable_sets")
    workspaces = models.ManyToManyField(Workspace, blank=True, related_name="variable_sets")
    is_deleted = models.BooleanField(default=False, editable=False)
    created_by = models.ForeignKey(
        User, on_delete=models.SET_NULL, null=True, editable=False, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = VariableSetQuerySet.as_manager()

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "name"],
                condition=Q(is_deleted=False),
                name="one_variable_set_name_an_organization",
            ),
            models.CheckConstraint(
                condition=Q(scope__in=VariableSetScope.values), name="known_variable_set_scope"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class SetVariableQuerySet(models.QuerySet["SetVariable"]):
    """Reads of the variables of sets."""

    def current(self) -> "SetVariableQuerySet":
        """The newest version of each variable that was not deleted, nor was its set (F18)."""
        return self.filter(is_current=True, is_deleted=False, variable_set__is_deleted=False)


class SetVariable(Variable):
    """One version of a variable of a set."""

    variable_set = models.ForeignKey(
        VariableSet, on_delete=models.CASCADE, related_name="variables"
    )
    given_to = models.ManyToManyField(
        Workspace,
        editable=False,
        related_name="+",
        help_text="Workspaces with a task that got this sensitive value: it may be in their state",
    )

    objects = SetVariableQuerySet.as_manager()

    class Meta:
        ordering = ["key", "-version"]
        constraints = [
            models.UniqueConstraint(
                fields=["variable_id", "version"], name="one_row_a_set_variable_version"
            ),
            models.UniqueConstraint(
                fields=["variable_id"], condition=Q(is_current=True), name="one_current_set_version"
            ),
            models.UniqueConstraint(
                fields=["variable_set", "variable_type", "key"],
                condition=Q(is_current=True, is_deleted=False),
                name="one_set_variable_a_key",
            ),
        ]

    @property
    def organization_id(self) -> int:
        """Whose it is: its set's organization."""
        return self.variable_set.organization_id
