"""What an action needs: who may call it, and with which token."""

from dataclasses import dataclass
from enum import Enum
from typing import Any

from rest_framework.exceptions import PermissionDenied

from iacplatform.accounts.levels import Level, OrganizationRole, TokenScope


class Audience(Enum):
    """Whom an action is for."""

    EVERYBODY = "everybody"
    """Nobody has to sign in, or the view checks a token of its own."""
    SIGNED_IN = "signed in"
    WORKSPACE = "workspace"
    """Who has a level in the workspace of the address, or in those that an answer shows."""
    ORGANIZATION = "organization"
    """Members of an organization; to change something, those with the role."""
    OPERATORS = "operators"
    """Staff, and who has the role in the organization `default`: it is about all organizations."""
    STAFF = "staff"
    SUPERUSERS = "superusers"


@dataclass(frozen=True)
class Rule:
    """What one action needs."""

    audience: Audience
    scopes: frozenset[TokenScope] = frozenset()
    """The token has one of these; empty: any token will do."""
    level: Level = Level.NONE
    role: OrganizationRole | None = None
    owner: bool = False
    """It is for owners of the organization: who may hand out rights must not be handed out."""
    sensitive: bool = False
    """It shows secrets: a token needs :attr:`TokenScope.STATE_SENSITIVE` besides."""


LADDER = {
    Level.READ: TokenScope.WORKSPACES_READ,
    Level.PLAN: TokenScope.WORKSPACES_PLAN,
    Level.WRITE: TokenScope.WORKSPACES_WRITE,
    Level.ADMIN: TokenScope.WORKSPACES_ADMIN,
}


def _workspace(level: Level, *, sensitive: bool = False) -> Rule:
    enough = frozenset(scope for each, scope in LADDER.items() if each >= level)
    return Rule(Audience.WORKSPACE, enough, level=level, sensitive=sensitive)


def manages(role: OrganizationRole) -> Rule:
    """Changes something of an organization, for who has the role there."""
    return Rule(Audience.ORGANIZATION, frozenset({TokenScope.ORGANIZATION_WRITE}), role=role)


def operates(role: OrganizationRole) -> Rule:
    """Changes what all organizations share."""
    return Rule(Audience.OPERATORS, frozenset({TokenScope.PLATFORM}), role=role)


READ, PLAN, WRITE, ADMIN = (_workspace(level) for level in LADDER)
SENSITIVE = _workspace(Level.ADMIN, sensitive=True)
PUBLIC = Rule(Audience.EVERYBODY)
WHO = Rule(Audience.SIGNED_IN)
ACCOUNT = Rule(Audience.SIGNED_IN, frozenset({TokenScope.ACCOUNT}))
MEMBER = Rule(
    Audience.ORGANIZATION,
    frozenset({TokenScope.ORGANIZATION_READ, TokenScope.ORGANIZATION_WRITE}),
)
OWNER = Rule(Audience.ORGANIZATION, frozenset({TokenScope.ORGANIZATION_WRITE}), owner=True)
STAFF = Rule(Audience.STAFF, frozenset({TokenScope.PLATFORM}))
PLATFORM = Rule(Audience.SUPERUSERS, frozenset({TokenScope.PLATFORM}))


def check_scopes(token: Any, rule: Rule) -> None:
    """Raises ``PermissionDenied`` where the token was made for less than the rule asks for."""
    held = set(getattr(token, "scopes", ()))
    if not held:
        return
    if rule.scopes and not rule.scopes & held:
        wanted = " or ".join(sorted(rule.scopes))
        raise PermissionDenied(f"The token needs the scope {wanted}")
    if rule.sensitive and TokenScope.STATE_SENSITIVE not in held:
        raise PermissionDenied(f"The token needs the scope {TokenScope.STATE_SENSITIVE.value} too")
