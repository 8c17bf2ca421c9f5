"""State files for the CMDB's tests, and what is indexed of them."""

import json
from typing import Any

from tests.factories import StateVersionFactory
from workspaces.cmdb.models import ResourceIndex, SyncTrigger
from workspaces.cmdb.services.syncing import sync_workspace
from workspaces.models import StateVersion, Workspace

AWS = 'provider["registry.terraform.io/hashicorp/aws"]'
LINEAGE = "8f5c1e2e-5c0f-4b8e-9a55-0d3f0a1b2c3d"


def instance(**attributes: Any) -> dict[str, Any]:
    """An instance with these attributes."""
    return {"schema_version": 0, "attributes": attributes, "sensitive_attributes": []}


def resource(
    address: str = "aws_instance.web", *instances: dict[str, Any], **fields: Any
) -> dict[str, Any]:
    """A managed resource; without instances it has one whose id is its name."""
    kind, name = address.split(".")
    return {
        "mode": "managed",
        "type": kind,
        "name": name,
        "provider": AWS,
        "instances": list(instances) or [instance(id=name)],
        **fields,
    }


def state(*resources: dict[str, Any], serial: int = 1) -> bytes:
    """A state with these resources."""
    content = {"version": 4, "serial": serial, "lineage": LINEAGE, "resources": list(resources)}
    return json.dumps(content).encode()


def attr(*names: str | int) -> list[dict[str, Any]]:
    """A path as states have it: names of attributes, and keys or numbers of elements."""
    return [
        {"type": "get_attr", "value": name}
        if isinstance(name, str)
        else {"type": "index", "value": {"value": name, "type": "number"}}
        for name in names
    ]


def save(workspace: Workspace, *resources: dict[str, Any]) -> StateVersion:
    """The next state version of a workspace, with these resources."""
    number = workspace.state_versions.count() + 1
    content = state(*resources, serial=number)
    return StateVersionFactory.create(workspace=workspace, version=number, content=content)


def synced(workspace: Workspace, *resources: dict[str, Any]) -> None:
    """Saves a state and indexes it."""
    save(workspace, *resources)
    sync_workspace(workspace, SyncTrigger.AUTO)


def addresses(workspace: Workspace) -> list[str]:
    """What is indexed of a workspace."""
    rows = ResourceIndex.objects.filter(workspace=workspace)
    return sorted(rows.values_list("terraform_address", flat=True))
