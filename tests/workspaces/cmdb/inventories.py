"""External sources, and what servers answer for them."""

import json
from typing import Any

from tests.factories import OrganizationFactory
from workspaces.cmdb.models import ExternalSource, ResourceIndex

MAPPING = {
    "resource_type": "kind",
    "resource_name": "$.name",
    "cloud_resource_id": "$.id",
    "description": "meta.text",
    "tags": "$.labels",
    "attributes": "$.meta",
}


def http(body: bytes, status: int = 200, **headers: str) -> bytes:
    """A whole answer."""
    lines = [f"HTTP/1.1 {status} Said"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    lines += [f"Content-Length: {len(body)}", "", ""]
    return "\r\n".join(lines).encode() + body


def items(*found: dict[str, Any]) -> bytes:
    """An answer with these items."""
    return http(json.dumps({"data": {"items": found}}).encode())


def item(key: str, **fields: Any) -> dict[str, Any]:
    """An item that the mapping of :func:`a_source` reads."""
    return {"id": key, "kind": "vm", "name": f"name of {key}"} | fields


def a_source(url: str = "https://inventory.example.com/vms", **fields: Any) -> ExternalSource:
    """An external source of the seeded organization."""
    values = {
        "organization": OrganizationFactory.create(),
        "name": f"source {ExternalSource.objects.count()}",
        "api_endpoint": url,
        "response_path": "$.data.items",
        "field_mapping": MAPPING,
        "primary_key_field": "id",
        "cloud_provider": "vsphere",
    }
    return ExternalSource.objects.create(**(values | fields))


def keys(source: ExternalSource) -> list[str]:
    """The keys of a source's rows."""
    rows = ResourceIndex.objects.filter(external_source=source)
    return sorted(rows.values_list("primary_key_value", flat=True))
