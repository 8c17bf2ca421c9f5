"""Who is there: organizations, users, memberships and API tokens."""

import hashlib
import secrets
from datetime import datetime

from django.contrib.auth.models import AbstractUser
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils import timezone

from iacplatform.accounts.levels import OrganizationRole, TokenScope
from iacplatform.common.ids import new_id

TOKEN_PREFIX = "iac_"
DEFAULT_ORGANIZATION = "default"


class Organization(models.Model):
    """Owns workspaces; one called ``default`` is there from the first migration."""

    name = models.SlugField(max_length=64, unique=True)
    display_name = models.CharField(max_length=200, blank=True)
    members: "models.ManyToManyField[User, Membership]" = models.ManyToManyField(
        "User", through="Membership", related_name="organizations"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.display_name or self.name


class User(AbstractUser):
    """A person, or the service account of a team or an organization, which never signs in."""

    is_service = models.BooleanField(
        default=False, editable=False, help_text="Stands for a team or an organization"
    )


class Membership(models.Model):
    """A user belongs to an organization; an owner may do everything there, others what teams may."""

    organization = models.ForeignKey(Organization, on_delete=models.CASCADE)
    user = models.ForeignKey(User, on_delete=models.CASCADE)
    is_owner = models.BooleanField(
        default=False, help_text="May do everything in the organization and its workspaces"
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["organization", "user"], name="one_membership"),
        ]

    def __str__(self) -> str:
        return f"{self.user} in {self.organization}"


def new_team_id() -> str:
    """A semantic id such as ``team-4fz0…``."""
    return new_id("team", 10)


class Team(models.Model):
    """Members of an organization who may do the same."""

    team_id = models.CharField(max_length=50, unique=True, default=new_team_id, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="teams")
    name = models.CharField(max_length=100)
    description = models.TextField(blank=True)
    roles = ArrayField(
        models.CharField(max_length=20, choices=OrganizationRole.choices),
        default=list,
        blank=True,
        help_text="What its members manage for the whole organization",
    )
    members = models.ManyToManyField(User, blank=True, related_name="teams")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "name"], name="one_team_name_an_organization"
            ),
        ]

    def __str__(self) -> str:
        return self.name


def token_digest(token: str) -> str:
    """The sha256 (hex) under which a token is stored: it has 256 random bits, so no salt is needed."""
    return hashlib.sha256(token.encode()).hexdigest()


class APITokenQuerySet(models.QuerySet["APIToken"]):
    """Which tokens count."""

    def usable(self, now: datetime) -> "APITokenQuerySet":
        """Tokens of active users that are neither revoked nor expired."""
        alive = Q(expires_at__isnull=True) | Q(expires_at__gt=now)
        return self.filter(alive, revoked_at__isnull=True, user__is_active=True)


class APIToken(models.Model):
    """Lets a program act as its user; the token itself is shown once and only its digest kept.

    The token of a team or an organization acts as a service account, which is all that it may ever be.
    """

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="api_tokens")
    team = models.ForeignKey(
        Team, on_delete=models.CASCADE, null=True, editable=False, related_name="api_tokens"
    )
    organization = models.ForeignKey(
        Organization, on_delete=models.CASCADE, null=True, editable=False, related_name="api_tokens"
    )
    scopes = ArrayField(
        models.CharField(max_length=30, choices=TokenScope.choices),
        default=list,
        blank=True,
        help_text="What it opens at most; none: all that its owner may",
    )
    created_by = models.ForeignKey(
        User, on_delete=models.SET_NULL, null=True, editable=False, related_name="+"
    )
    name = models.CharField(max_length=100)
    digest = models.CharField(max_length=64, unique=True, editable=False)
    hint = models.CharField(max_length=12, editable=False, help_text="The token's first characters")
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, editable=False)
    revoked_at = models.DateTimeField(null=True, editable=False)

    objects = APITokenQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return f"{self.name} ({self.hint}…)"

    @property
    def is_usable(self) -> bool:
        """Whether the token still opens anything."""
        expired = self.expires_at is not None and self.expires_at <= timezone.now()
        return not expired and self.revoked_at is None


def new_token() -> str:
    """A fresh API token: ``iac_`` and 256 random bits in URL-safe base64."""
    return TOKEN_PREFIX + secrets.token_urlsafe(32)


from iacplatform.accounts.audit.models import AuditEntry as AuditEntry  # noqa: E402, PLC0414
from iacplatform.accounts.oidc.models import OIDCIdentity as OIDCIdentity  # noqa: E402, PLC0414
from iacplatform.accounts.sessions import (  # noqa: E402
    RevokedAccessToken as RevokedAccessToken,  # noqa: PLC0414
)
from iacplatform.accounts.setup.models import Setup as Setup  # noqa: E402, PLC0414
