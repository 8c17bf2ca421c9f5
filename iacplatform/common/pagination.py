"""One way of paging for every list of the API."""

from typing import Any

from rest_framework.pagination import PageNumberPagination as BasePagination
from rest_framework.response import Response


class PageNumberPagination(BasePagination):
    """Answers ``{items, total, page, page_size, pages}``; ``page_size`` is at most 100."""

    page_size_query_param = "page_size"
    max_page_size = 100

    def get_paginated_response(self, data: Any) -> Response:
        """Wraps a page of serialized objects."""
        assert self.page is not None  # noqa: S101
        paginator = self.page.paginator
        return Response(
            {
                "items": data,
                "total": paginator.count,
                "page": self.page.number,
                "page_size": paginator.per_page,
                "pages": paginator.num_pages,
            }
        )

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        """The answer's shape for the OpenAPI document."""
        number = {"type": "integer"}
        return {
            "type": "object",
            "required": ["items", "total", "page", "page_size", "pages"],
            "properties": {
                "items": schema,
                "total": number,
                "page": number,
                "page_size": number,
                "pages": number,
            },
        }
