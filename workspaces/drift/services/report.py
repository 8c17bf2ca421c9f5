"""What a check says: drifted objects below the resources of the configuration (reference §5.11)."""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from iacplatform.terraform.addresses import resource_addresses
from workspaces.drift.models import DriftIgnoreRule, severity_of, worst
from workspaces.drift.services.ignoring import ignored_paths, rule_for_object
from workspaces.models import ResourceCodeVersion, TaskSnapshot

Drifted = Mapping[str, Any]
# A module or a resource of the root module, without the key of an instance.
_ROOT = re.compile(r"module\.[^.\[]+|[^.\[]+\.[^.\[ ]+")
FINGERPRINT_LENGTH = 16


@dataclass(frozen=True)
class Owner:
    """The resource of the workspace that an address of the root module comes from."""

    resource_id: str
    resource_type: str
    resource_name: str


@dataclass(frozen=True)
class Report:
    """What drifted.

    ``resources`` is a list of ``{"address", "resource_id", "resource_type", "resource_name", "has_drift",
    "severity", "drifted_children"}``; a child is ``{"address", "type", "name", "action", "severity",
    "changes": {path: {"before", "after"}}, "ignored_paths", "ignored_by", "is_ignored"}``. Counts and
    fingerprints (one for each object) leave out what is ignored.
    """

    resources: list[dict[str, Any]]
    drift_count: int
    severity: str
    severities: dict[str, int]
    ignored_count: int
    fingerprints: list[str]

    @property
    def fingerprint(self) -> str:
        """One for all of them."""
        return _digest("".join(self.fingerprints))


def build_report(
    drifted: Sequence[Drifted], owners: Mapping[str, Owner], rules: Sequence[DriftIgnoreRule]
) -> Report:
    """Puts what a plan found below the resources it belongs to; what belongs to none is told as well."""
    below: dict[str, list[dict[str, Any]]] = {}
    for entry in drifted:
        below.setdefault(_root_of(entry["address"]), []).append(_child(entry, rules))
    resources = [_resource(root, owners.get(root), below[root]) for root in sorted(below)]
    children = [child for each in below.values() for child in each]
    counted = [child for child in children if not child["is_ignored"]]
    return Report(
        resources=resources,
        drift_count=sum(resource["has_drift"] for resource in resources),
        severity=worst(child["severity"] for child in counted),
        severities=dict(Counter(child["severity"] for child in counted)),
        ignored_count=len(children) - len(counted),
        fingerprints=sorted({_fingerprint(child) for child in counted}),
    )


def owners_of(snapshot: TaskSnapshot) -> dict[str, Owner]:
    """Address of the root module → the resource whose code, as of the snapshot, has it."""
    ids = [entry["version_id"] for entry in (snapshot.resource_versions or {}).values()]
    versions = ResourceCodeVersion.objects.filter(pk__in=ids).select_related("resource")
    return {
        address: Owner(
            version.resource.resource_id,
            version.resource.resource_type,
            version.resource.resource_name,
        )
        for version in versions.only(
            "tf_code",
            "resource__resource_id",
            "resource__resource_type",
            "resource__resource_name",
        )
        for address in resource_addresses(version.tf_code)
    }


def _root_of(address: str) -> str:
    match = _ROOT.match(address)
    return match[0] if match else address


def _resource(root: str, owner: Owner | None, children: list[dict[str, Any]]) -> dict[str, Any]:
    counted = [child for child in children if not child["is_ignored"]]
    kind, _, name = root.partition(".")
    return {
        "address": root,
        "resource_id": owner.resource_id if owner else None,
        "resource_type": owner.resource_type if owner else kind,
        "resource_name": owner.resource_name if owner else name,
        "has_drift": bool(counted),
        "severity": worst(child["severity"] for child in counted),
        "drifted_children": children,
    }


def _child(entry: Drifted, rules: Sequence[DriftIgnoreRule]) -> dict[str, Any]:
    changes = entry["differences"]
    by = rule_for_object(rules, entry["address"])
    ignored = ignored_paths(rules, entry["address"], list(changes))
    counted = [path for path in changes if path not in ignored]
    # What is gone, or another object, is no matter of its attributes.
    all_ignored = bool(changes) and not counted and entry["action"] == "update"
    return {
        "address": entry["address"],
        "type": entry["resource_type"],
        "name": entry["name"],
        "action": entry["action"],
        "severity": severity_of(entry["action"], counted or changes).value,
        "changes": changes,
        "ignored_paths": ignored,
        "ignored_by": by,
        "is_ignored": bool(by) or all_ignored,
    }


def _fingerprint(child: dict[str, Any]) -> str:
    """Stays the same as long as the object differs in the same way."""
    paths = set(child["changes"]) - set(child["ignored_paths"])
    told = {path: child["changes"][path] for path in paths}
    return _digest(json.dumps([child["address"], child["severity"], told], sort_keys=True))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:FINGERPRINT_LENGTH]
