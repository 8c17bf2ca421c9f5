"""A project: workspaces of an organization that belong together."""

from django.db import models

from iacplatform.accounts.models import Organization, User
from iacplatform.accounts.organizations import member_organizations
from iacplatform.common.ids import new_id


def new_project_id() -> str:
    """A semantic id such as ``prj-mb7m9ii5ey``."""
    return new_id("prj", 10)


class ProjectQuerySet(models.QuerySet["Project"]):
    """Reads of projects."""

    def visible_to(self, user: User) -> "ProjectQuerySet":
        """Those of the user's organizations; a superuser sees all."""
        return self.filter(organization__in=member_organizations(user))


class Project(models.Model):
    """A part of an organization: workspaces that belong together."""

    project_id = models.CharField(
        max_length=50, unique=True, default=new_project_id, editable=False
    )
    organization = models.ForeignKey(
        Organization, on_delete=models.PROTECT, related_name="projects"
    )
    name = models.CharField(max_length=100)
    description = models.TextField(blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = ProjectQuerySet.as_manager()

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "name"], name="one_project_name_an_organization"
            ),
        ]

    def __str__(self) -> str:
        return self.name
