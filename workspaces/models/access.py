"""What a user may do in which workspaces: read once, then asked of rows and of queries."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from django.db.models import F, Q

from iacplatform.accounts.levels import Level
from iacplatform.accounts.models import Membership, User
from workspaces.models.access_grant import AccessGrant

if TYPE_CHECKING:
    from workspaces.models.workspace import Workspace

Levels = dict[int, Level]


@dataclass
class Access:
    """Levels by place (keys of rows); the most specific place counts, even with a lower level."""

    everywhere: bool = False
    owned: set[int] = field(default_factory=set)
    organizations: Levels = field(default_factory=dict)
    projects: Levels = field(default_factory=dict)
    workspaces: Levels = field(default_factory=dict)

    def level_in(self, *, organization: int, project: int | None, workspace: int | None) -> Level:
        """The level in one workspace; without its key, in one that would be made there."""
        if self.everywhere or organization in self.owned:
            return Level.ADMIN
        for levels, key in (
            (self.workspaces, workspace),
            (self.projects, project),
            (self.organizations, organization),
        ):
            if key is not None and key in levels:
                return levels[key]
        return Level.NONE

    def level_in_workspace(self, workspace: "Workspace") -> Level:
        """The level in a workspace that is there."""
        return self.level_in(
            organization=workspace.organization_id,
            project=workspace.project_id,
            workspace=workspace.pk,
        )

    def workspaces_with(self, level: Level) -> Q:
        """The condition of workspaces in which the level is at least so high.

        Keys that are known rather than subqueries: PostgreSQL combines the indexes for them, and a list of
        100,000 workspaces is as fast as one of 100.
        """
        if self.everywhere:
            return Q()
        decided = Q(pk__any_of=list(self.workspaces))
        by_project = Q(project__any_of=list(self.projects))
        found = Q(pk__any_of=_enough(self.workspaces, level))
        if projects := _enough(self.projects, level):
            found |= _but(Q(project__any_of=projects), decided, self.workspaces)
        if organizations := _enough(self.organizations, level):
            condition = _but(Q(organization__any_of=organizations), decided, self.workspaces)
            if self.projects:
                condition &= Q(project=None) | ~by_project
            found |= condition
        return found | Q(organization__any_of=list(self.owned)) if self.owned else found


def _enough(levels: Levels, level: Level) -> list[int]:
    return [key for key, each in levels.items() if each >= level]


def _but(condition: Q, decided: Q, levels: Levels) -> Q:
    return condition & ~decided if levels else condition


def access_of(user: User) -> Access:
    """What the user may do now: two queries, none for a superuser."""
    if user.is_superuser:
        return Access(everywhere=True)
    access = Access()
    members = Membership.objects.filter(user=user).values_list("organization", "is_owner")
    organizations = dict(members)
    access.owned = {key for key, is_owner in organizations.items() if is_owner}
    # Who leaves an organization leaves what they had there.
    by_team = Q(team__members=user, team__organization__in=organizations)
    by_name = Q(user=user, workspace__organization__in=organizations)
    held = by_team & _at_home() | by_name
    rows = AccessGrant.objects.filter(held).order_by()
    for organization, project, workspace, level in rows.values_list(
        "organization_id", "project_id", "workspace_id", "level"
    ):
        levels, key = _place(access, organization, project, workspace)
        levels[key] = max(Level(level), levels.get(key, Level.NONE))
    return access


def _at_home() -> Q:
    """The condition of grants of a team in its own organization: any other opens nothing."""
    home = F("team__organization")
    return Q(organization=home) | Q(project__organization=home) | Q(workspace__organization=home)


def _place(
    access: Access, organization: int | None, project: int | None, workspace: int | None
) -> tuple[Levels, int]:
    if workspace is not None:
        return access.workspaces, workspace
    if project is not None:
        return access.projects, project
    assert organization is not None  # noqa: S101  # a constraint of the table says so
    return access.organizations, organization
