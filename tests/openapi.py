"""The OpenAPI document as it is now, and reading it."""

from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from drf_spectacular.generators import SchemaGenerator

Operation = dict[str, Any]


@lru_cache(maxsize=1)
def document() -> dict[str, Any]:
    """What `make schema` writes, without the file."""
    made: dict[str, Any] = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
    return made


def operations() -> Iterator[tuple[str, str, Operation]]:
    """Method, path and description of each operation."""
    for path, methods in document()["paths"].items():
        for method, operation in methods.items():
            yield method, path, operation


def validatable(schema: Any) -> Any:
    """A schema of OpenAPI 3.0 as JSON Schema: there ``nullable`` is a type, and references need their base."""
    if isinstance(schema, list):
        return [validatable(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    plain = {name: validatable(each) for name, each in schema.items() if name != "nullable"}
    return {"anyOf": [plain, {"type": "null"}]} if schema.get("nullable") is True else plain


def with_components(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema as a document of its own."""
    components = {"schemas": validatable(document()["components"]["schemas"])}
    return {**validatable(schema), "components": components}
