"""Pages of lists that say something about the whole list too."""

from typing import Any

from iacplatform.common.pagination import PageNumberPagination
from workspaces.api.filters import ALL, STATUS_GROUPS

COUNT = {"type": "integer"}


def _with(schema: dict[str, Any], **members: dict[str, Any]) -> dict[str, Any]:
    properties = {**schema["properties"], **members}
    return {**schema, "properties": properties, "required": [*schema["required"], *members]}


class TaskPagination(PageNumberPagination):
    """A page of tasks with ``filter_counts``: group of statuses → number of tasks.

    A number that is ``filter_counts_capped_at`` stands for so many or more.
    """

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        """Documents ``filter_counts`` and how far they go."""
        counts = {"type": "object", "properties": dict.fromkeys([ALL, *STATUS_GROUPS], COUNT)}
        return _with(
            super().get_paginated_response_schema(schema),
            filter_counts=counts,
            filter_counts_capped_at={
                **COUNT,
                "description": "A count of so many stands for so many or more",
            },
        )


class ResourceChangePagination(PageNumberPagination):
    """A page of resource changes with the ``summary`` of the plan and its ``output_changes``."""

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        """Documents ``summary`` and ``output_changes``."""
        summary = {
            "type": "object",
            "properties": dict.fromkeys(["add", "change", "destroy"], COUNT),
        }
        change = {
            "type": "object",
            "properties": {
                "name": {"type": "string"},
                "action": {"type": "string", "enum": ["create", "update", "delete"]},
                "before": {},
                "after": {},
                "sensitive": {"type": "boolean"},
            },
        }
        return _with(
            super().get_paginated_response_schema(schema),
            summary=summary,
            output_changes={"type": "array", "items": change},
        )
