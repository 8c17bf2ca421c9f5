"""What every operation of the OpenAPI document has in common."""

from typing import Any

ERROR = {
    "type": "object",
    "required": ["error", "code"],
    "properties": {
        "error": {"type": "string", "description": "A sentence for a person"},
        "code": {"type": "string", "description": "A word for a program", "example": "invalid"},
        "fields": {
            "type": "object",
            "description": "Path of an input → what is wrong with it",
            "additionalProperties": {"type": "array", "items": {"type": "string"}},
        },
        "request_id": {"type": "string", "description": "Where the log tells more (5xx only)"},
    },
    "additionalProperties": {},
}
FAILED = {
    "description": "The one shape of every failed answer",
    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}},
}


def document_errors(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Adds the error answer to every operation (a postprocessing hook of drf-spectacular)."""
    result["components"]["schemas"]["Error"] = ERROR
    for operations in result["paths"].values():
        for operation in operations.values():
            operation["responses"]["default"] = FAILED
    return result
