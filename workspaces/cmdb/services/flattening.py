"""Rows of the index from a state (reference §5.12): one for each managed instance."""

import hashlib
import json
import re
from collections.abc import Iterator
from typing import Any

from iacplatform.terraform.marked_parts import UNTYPED
from iacplatform.terraform.state import attributes_of, load_state, managed_objects
from workspaces.cmdb.models import ResourceIndex, SourceType
from workspaces.cmdb.models.resource import CONTENT
from workspaces.cmdb.services.module_paths import module_path, steps_of
from workspaces.cmdb.services.secrets import Secrets, without_sensitive
from workspaces.cmdb.services.texts import clean, fit, fit_attributes, fit_key

# provider["registry.terraform.io/hashicorp/aws"].west, and provider.aws.west before Terraform 0.13
_PROVIDER = re.compile(r'provider(?:\["(?:[^"]*/)?([^"/]+)"\]|\.([\w-]+))')
_PRIMITIVES = frozenset({"string", "number", "bool", "dynamic"})
CLOUDS = {
    "aws": "aws",
    "awscc": "aws",
    "azurerm": "azure",
    "azuread": "azure",
    "azapi": "azure",
    "google": "google",
    "google-beta": "google",
    "alicloud": "alicloud",
    "tencentcloud": "tencentcloud",
    "huaweicloud": "huaweicloud",
    "oci": "oracle",
    "digitalocean": "digitalocean",
    "hcloud": "hetzner",
    "kubernetes": "kubernetes",
}
"""Provider → cloud; others have none."""
REGIONS = ("region", "location")
ACCOUNTS = ("account_id", "owner_id", "project", "subscription_id")


def flatten(content: bytes, *, version: int, secrets: Secrets) -> dict[str, ResourceIndex]:
    """Unsaved rows by address; raises ``StateError`` for bytes that are no state.

    Data sources are not indexed, nor is what a failed replacement has left.
    """
    rows = {}
    for resource, address, instance in _instances(load_state(content)):
        row = _row(resource, fit_key(address), instance, secrets)
        row.state_version = version
        rows[row.terraform_address] = row
    return rows


def _instances(state: dict[str, Any]) -> Iterator[tuple[dict[str, Any], str, dict[str, Any]]]:
    for resource in state.get("resources") or []:
        for address, instance in managed_objects({"resources": [resource]}):
            if "deposed" not in instance:
                yield resource, address, instance


def _row(
    resource: dict[str, Any], address: str, instance: dict[str, Any], secrets: Secrets
) -> ResourceIndex:
    resource_type = fit(resource.get("type"), 200)
    attributes = fit_attributes(_attributes(instance, resource_type, secrets))
    tags = _tags(attributes)
    return sealed(
        ResourceIndex(
            source_type=SourceType.TERRAFORM,
            terraform_address=address,
            resource_type=resource_type,
            resource_name=fit(resource.get("name"), 500),
            index_key=_index_key(instance.get("index_key")),
            attributes=attributes,
            tags=tags,
            description=fit(attributes.get("description"), 2000),
            **_module(str(resource.get("module") or "")),
            **_identity(attributes, tags),
            **_place(provider_name(resource.get("provider")), attributes),
        )
    )


def _index_key(key: Any) -> str:
    return "" if key is None else clean(str(key))


def sealed(row: ResourceIndex) -> ResourceIndex:
    """``row`` with the digest of what it says."""
    content = json.dumps([getattr(row, name) for name in CONTENT], sort_keys=True)
    row.digest = hashlib.blake2b(content.encode(), digest_size=16).hexdigest()
    return row


def _attributes(instance: dict[str, Any], resource_type: str, secrets: Secrets) -> dict[str, Any]:
    marks = instance.get("sensitive_attributes") or []
    try:
        kept = without_sensitive(attributes_of(instance), resource_type, marks, secrets)
    except RecursionError:  # a state that somebody wrote by hand
        return {}
    return {name: _plain(value) for name, value in kept.items()}


def _plain(value: Any) -> Any:
    """The value of an attribute of no fixed type, which a state has with its type; others as they are."""
    if not isinstance(value, dict) or set(value) != UNTYPED:
        return value
    kind = value["type"]
    is_type = kind in _PRIMITIVES if isinstance(kind, str) else isinstance(kind, list)
    return value["value"] if is_type else value


def _module(instance_path: str) -> dict[str, Any]:
    steps = steps_of(instance_path)
    return {
        "module_path": module_path(steps),
        "module_depth": len(steps),
        "parent_module_path": module_path(steps[:-1]),
        "root_module_name": fit(steps[0].name, 500) if steps else "",
    }


def _identity(attributes: dict[str, Any], tags: dict[str, str]) -> dict[str, Any]:
    identifier = fit(attributes.get("id"), 500)
    candidates = (fit(tags.get("Name"), 500), fit(attributes.get("name"), 500), identifier)
    return {
        "cloud_resource_id": identifier,
        "cloud_resource_name": next(filter(None, candidates), ""),
        "cloud_resource_arn": fit(attributes.get("arn"), 500),
    }


def _place(provider: str, attributes: dict[str, Any]) -> dict[str, Any]:
    """Where it is, as far as its attributes tell; an ARN is ``arn:partition:service:region:account:…``."""
    arn = [*fit(attributes.get("arn"), 500).split(":"), *[""] * 5]
    regions = [fit(attributes.get(name), 100) for name in REGIONS]
    accounts = [fit(attributes.get(name), 200) for name in ACCOUNTS]
    return {
        "provider": provider,
        "cloud_provider": CLOUDS.get(provider, ""),
        "cloud_region": next(filter(None, [*regions, arn[3][:100]]), ""),
        "cloud_account_id": next(filter(None, [arn[4][:200], *accounts]), ""),
    }


def _tags(attributes: dict[str, Any]) -> dict[str, str]:
    """``tags`` or ``labels``, those whose value is a text."""
    for name in ("tags", "labels"):
        tags = attributes.get(name)
        if isinstance(tags, dict):
            return {key: value for key, value in tags.items() if isinstance(value, str)}
    return {}


def provider_name(address: Any) -> str:
    """``aws`` of ``provider["registry.terraform.io/hashicorp/aws"].west``; empty where there is none."""
    match = _PROVIDER.search(address) if isinstance(address, str) else None
    return fit(match[1] or match[2], 200) if match else ""
