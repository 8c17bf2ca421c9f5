"""State files of Terraform and OpenTofu, format version 4."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from iacplatform.terraform.exceptions import StateError
from iacplatform.terraform.hcl import quote
from iacplatform.terraform.sensitivity import SENSITIVE

_VERSION = 4
# What the columns of a state version hold.
_LONGEST_LINEAGE = 100
_LONGEST_VERSION = 50


@dataclass(frozen=True)
class StateInfo:
    """What a state is known by.

    ``resource_count`` counts the instances of managed resources; ``outputs`` are the root outputs
    as :func:`state_outputs` returns them, masked.
    """

    lineage: str
    serial: int
    terraform_version: str
    resource_count: int
    outputs: dict[str, Any]


def read_state(content: bytes) -> StateInfo:
    """Reads a state; raises :class:`StateError` with a sentence when the bytes are not one."""
    state = load_state(content)
    return StateInfo(
        lineage=state["lineage"],
        serial=state["serial"],
        terraform_version=str(state.get("terraform_version") or ""),
        resource_count=sum(1 for _ in _instances(state)),
        outputs=_outputs(state, mask=True),
    )


def with_serial(content: bytes, serial: int) -> bytes:
    """Returns the state with another serial; raises :class:`StateError`.

    An engine takes a state only if its serial is higher than the one it has seen.
    """
    return json.dumps(load_state(content) | {"serial": serial}, indent=2).encode() + b"\n"


def resource_ids(content: bytes) -> dict[str, str]:
    """Returns the ``id`` attribute of each managed resource by the address Terraform prints.

    Instances without a text for an id are left out. Terraform 1.0 prints ``${`` in a key as it is,
    later engines ``$${``, as here. Raises :class:`StateError`.
    """
    identified = {}
    for address, instance in _instances(load_state(content)):
        resource_id = attributes_of(instance).get("id")
        if isinstance(resource_id, str) and resource_id:
            identified[address] = resource_id
    return identified


def state_outputs(content: bytes, *, mask: bool) -> dict[str, Any]:
    """Returns the root outputs as ``{name: {"value", "type", "sensitive"}}``.

    With ``mask`` a sensitive value is ``***SENSITIVE***``. Raises :class:`StateError`.
    """
    return _outputs(load_state(content), mask=mask)


def is_newer(candidate: bytes, current: bytes | None) -> bool:
    """Says whether ``candidate`` may replace ``current``: whole, same lineage, higher serial.

    A candidate that is only half written is never newer; without ``current``, any whole one is.
    Raises :class:`StateError` when ``current`` is not a state.
    """
    known = None if current is None else load_state(current)
    try:
        state = load_state(candidate)
    except StateError:
        return False
    if known is None:
        return True
    return bool(state["lineage"] == known["lineage"] and state["serial"] > known["serial"])


def load_state(content: bytes) -> dict[str, Any]:
    """Returns the state as its JSON has it; raises :class:`StateError`."""
    try:
        state = json.loads(content.decode(), parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise StateError(f"The state is not JSON: {error}.") from error
    if not isinstance(state, dict):
        raise StateError("The state is not a JSON object.")
    _check(state)
    return state


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no number")


def _check(state: dict[str, Any]) -> None:
    if "encrypted_data" in state:
        raise StateError(
            "The state is encrypted by OpenTofu; only plain states can be read.",
            field="encrypted_data",
        )
    if state.get("version") != _VERSION:
        raise StateError(
            f"The state has format version {_short(state.get('version'))}; 4 can be read.",
            field="version",
        )
    if not _is_name(state.get("lineage"), _LONGEST_LINEAGE):
        raise StateError("The state has no lineage: `lineage` must be a text.", field="lineage")
    if not _is_name(state.get("terraform_version") or "-", _LONGEST_VERSION):
        raise StateError(
            "The state's `terraform_version` must be a short text.", field="terraform_version"
        )
    serial = state.get("serial")
    if not isinstance(serial, int) or isinstance(serial, bool) or not 0 <= serial < 2**63:
        raise StateError(
            "The state has no serial: `serial` must be a whole number from 0.", field="serial"
        )
    _check_resources(state)


def _is_name(value: Any, longest: int) -> bool:
    return isinstance(value, str) and 0 < len(value) <= longest and value.isprintable()


def _short(value: Any) -> str:
    return ascii(value)[:20]


def _check_resources(state: dict[str, Any]) -> None:
    resources = state.get("resources") or []
    if not _are_objects(resources):
        raise StateError("The state's `resources` must be a list of objects.", field="resources")
    if not all(_are_objects(resource.get("instances") or []) for resource in resources):
        raise StateError(
            "The `instances` of each resource in the state must be objects.", field="resources"
        )
    outputs = state.get("outputs") or {}
    if not isinstance(outputs, dict) or not _are_objects(list(outputs.values())):
        raise StateError("The state's `outputs` must be an object of objects.", field="outputs")


def _are_objects(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(each, dict) for each in value)


def managed_objects(state: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yields each managed object of a loaded state with the address that Terraform prints.

    What a failed replacement left has an address that ends in `` (deposed object <key>)``.
    """
    for resource in state.get("resources") or []:
        if resource.get("mode") != "managed":
            continue
        module = f"{resource['module']}." if resource.get("module") else ""
        address = f"{module}{resource.get('type')}.{resource.get('name')}"
        for instance in resource.get("instances") or []:
            deposed = instance.get("deposed")
            suffix = f" (deposed object {deposed})" if deposed else ""
            yield f"{address}{_key(instance.get('index_key'))}{suffix}", instance


def attributes_of(instance: dict[str, Any]) -> dict[str, Any]:
    """Returns the attributes of an object; those of an engine before 0.12 are flat."""
    attributes = instance.get("attributes") or instance.get("attributes_flat") or {}
    return attributes if isinstance(attributes, dict) else {}


def _instances(state: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yields the managed instances; objects left by a failed replacement are not among them."""
    return (found for found in managed_objects(state) if "deposed" not in found[1])


def _key(index_key: Any) -> str:
    if index_key is None:
        return ""
    return f"[{quote(index_key) if isinstance(index_key, str) else index_key}]"


def _outputs(state: dict[str, Any], *, mask: bool) -> dict[str, Any]:
    return {
        name: _output(output, mask=mask) for name, output in (state.get("outputs") or {}).items()
    }


def _output(output: dict[str, Any], *, mask: bool) -> dict[str, Any]:
    sensitive = bool(output.get("sensitive"))
    return {
        "value": SENSITIVE if mask and sensitive else output.get("value"),
        "type": output.get("type"),
        "sensitive": sensitive,
    }
