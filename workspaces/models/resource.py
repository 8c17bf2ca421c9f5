"""Resources: pieces of configuration kept by the platform, each with its versions."""

from django.db import models

from iacplatform.accounts.models import User
from workspaces.models.workspace import Workspace


class ResourceQuerySet(models.QuerySet["WorkspaceResource"]):
    """Reads of resources."""

    def active(self) -> "ResourceQuerySet":
        """Resources that are part of the configuration, with their current code."""
        return self.filter(is_active=True).select_related("current_version")


class WorkspaceResource(models.Model):
    """A resource or module block of a workspace; ``resource_id`` is ``type.name``."""

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="resources")
    resource_id = models.CharField(max_length=151, editable=False)
    resource_type = models.CharField(max_length=50)
    resource_name = models.CharField(max_length=100)
    description = models.TextField(blank=True)
    tags = models.JSONField(default=dict, blank=True)
    is_active = models.BooleanField(default=True)
    current_version = models.ForeignKey(
        "ResourceCodeVersion",
        on_delete=models.RESTRICT,
        null=True,
        editable=False,
        related_name="+",
    )
    last_applied_at = models.DateTimeField(null=True, editable=False)
    created_by = models.ForeignKey(
        User, on_delete=models.SET_NULL, null=True, editable=False, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = ResourceQuerySet.as_manager()

    class Meta:
        ordering = ["resource_id"]
        constraints = [
            models.UniqueConstraint(fields=["workspace", "resource_id"], name="one_resource_an_id"),
        ]

    def __str__(self) -> str:
        return self.resource_id


class ChangeType(models.TextChoices):
    """Why a version of the code came to be."""

    CREATE = "create", "Create"
    UPDATE = "update", "Update"
    DELETE = "delete", "Delete"
    ROLLBACK = "rollback", "Rollback"


class ResourceCodeVersion(models.Model):
    """A resource's configuration in Terraform's JSON syntax at one time; never changed."""

    resource = models.ForeignKey(
        WorkspaceResource, on_delete=models.CASCADE, related_name="versions"
    )
    version = models.PositiveIntegerField(default=1)
    tf_code = models.JSONField()
    variables = models.JSONField(default=dict, blank=True)
    change_summary = models.TextField(blank=True)
    change_type = models.CharField(
        max_length=10, choices=ChangeType.choices, default=ChangeType.CREATE
    )
    created_by = models.ForeignKey(
        User, on_delete=models.SET_NULL, null=True, editable=False, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-version"]
        constraints = [
            models.UniqueConstraint(
                fields=["resource", "version"], name="one_row_a_resource_version"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.resource} v{self.version}"
