"""Configurations uploaded as archives of HCL."""

from django.db import models

from iacplatform.accounts.models import User
from iacplatform.common.fields import EncryptedBinaryField
from iacplatform.common.ids import new_id
from workspaces.models.workspace import Workspace


def new_configuration_id() -> str:
    """A semantic id such as ``cv-9x…``."""
    return new_id("cv")


class ConfigurationVersion(models.Model):
    """A tar.gz of HCL that was checked when it was uploaded; never changed."""

    configuration_id = models.CharField(
        max_length=50, unique=True, default=new_configuration_id, editable=False
    )
    workspace = models.ForeignKey(
        Workspace, on_delete=models.CASCADE, related_name="configuration_versions"
    )
    description = models.CharField(max_length=500, blank=True)
    archive = EncryptedBinaryField()
    sha256 = models.CharField(max_length=64)
    size_bytes = models.PositiveBigIntegerField(help_text="Size of the archive")
    unpacked_bytes = models.PositiveBigIntegerField(help_text="Size of the files in it")
    file_count = models.PositiveIntegerField()
    created_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["workspace", "-id"], name="configuration_of_workspace")]

    def __str__(self) -> str:
        return self.configuration_id
