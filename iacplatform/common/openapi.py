"""What every operation of the OpenAPI document has in common: errors, headers, names."""

from collections.abc import Iterator
from typing import Any

from drf_spectacular.extensions import OpenApiSerializerFieldExtension
from drf_spectacular.openapi import AutoSchema

from iacplatform.common.conditional import is_conditional
from iacplatform.common.idempotency import is_idempotent

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
# Status → name of the component, when it comes, and an example of it.
FAILURES: dict[str, tuple[str, str, str, str]] = {
    "400": (
        "BadRequest",
        "The input is not acceptable",
        "invalid",
        "name: This field is required.",
    ),
    "401": ("Unauthorized", "Who calls?", "authentication_failed", "The token is unknown."),
    "403": ("Forbidden", "Not with your role", "permission_denied", "You may not do this."),
    "404": ("NotFound", "Not there, or not for you", "not_found", "No such workspace."),
    "409": ("Conflict", "Not in this state", "conflict", "Task #7 has ended as applied"),
    "412": (
        "PreconditionFailed",
        "It is not what `If-Match` says",
        "precondition_failed",
        "It has changed since you read it: read it again",
    ),
    "413": ("TooLarge", "The body is too large", "too_large", "The body is too large."),
    "415": (
        "UnsupportedMediaType",
        "The body is of another type",
        "unsupported_media_type",
        'Unsupported media type "text/plain" in request.',
    ),
    "422": (
        "Unprocessable",
        "The idempotency key came with another request, or a service refused",
        "idempotency_key_reused",
        "This key was sent with another request before",
    ),
    "423": ("Locked", "The workspace is locked", "locked", "The workspace is locked by ada"),
    "429": ("TooManyRequests", "Too many requests", "throttled", "Request was throttled."),
    "500": ("ServerError", "A mistake of ours", "internal_error", "Something went wrong."),
    "503": ("Unavailable", "Try again", "unavailable", "The database does not answer"),
}
HEADERS = {
    "X-Request-ID": ("RequestID", "The id of the request, in every log line about it"),
    "RateLimit": ("RateLimit", 'What is left, such as `"user";r=1187;t=42`'),
    "RateLimit-Policy": ("RateLimitPolicy", 'The limit, such as `"user";q=1200;w=60`'),
    "Retry-After": ("RetryAfter", "Seconds after which it may go well"),
    "ETag": ("ETag", "Tag of what is shown, for `If-Match` and `If-None-Match`"),
    "Idempotency-Replayed": ("IdempotencyReplayed", "`true` where this was answered before"),
}
EVERYWHERE = ("X-Request-ID", "RateLimit", "RateLimit-Policy")
WITH_RETRY_AFTER = {"409", "429", "503"}
PARAMETERS = {
    "IdempotencyKey": {
        "name": "Idempotency-Key",
        "in": "header",
        "description": "Yours to choose, best a UUID: what has been done with it is not done again",
        "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
    },
    "IfMatch": {
        "name": "If-Match",
        "in": "header",
        "description": "The `ETag` that you have seen: 412 where it is another one by now",
        "schema": {"type": "string"},
    },
    "IfNoneMatch": {
        "name": "If-None-Match",
        "in": "header",
        "description": "The `ETag` that you have: 304 where it is still that one",
        "schema": {"type": "string"},
    },
}
WRITES = {"POST", "PUT", "PATCH", "DELETE"}


class LocalTime(OpenApiSerializerFieldExtension):  # type: ignore[no-untyped-call]
    """A time of day without a zone: ``format: time`` is RFC 3339's, which has one."""

    target_class = "rest_framework.serializers.TimeField"
    match_subclasses = True

    def map_serializer_field(self, auto_schema: Any, direction: str) -> dict[str, Any]:
        """The schema of the field."""
        return {
            "type": "string",
            "pattern": r"^([01]?\d|2[0-3]):[0-5]?\d(:[0-5]?\d(\.\d{1,6})?)?$",
            "example": "07:00:00",
        }


