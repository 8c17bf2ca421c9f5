"""The module tree of each workspace's state (reference §1.7)."""

from django.db import models

from workspaces.models import Workspace


class ModuleHierarchy(models.Model):
    """A module instance such as ``module.network["eu"].module.subnet[0]``; the root's path is empty."""

    workspace = models.ForeignKey(
        Workspace, on_delete=models.CASCADE, db_index=False, related_name="cmdb_modules"
    )
    module_path = models.TextField(blank=True)
    module_name = models.CharField(max_length=500, blank=True)
    module_key = models.TextField(blank=True, help_text="Of count or for_each, without quotes")
    parent_path = models.TextField(blank=True)
    depth = models.PositiveIntegerField()
    resource_count = models.PositiveIntegerField(help_text="In the module itself")
    total_resource_count = models.PositiveIntegerField(help_text="With the modules below it")
    child_module_count = models.PositiveIntegerField()

    class Meta:
        ordering = ["workspace", "depth", "module_path"]
        verbose_name = "module"
        verbose_name_plural = "module hierarchy"
        constraints = [
            models.UniqueConstraint(
                fields=["workspace", "module_path"], name="one_module_row_a_path"
            ),
        ]

    def __str__(self) -> str:
        return self.module_path or "root module"
