"""What people say of resources that need each other; what the code says is computed."""

from django.db import models
from django.db.models import F, Q

from iacplatform.accounts.models import User
from workspaces.models.resource import WorkspaceResource


class ResourceDependency(models.Model):
    """A resource needs another of its workspace, although its code does not refer to it."""

    resource = models.ForeignKey(
        WorkspaceResource, on_delete=models.CASCADE, related_name="dependencies"
    )
    depends_on = models.ForeignKey(
        WorkspaceResource, on_delete=models.CASCADE, related_name="dependents"
    )
    created_by = models.ForeignKey(
        User, on_delete=models.SET_NULL, null=True, editable=False, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["depends_on__resource_id"]
        verbose_name_plural = "resource dependencies"
        constraints = [
            models.UniqueConstraint(
                fields=["resource", "depends_on"], name="one_dependency_a_pair_of_resources"
            ),
            models.CheckConstraint(
                condition=~Q(resource=F("depends_on")), name="no_resource_depends_on_itself"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.resource} → {self.depends_on}"
