"""A page whose rows have a name of their own (reference §2.5)."""

from typing import Any

from rest_framework.response import Response

from iacplatform.common.pagination import PageNumberPagination

NAME = "available_workspaces"


class AvailableWorkspacesPagination(PageNumberPagination):
    """Answers ``{available_workspaces, total, page, page_size, pages}``."""

    def get_paginated_response(self, data: Any) -> Response:
        """Wraps a page of workspaces."""
        response = super().get_paginated_response(data)
        response.data = {NAME: response.data.pop("items"), **response.data}
        return response

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        """The answer's shape for the OpenAPI document."""
        page = super().get_paginated_response_schema(schema)
        properties = dict(page["properties"])
        properties = {NAME: properties.pop("items"), **properties}
        return {**page, "required": list(properties), "properties": properties}
