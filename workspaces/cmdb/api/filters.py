"""What lists can be narrowed by."""

import django_filters  # type: ignore[import-untyped]
from django.db.models import Q, QuerySet

from iacplatform.common.filtering import FilterSet
from workspaces.cmdb.models import ResourceIndex


class ResourceFilter(FilterSet):
    """Resources of a workspace by type, provider, module and text."""

    resource_type = django_filters.CharFilter(max_length=200)
    provider = django_filters.CharFilter(max_length=200)
    module_path = django_filters.CharFilter(max_length=5000)
    search = django_filters.CharFilter(method="filter_search", max_length=500)

    class Meta:
        model = ResourceIndex
        fields: list[str] = []

    def filter_search(
        self, queryset: QuerySet[ResourceIndex], name: str, text: str
    ) -> QuerySet[ResourceIndex]:
        """In the address, the name and the id."""
        return queryset.filter(
            Q(terraform_address__icontains=text)
            | Q(cloud_resource_name__icontains=text)
            | Q(cloud_resource_id__icontains=text)
        )
