"""The resource index: one row a resource, to be searched (reference §1.7)."""

from django.contrib.postgres.indexes import GinIndex, OpClass
from django.db import models
from django.db.models import Q
from django.db.models.functions import Upper

from iacplatform.accounts.models import User
from iacplatform.common import any_of  # noqa: F401  # registers the lookup
from workspaces.cmdb.models.external_source import ExternalSource
from workspaces.models import Workspace

NAMED_BY = ("cloud_resource_id", "cloud_resource_name", "cloud_resource_arn")
"""What a resource is found by in full, by its beginning or by a part; the best first."""
MENTIONED_IN = ("description", "terraform_address")
"""What a resource is found by in part only."""
CONTENT = (
    "terraform_address",
    "resource_type",
    "resource_name",
    "resource_mode",
    "index_key",
    "cloud_resource_id",
    "cloud_resource_name",
    "cloud_resource_arn",
    "description",
    "module_path",
    "module_depth",
    "parent_module_path",
    "root_module_name",
    "attributes",
    "tags",
    "provider",
    "cloud_provider",
    "cloud_account_id",
    "cloud_account_name",
    "cloud_region",
)
"""What a source says of a resource."""


class SourceType(models.TextChoices):
    """Where a row comes from."""

    TERRAFORM = "terraform", "Terraform"
    EXTERNAL = "external", "External"


class IndexQuerySet(models.QuerySet["ResourceIndex"]):
    """Reads of resources."""

    def visible_to(self, user: User) -> "IndexQuerySet":
        """Resources of the workspaces and external sources that the user may see (F44).

        The ids are asked for first: a search uses them many times over.
        """
        if user.is_superuser:
            return self
        workspaces = Workspace.objects.visible_to(user).values_list("pk", flat=True)
        sources = ExternalSource.objects.visible_to(user).values_list("pk", flat=True)
        return self.filter(
            Q(workspace__any_of=list(workspaces)) | Q(external_source__any_of=list(sources))
        )


class ResourceIndex(models.Model):
    """A resource of a workspace's state, or one that an external source told of.

    No sensitive value is ever part of it. ``digest`` is that of :data:`CONTENT`, by which a
    synchronisation sees what has changed; ``updated_at`` and ``state_version`` say when it last has.
    """

    workspace = models.ForeignKey(
        Workspace,
        on_delete=models.CASCADE,
        null=True,
        db_index=False,
        related_name="cmdb_resources",
        help_text="Empty for an external resource",
    )
    external_source = models.ForeignKey(
        ExternalSource,
        on_delete=models.CASCADE,
        null=True,
        db_index=False,
        related_name="resources",
        help_text="Empty for a resource of a state",
    )
    source_type = models.CharField(max_length=10, choices=SourceType.choices)
    terraform_address = models.TextField(blank=True)
    primary_key_value = models.TextField(blank=True, help_text="Its key in the external source")
    resource_type = models.CharField(max_length=200)
    resource_name = models.CharField(max_length=500)
    resource_mode = models.CharField(max_length=20, default="managed")
    index_key = models.TextField(blank=True, help_text="Of count or for_each, without quotes")
    provider = models.CharField(max_length=200, blank=True)
    cloud_resource_id = models.CharField(max_length=500, blank=True)
    cloud_resource_name = models.CharField(max_length=500, blank=True)
    cloud_resource_arn = models.CharField(max_length=500, blank=True)
    cloud_provider = models.CharField(max_length=100, blank=True)
    cloud_account_id = models.CharField(max_length=200, blank=True)
    cloud_account_name = models.CharField(max_length=200, blank=True)
    cloud_region = models.CharField(max_length=100, blank=True)
    description = models.TextField(blank=True)
    module_path = models.TextField(blank=True, help_text="Empty for the root module")
    module_depth = models.PositiveIntegerField(default=0)
    parent_module_path = models.TextField(blank=True)
    root_module_name = models.CharField(max_length=500, blank=True)
    attributes = models.JSONField(default=dict)
    tags = models.JSONField(default=dict)
    state_version = models.PositiveIntegerField(
        null=True, help_text="The state version that brought the last change"
    )
    digest = models.CharField(max_length=32, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = IndexQuerySet.as_manager()

    class Meta:
        ordering = ["pk"]
        verbose_name = "resource"
        indexes = [
            models.Index(fields=["workspace", "resource_type"], name="cmdb_types_of_workspace"),
            *(
                models.Index(
                    OpClass(Upper(field), name="text_pattern_ops"), name=f"cmdb_{field[6:]}"
                )
                for field in NAMED_BY
            ),
            GinIndex(
                *(
                    OpClass(Upper(field), name="gin_trgm_ops")
                    for field in (*NAMED_BY, *MENTIONED_IN)
                ),
                name="cmdb_contains",
            ),
            GinIndex(fields=["tags"], opclasses=["jsonb_path_ops"], name="cmdb_tags"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["workspace", "terraform_address"], name="one_row_an_address"
            ),
            models.UniqueConstraint(
                fields=["external_source", "primary_key_value"], name="one_row_an_external_key"
            ),
            models.CheckConstraint(
                condition=Q(
                    source_type=SourceType.TERRAFORM,
                    workspace__isnull=False,
                    external_source__isnull=True,
                )
                | Q(
                    source_type=SourceType.EXTERNAL,
                    workspace__isnull=True,
                    external_source__isnull=False,
                ),
                name="a_resource_has_one_source",
            ),
        ]

    def __str__(self) -> str:
        return self.terraform_address or self.cloud_resource_name or self.primary_key_value
