"""The page of a list that says something about the whole workspace too."""

from typing import Any

from iacplatform.common.pagination import PageNumberPagination


class ResourceDriftPagination(PageNumberPagination):
    """A page of resources with ``others``: drift at addresses that are no resource of the workspace."""

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        """Documents ``others``."""
        page = super().get_paginated_response_schema(schema)
        other = {"$ref": "#/components/schemas/DriftedResource"}
        properties = {**page["properties"], "others": {"type": "array", "items": other}}
        return {**page, "properties": properties, "required": [*page["required"], "others"]}