class Schema(AutoSchema):
    """Describes an operation with the headers it takes and gives, and the ways in which it may fail."""

    def get_operation_id(self) -> str:
        """A POST that creates nothing is named by its address alone: ``workspaces_lock``."""
        name: str = super().get_operation_id()
        creates = getattr(self.view, "action", "create") == "create"
        return name if creates or self.method != "POST" else name.removesuffix("_create")

    def get_operation(self, *args: Any, **kwargs: Any) -> dict[str, Any] | None:
        """Adds to what drf-spectacular knows."""
        operation: dict[str, Any] | None = super().get_operation(*args, **kwargs)
        if operation is None:
            return None
        taken = [{"$ref": f"#/components/parameters/{name}"} for name in self._parameters()]
        operation["parameters"] = [*operation.get("parameters", []), *taken]
        for response in operation["responses"].values():
            response["headers"] = _header_refs(*self._headers()) | response.get("headers", {})
        failures = {status: _response_ref(status) for status in self._failures(operation)}
        operation["responses"] = failures | operation["responses"]
        if self.method == "GET" and self._is_conditional():
            operation["responses"]["304"] = {
                "description": "You have it already",
                "headers": _header_refs("ETag", *EVERYWHERE),
            }
        operation["responses"] = dict(sorted(operation["responses"].items()))
        return operation

    def _action(self) -> Any:
        return getattr(self.view, getattr(self.view, "action", None) or self.method.lower())

    def _is_conditional(self) -> bool:
        return is_conditional(self._action())

    def _parameters(self) -> Iterator[str]:
        if is_idempotent(self._action()):
            yield "IdempotencyKey"
        if self._is_conditional():
            yield "IfNoneMatch" if self.method == "GET" else "IfMatch"

    def _headers(self) -> Iterator[str]:
        yield from EVERYWHERE
        if is_idempotent(self._action()):
            yield "Idempotency-Replayed"
        if self._is_conditional() and self.method != "DELETE":
            yield "ETag"

    def _failures(self, operation: dict[str, Any]) -> Iterator[str]:
        """The statuses, beside success, that this operation may answer with."""
        yield from ("401", "429", "500", "503")
        if not self._is_open(operation):
            yield "403"
        if operation["parameters"] or "requestBody" in operation:
            yield from ("400", "404")
        if self.method in WRITES:
            yield "409"
        if "requestBody" in operation:
            yield from ("413", "415", "422")
        if is_idempotent(self._action()):
            yield "422"
        if self.method in WRITES and "{workspace_id}" in self.path:
            yield "423"
        if self.method in WRITES and self._is_conditional():
            yield "412"

    def _is_open(self, operation: dict[str, Any]) -> bool:
        """Whether it is for those who have no token yet."""
        return not operation.get("security", [{}]) or operation["operationId"] == "login"


def document_errors(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Adds what the operations refer to (a postprocessing hook of drf-spectacular)."""
    components = result["components"]
    components["schemas"]["Error"] = ERROR
    components["responses"] = {
        name: _failure(status, description, code, message)
        for status, (name, description, code, message) in FAILURES.items()
    }
    components["headers"] = {
        name: {"description": description, "schema": {"type": "string"}}
        for name, description in HEADERS.values()
    }
    components["parameters"] = PARAMETERS
    for operations in result["paths"].values():
        for operation in operations.values():
            operation["responses"]["default"] = FAILED
    return result


def _failure(status: str, description: str, code: str, message: str) -> dict[str, Any]:
    headers = _header_refs(*EVERYWHERE, *(["Retry-After"] if status in WITH_RETRY_AFTER else []))
    media = {
        "schema": {"$ref": "#/components/schemas/Error"},
        "example": {"error": message, "code": code},
    }
    return {
        "description": description,
        "headers": headers,
        "content": {"application/json": media},
    }


def _header_refs(*names: str) -> dict[str, Any]:
    return {name: {"$ref": f"#/components/headers/{HEADERS[name][0]}"} for name in names}


def _response_ref(status: str) -> dict[str, Any]:
    return {"$ref": f"#/components/responses/{FAILURES[status][0]}"}
