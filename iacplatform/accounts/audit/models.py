"""One row an act. Rows are never changed or deleted: a trigger of migration 0011 sees to it."""

from django.conf import settings
from django.contrib.postgres.indexes import GinIndex, OpClass
from django.db import models
from django.db.models.functions import Now, Upper

SEARCHED = ["actor_name", "object_name", "path"]


class Via(models.TextChoices):
    """By which door somebody came."""

    API = "api", "API"
    ADMIN = "admin", "Admin"
    LOGIN = "login", "Login"
    SETUP = "setup", "Set-up"
    OIDC = "oidc", "OpenID Connect"


class AuditEntry(models.Model):
    """Somebody began something; ``status`` says how it ended, ``null`` that nobody knows.

    It is written before the work begins, so that a process which dies in the middle leaves an entry of
    unknown outcome, and never none. Actor and organization are references without a constraint, and
    names are copies: an entry outlives what it names.
    """

    at = models.DateTimeField(db_default=Now(), editable=False)
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.DO_NOTHING,
        null=True,
        db_constraint=False,
        db_index=False,
        related_name="+",
    )
    actor_name = models.CharField(max_length=150, blank=True)
    token_hint = models.CharField(max_length=20, blank=True, help_text="Of the API token used")
    via = models.CharField(max_length=5, choices=Via.choices)
    action = models.CharField(max_length=100, help_text="Such as state_content.download")
    method = models.CharField(max_length=10, blank=True)
    path = models.CharField(max_length=500, blank=True)
    object_type = models.CharField(max_length=50, blank=True)
    object_id = models.CharField(max_length=100, blank=True)
    object_name = models.CharField(max_length=200, blank=True)
    organization = models.ForeignKey(
        "accounts.Organization",
        on_delete=models.DO_NOTHING,
        null=True,
        db_constraint=False,
        db_index=False,
        related_name="+",
    )
    workspace_id = models.CharField(max_length=50, blank=True)
    ip = models.GenericIPAddressField("IP address", null=True)
    user_agent = models.CharField(max_length=200, blank=True)
    request_id = models.CharField(max_length=100, blank=True)
    status = models.PositiveSmallIntegerField(
        null=True, help_text="The HTTP status; empty where the outcome is unknown"
    )
    details = models.JSONField(default=dict, help_text="Names of changed fields, never values")

    class Meta:
        verbose_name_plural = "audit log"
        ordering = ["-at", "-id"]
        indexes = [
            models.Index(fields=["at", "id"], name="audit_by_time"),
            models.Index(fields=["actor", "at", "id"], name="audit_by_actor"),
            models.Index(fields=["action", "at", "id"], name="audit_by_action"),
            models.Index(fields=["object_type", "object_id", "at", "id"], name="audit_by_object"),
            models.Index(fields=["organization", "at", "id"], name="audit_by_organization"),
            models.Index(
                fields=["workspace_id", "at", "id"],
                condition=~models.Q(workspace_id=""),
                name="audit_by_workspace",
            ),
            models.Index(fields=["ip", "at", "id"], name="audit_by_ip"),
            models.Index(fields=["status", "at", "id"], name="audit_by_status"),
            GinIndex(
                *(OpClass(Upper(field), name="gin_trgm_ops") for field in SEARCHED),
                name="audit_contains",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.action} by {self.actor_name or 'nobody'}"
