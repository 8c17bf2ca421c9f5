"""Grants: which team has which level where."""

from typing import Any

from iacplatform.accounts.levels import Level
from iacplatform.accounts.models import Organization, Team, User
from iacplatform.common.conflicts import taken
from iacplatform.common.errors import InvalidInput
from workspaces.models import AccessGrant, Project, Workspace

HAS_ONE = "the team has a level there already: change that"
Place = Organization | Project | Workspace


def grant_access(place: Place, *, team: Team, level: Level, user: User) -> AccessGrant:
    """Gives a team a level in an organization, a project or a workspace.

    Raises ``InvalidInput`` for a team of another organization, ``Conflict`` where it has a level already.
    """
    owner = place.pk if isinstance(place, Organization) else place.organization_id
    if team.organization_id != owner:
        raise InvalidInput("team_id", "the organization has no such team")
    name = type(place).__name__.lower()
    column: dict[str, Any] = {name: place}
    with taken(f"one_grant_team_{name}", "team_id", HAS_ONE):
        return AccessGrant.objects.create(team=team, level=level, created_by=user, **column)


def change_grant(grant: AccessGrant, *, level: Level) -> None:
    """Changes the level of a grant."""
    grant.level = level
    grant.save(update_fields=["level"])
