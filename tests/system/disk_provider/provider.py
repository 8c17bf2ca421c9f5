"""A real provider whose resources are files on this disk: what a test changes there has drifted.

The engine runs it as a process of its own, over the plugin protocol, which the package ``tf`` speaks.
A resource is one JSON file ``{"id", "content", "tags", "secret"}``. While a file ``<path>.slow`` is there,
reading the resource takes its time.
"""

# mypy: disable-error-code="misc, no-any-return"

import json
import time
import uuid
from pathlib import Path
from typing import Any

from tf.iface import Provider, Resource
from tf.runner import run_provider
from tf.schema import Attribute, Schema
from tf.types import Map, String

State = dict[str, Any]
KEPT = ("id", "content", "tags", "secret")


class File(Resource):
    """``disk_file``."""

    def __init__(self, provider: Provider) -> None:
        """Nothing of the provider is needed."""

    @classmethod
    def get_name(cls) -> str:
        """What follows the prefix."""
        return "file"

    @classmethod
    def get_schema(cls) -> Schema:
        """The attributes."""
        return Schema(
            attributes=[
                Attribute("id", String(), computed=True),
                Attribute("path", String(), required=True, requires_replace=True),
                Attribute("content", String(), required=True),
                Attribute("tags", Map(String()), optional=True),
                Attribute("secret", String(), optional=True, sensitive=True),
            ]
        )

    def create(self, ctx: Any, planned: State) -> State:
        """Writes the file under a new id."""
        return _write({**planned, "id": uuid.uuid4().hex})

    def read(self, ctx: Any, current: State) -> State | None:
        """What the file says now; ``None`` where it is gone."""
        path = Path(current["path"])
        while path.with_name(f"{path.name}.slow").exists():
            time.sleep(0.1)
        if not path.exists():
            return None
        return {"path": str(path), **json.loads(path.read_text())}

    def update(self, ctx: Any, current: State, planned: State) -> State:
        """Writes the file anew."""
        return _write({**planned, "id": current["id"]})

    def delete(self, ctx: Any, current: State) -> None:
        """Removes the file."""
        Path(current["path"]).unlink(missing_ok=True)


def _write(state: State) -> State:
    Path(state["path"]).write_text(json.dumps({name: state.get(name) for name in KEPT}))
    return state


class Disk(Provider):
    """The provider ``disk``."""

    def get_model_prefix(self) -> str:
        """What the names of its resources begin with."""
        return "disk_"

    def full_name(self) -> str:
        """Its address."""
        return "registry.terraform.io/tests/disk"

    def get_provider_schema(self, diags: Any) -> Schema:
        """It needs no configuration."""
        return Schema(attributes=[])

    def validate_config(self, diags: Any, config: State) -> None:
        """There is nothing to check."""

    def configure_provider(self, diags: Any, config: State) -> None:
        """There is nothing to set up."""

    def get_data_sources(self) -> list[Any]:
        """None."""
        return []

    def get_resources(self) -> list[Any]:
        """Files."""
        return [File]


if __name__ == "__main__":
    run_provider(Disk())
