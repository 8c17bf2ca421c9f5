"""Fields that several serializers share."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from iacplatform.accounts.models import User
from workspaces.models import EngineVersion

LATEST = "latest"


def username_field() -> "serializers.SlugRelatedField[User]":
    """Who did it, by user name; the queryset must load ``created_by``."""
    return serializers.SlugRelatedField(slug_field="username", read_only=True, allow_null=True)


@extend_schema_field(
    {
        "nullable": True,
        "description": "An object, or a text such as `terraform 1.9.5` or `latest`",
        "oneOf": [
            {
                "type": "object",
                "required": ["engine", "version"],
                "properties": {
                    "engine": {"type": "string", "enum": ["terraform", "opentofu"]},
                    "version": {"type": "string"},
                },
            },
            {"type": "string"},
        ],
    }
)
class EngineVersionField(serializers.Field[Any, Any, Any, Any]):
    """A registered engine version; ``null`` or ``latest`` is the platform's default.

    Given as ``{"engine", "version"}``, or as a text: ``opentofu 1.8.0``, or ``1.9.5`` where only one
    engine has it.
    """

    default_error_messages = {
        "shape": 'Give an object with engine and version, or a text such as "terraform 1.9.5".',
        "unknown": "No engine version {name} is registered and enabled.",
        "ambiguous": "Both engines have {name}; say which.",
    }

    def to_internal_value(self, data: Any) -> EngineVersion | None:
        """The row that is meant."""
        if isinstance(data, dict):
            wanted = {name: data.get(name) for name in ("engine", "version")}
            if not all(isinstance(value, str) for value in wanted.values()):
                self.fail("shape")
            return self._find(**wanted)
        if not isinstance(data, str) or len(data.split()) not in {1, 2}:
            self.fail("shape")
        *engine, version = data.split()
        if version == LATEST and not engine:
            return None
        return self._find(version=version, **({"engine": engine[0]} if engine else {}))

    def to_representation(self, value: EngineVersion) -> dict[str, str]:
        """Engine and version."""
        return {"engine": value.engine, "version": value.version}

    def _find(self, **wanted: Any) -> EngineVersion:
        found = list(EngineVersion.objects.filter(enabled=True, **wanted)[:2])
        name = " ".join(wanted[key] for key in ("engine", "version") if key in wanted)
        if not found:
            self.fail("unknown", name=name)
        if len(found) > 1:
            self.fail("ambiguous", name=name)
        return found[0]
