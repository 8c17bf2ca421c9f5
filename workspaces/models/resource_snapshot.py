"""Named snapshots: which version each resource of a workspace had when somebody wrote it down."""

from django.db import models

from iacplatform.accounts.models import User
from workspaces.models.state_version import StateVersion
from workspaces.models.task import WorkspaceTask
from workspaces.models.workspace import Workspace


class ResourceSnapshotQuerySet(models.QuerySet["ResourceSnapshot"]):
    """Reads of snapshots."""

    def without_versions(self) -> "ResourceSnapshotQuerySet":
        """For lists: a workspace may have thousands of resources."""
        return self.defer("versions")


class ResourceSnapshot(models.Model):
    """The resources of a workspace at one time (reference §1.4); never changed.

    ``versions`` maps a resource's id, which is ``type.name``, to the id of its code version.
    """

    workspace = models.ForeignKey(
        Workspace, on_delete=models.CASCADE, related_name="resource_snapshots"
    )
    name = models.CharField(max_length=100)
    description = models.TextField(blank=True)
    versions = models.JSONField(default=dict)
    resource_count = models.PositiveIntegerField(default=0)
    task = models.ForeignKey(
        WorkspaceTask,
        on_delete=models.SET_NULL,
        null=True,
        related_name="+",
        help_text="The task whose versions these are; empty: those of the moment",
    )
    state_version = models.ForeignKey(
        StateVersion,
        on_delete=models.SET_NULL,
        null=True,
        related_name="+",
        help_text="The state that belongs to it",
    )
    created_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    objects = ResourceSnapshotQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["workspace", "name"], name="one_resource_snapshot_a_name"
            ),
        ]

    def __str__(self) -> str:
        return self.name
