"""Rows of the index from the answer of an external source."""

import json
from dataclasses import dataclass, field
from typing import Any

from workspaces.cmdb.models import ExternalSource, ResourceIndex, SourceType
from workspaces.cmdb.services.flattening import sealed
from workspaces.cmdb.services.json_paths import PathError, find_all, find_first
from workspaces.cmdb.services.secrets import without_named
from workspaces.cmdb.services.texts import clean, fit, fit_attributes, fit_key

LENGTHS = {
    "resource_type": 200,
    "resource_name": 500,
    "cloud_resource_id": 500,
    "cloud_resource_name": 500,
    "cloud_resource_arn": 500,
    "description": 2000,
}
"""Mapped field that is a text → characters of it that are kept."""
MAPPED = (*LENGTHS, "tags", "attributes")


class AnswerError(Exception):
    """The answer is not what the source was said to give; the sentence may be shown."""


@dataclass
class Inventory:
    """What an answer has: rows by key, and how many items were left out, by reason."""

    rows: dict[str, ResourceIndex] = field(default_factory=dict)
    left_out: dict[str, int] = field(default_factory=dict)

    def leave_out(self, reason: str) -> None:
        """Counts an item that becomes no row."""
        self.left_out[reason] = self.left_out.get(reason, 0) + 1

    @property
    def message(self) -> str:
        """What was left out, as a sentence; empty where nothing was."""
        parts = [f"{count} {reason}" for reason, count in self.left_out.items()]
        return f"Left out: {', '.join(parts)}." if parts else ""


def read_inventory(source: ExternalSource, body: bytes) -> Inventory:
    """The resources in an answer's body; raises :class:`AnswerError` where it is not what was expected.

    An item without a key is left out, and so is one of another type than the source is for. Of two
    items with one key, the last counts.
    """
    inventory = Inventory()
    try:
        for item in _items(source, json.loads(body)):
            _add(inventory, source, item)
    except (ValueError, RecursionError) as error:
        raise AnswerError("The answer is not JSON") from error
    except PathError as error:
        raise AnswerError(str(error)) from error
    return inventory


def _items(source: ExternalSource, document: Any) -> list[Any]:
    """The elements of the list that ``response_path`` leads to, or all that it leads to.

    Nothing at all is an error and not an empty inventory: the answer may have another shape today.
    """
    found = find_all(source.response_path, document)
    if not found:
        raise AnswerError(f"{source.response_path} leads to nothing in the answer")
    if len(found) == 1 and isinstance(found[0], list):
        return list(found[0])
    return found


def _add(inventory: Inventory, source: ExternalSource, item: Any) -> None:
    value = find_first(source.primary_key_field, item)
    if isinstance(value, bool) or not isinstance(value, str | int) or value == "":
        inventory.leave_out("without a key")
        return
    row = _row(source, fit_key(str(value)), item)
    if source.resource_type_filter not in {"", row.resource_type}:
        inventory.leave_out("of another type")
        return
    if row.primary_key_value in inventory.rows:
        inventory.leave_out("with the key of a later one")
    inventory.rows[row.primary_key_value] = row


def _row(source: ExternalSource, key: str, item: Any) -> ResourceIndex:
    mapped = {name: find_first(path, item) for name, path in source.field_mapping.items()}
    texts = {name: fit(mapped.get(name), length) for name, length in LENGTHS.items()}
    name = texts["resource_name"] or texts["cloud_resource_name"] or key[:500]
    attributes = mapped.get("attributes")
    return sealed(
        ResourceIndex(
            source_type=SourceType.EXTERNAL,
            external_source=source,
            primary_key_value=key,
            provider=source.cloud_provider,
            cloud_provider=source.cloud_provider,
            cloud_account_id=source.account_id,
            cloud_account_name=source.account_name,
            cloud_region=source.region,
            tags=_tags(mapped.get("tags")),
            attributes=_attributes(attributes) if isinstance(attributes, dict) else {},
            **texts
            | {
                "resource_name": name,
                "cloud_resource_id": texts["cloud_resource_id"] or key[:500],
                "cloud_resource_name": texts["cloud_resource_name"] or name,
            },
        )
    )


def _attributes(attributes: dict[str, Any]) -> dict[str, Any]:
    return fit_attributes(without_named(attributes))


def _tags(value: Any) -> dict[str, str]:
    """Tags given as an object, or as a list of ``{"Key", "Value"}`` in upper or lower case."""
    if isinstance(value, list):
        pairs = [
            {str(name).lower(): part for name, part in each.items()}
            for each in value
            if isinstance(each, dict)
        ]
        value = {
            each["key"]: each.get("value") for each in pairs if isinstance(each.get("key"), str)
        }
    if not isinstance(value, dict):
        return {}
    return {clean(name): fit(part, 1000) for name, part in value.items() if fit(part, 1000)}
