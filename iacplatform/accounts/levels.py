"""What one may be allowed: levels in a workspace, roles in an organization, scopes of a token."""

from django.db import models


class Level(models.IntegerChoices):
    """How much one may do in a workspace; a higher level includes the lower ones."""

    NONE = 0, "None"
    READ = 10, "Read"
    PLAN = 20, "Plan"
    WRITE = 30, "Write"
    ADMIN = 40, "Admin"

    @property
    def word(self) -> str:
        """The level as the API and the scopes of tokens write it."""
        return self.name.lower()

    @classmethod
    def of_word(cls, word: str) -> "Level":
        """The level that :attr:`word` names; raises ``KeyError`` for any other."""
        return cls[word.upper()]


LEVEL_WORDS = [(level.word, level.label) for level in Level]


class OrganizationRole(models.TextChoices):
    """What a team may manage for its whole organization; owners may manage everything."""

    RUN_TASKS = "run_tasks", "Run tasks"
    NOTIFICATIONS = "notifications", "Notifications"
    AGENT_POOLS = "agent_pools", "Agent pools"
    ENGINE_VERSIONS = "engine_versions", "Engine versions"
    SETTINGS = "settings", "Settings"


class TokenScope(models.TextChoices):
    """What a token opens at most; one without scopes opens all that its owner may.

    Of the scopes of workspaces, a higher one includes the lower ones.
    """

    WORKSPACES_READ = "workspaces:read", "Read workspaces"
    WORKSPACES_PLAN = "workspaces:plan", "Plan in workspaces"
    WORKSPACES_WRITE = "workspaces:write", "Change workspaces"
    WORKSPACES_ADMIN = "workspaces:admin", "Administer workspaces"
    STATE_SENSITIVE = "state:sensitive", "Read states with their secrets"
    ORGANIZATION_READ = "organization:read", "Read what belongs to organizations"
    ORGANIZATION_WRITE = "organization:write", "Manage what belongs to organizations"
    ACCOUNT = "account", "The account and its tokens"
    PLATFORM = "platform", "The installation"
