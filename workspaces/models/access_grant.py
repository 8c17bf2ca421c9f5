"""Who may do how much: the level of a team in an organization, a project or a workspace."""

from django.db import models
from django.db.models import Q

from iacplatform.accounts.levels import Level
from iacplatform.accounts.models import Organization, Team, User
from iacplatform.common.ids import new_id
from workspaces.models.project import Project


def new_grant_id() -> str:
    """A semantic id such as ``grant-4fz0…``."""
    return new_id("grant", 10)


def _unique(holder: str, place: str) -> models.UniqueConstraint:
    return models.UniqueConstraint(fields=[holder, place], name=f"one_grant_{holder}_{place}")


class AccessGrant(models.Model):
    """A level for a team, or for the user who created a workspace, in one place.

    Of several places, the most specific one counts, even where its level is lower; of several grants
    there, the highest.
    """

    grant_id = models.CharField(max_length=50, unique=True, default=new_grant_id, editable=False)
    team = models.ForeignKey(Team, on_delete=models.CASCADE, null=True, related_name="grants")
    user = models.ForeignKey(User, on_delete=models.CASCADE, null=True, related_name="grants")
    organization = models.ForeignKey(
        Organization, on_delete=models.CASCADE, null=True, related_name="grants"
    )
    project = models.ForeignKey(Project, on_delete=models.CASCADE, null=True, related_name="grants")
    workspace = models.ForeignKey(
        "Workspace", on_delete=models.CASCADE, null=True, related_name="grants"
    )
    level = models.PositiveSmallIntegerField(choices=Level.choices)
    created_by = models.ForeignKey(
        User, on_delete=models.SET_NULL, null=True, editable=False, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["pk"]
        constraints = [
            *(
                _unique(holder, place)
                for holder in ("team", "user")
                for place in ("organization", "project", "workspace")
            ),
            models.CheckConstraint(
                condition=Q(team__isnull=False, user=None) | Q(team=None, user__isnull=False),
                name="a_grant_has_one_holder",
            ),
            models.CheckConstraint(
                condition=Q(organization__isnull=False, project=None, workspace=None)
                | Q(organization=None, project__isnull=False, workspace=None)
                | Q(organization=None, project=None, workspace__isnull=False),
                name="a_grant_has_one_place",
            ),
            models.CheckConstraint(condition=Q(level__in=Level.values), name="known_level"),
        ]

    def __str__(self) -> str:
        place = self.workspace or self.project or self.organization
        return f"{Level(self.level).label} for {self.team or self.user} in {place}"
