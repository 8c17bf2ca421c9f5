"""Resources, found by the same search as the API's."""

from typing import Any, cast

from django.contrib import admin
from django.db.models import Case, IntegerField, QuerySet, When
from django.http import HttpRequest
from django.utils.safestring import SafeString

from iacplatform.common.admin import ReadOnlyAdmin
from iacplatform.common.presentation import badge, object_link
from workspaces.cmdb.models import ResourceIndex, SourceType
from workspaces.cmdb.services.search import search

MOST_HITS = 100
LARGE = ("workspace__tf_code", "workspace__provider_config", "workspace__lock_file")


@admin.register(ResourceIndex)
class ResourceIndexAdmin(ReadOnlyAdmin):
    """Every resource of every state and external source."""

    list_display = [
        "name",
        "resource_type",
        "cloud_resource_id",
        "where",
        "module_path",
        "cloud_region",
        "source",
        "updated_at",
    ]
    list_filter = ["source_type", "cloud_provider"]
    search_fields = ["cloud_resource_id"]  # shows the box; get_search_results asks the index
    search_help_text = f"Id, name, ARN, description or address: the best {MOST_HITS} hits"
    fields = [
        ("name", "source"),
        ("where", "state_version"),
        ("resource_type", "resource_name", "index_key"),
        ("terraform_address", "primary_key_value"),
        ("cloud_resource_id", "cloud_resource_name"),
        "cloud_resource_arn",
        "description",
        ("provider", "cloud_provider", "cloud_region"),
        ("cloud_account_id", "cloud_account_name"),
        ("module_path", "module_depth"),
        "tags",
        "attributes",
        ("created_at", "updated_at"),
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[ResourceIndex]:
        """With where they are from, without what may be large or secret."""
        rows = super().get_queryset(request).select_related("workspace", "external_source")
        return cast("QuerySet[ResourceIndex]", rows.defer(*LARGE, "external_source__auth_headers"))

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """The best hits in their order."""
        text = search_term.strip()
        if not text:
            return queryset, False
        ids = [hit.resource.pk for hit in search(queryset, text, limit=MOST_HITS)]
        ranks = [When(pk=pk, then=rank) for rank, pk in enumerate(ids)]
        order = Case(*ranks, default=len(ids), output_field=IntegerField())
        return queryset.filter(pk__in=ids).order_by(order), False

    @admin.display(description="resource")
    def name(self, resource: ResourceIndex) -> str:
        """The address, or the name of an external one."""
        return str(resource)

    @admin.display(description="from")
    def where(self, resource: ResourceIndex) -> SafeString | str:
        """The workspace or the external source, as a link."""
        return object_link(resource.workspace or resource.external_source)

    @admin.display(description="source", ordering="source_type")
    def source(self, resource: ResourceIndex) -> SafeString:
        """Terraform or external."""
        external = resource.source_type == SourceType.EXTERNAL
        return badge(resource.get_source_type_display(), "attention" if external else "idle")
