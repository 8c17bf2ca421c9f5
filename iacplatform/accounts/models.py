"""Who is there: organizations, users, memberships and API tokens."""

import hashlib
import secrets
from datetime import datetime

from django.contrib.auth.models import AbstractUser
from django.db import models
from django.db.models import Q
from django.utils import timezone

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
    """A person or a service account that signs in."""


class Membership(models.Model):
    """A user belongs to an organization and sees its workspaces."""

    organization = models.ForeignKey(Organization, on_delete=models.CASCADE)
    user = models.ForeignKey(User, on_delete=models.CASCADE)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["organization", "user"], name="one_membership"),
        ]

    def __str__(self) -> str:
        return f"{self.user} in {self.organization}"


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
    """Lets a program act as its user; the token itself is shown once and only its digest kept."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="api_tokens")
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
