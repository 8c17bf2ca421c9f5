"""Bodies of Terraform's JSON syntax merged into one, where nothing may be defined twice."""

from typing import Any

from iacplatform.terraform.blocks import LABELS, labelled, objects
from iacplatform.terraform.exceptions import ConfigurationError

_COMMENT = "//"
# Blocks without a label, of which there may be any number.
_REPEATED = frozenset({"moved", "import", "removed"})
_STATE_BLOCKS = ("backend", "cloud")
_ADDRESS = {"resource": "", "variable": "var.", "locals": "local."}


def split_terraform(value: Any) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Splits ``terraform`` blocks into those without ``required_providers``, and these merged.

    The platform keeps the state: a block that says otherwise is a :class:`ConfigurationError`.
    """
    blocks: list[dict[str, Any]] = []
    required: dict[str, Any] = {}
    for block in objects(value, "terraform"):
        for kind in _STATE_BLOCKS:
            if kind in block:
                raise ConfigurationError(
                    f"terraform.{kind} is not allowed: the platform keeps state."
                )
        rest = {key: part for key, part in block.items() if key != "required_providers"}
        blocks += [rest] if rest else []
        for providers in objects(block.get("required_providers", {}), "required_providers"):
            merge_required_providers(required, providers)
    return blocks, required


def merge_required_providers(into: dict[str, Any], providers: dict[str, Any]) -> None:
    """Adds ``providers`` to ``into``; two that differ are a :class:`ConfigurationError`."""
    for name, requirement in providers.items():
        if into.setdefault(name, requirement) != requirement:
            raise ConfigurationError(
                f"terraform.required_providers.{name} is defined differently twice."
            )


class Bodies:
    """The blocks of all bodies by type and labels, and the names that other files have taken."""

    def __init__(self) -> None:
        self.required_providers: dict[str, Any] = {}
        self._blocks: dict[str, Any] = {}
        self._terraform: list[dict[str, Any]] = []
        self._taken: set[tuple[str, ...]] = set()

    def add(self, body: dict[str, Any]) -> None:
        """Adds a body; raises :class:`ConfigurationError` naming what it defines once more."""
        for kind, value in body.items():
            if kind == "terraform":
                self._add_terraform(value)
            elif kind == "provider":
                self._add_providers(value)
            elif kind in _REPEATED:
                self._blocks.setdefault(kind, []).extend(objects(value, kind))
            elif kind != _COMMENT:
                self._add_labelled(kind, value)

    def merged(self) -> dict[str, Any]:
        """Returns all blocks as one body."""
        required = self.required_providers
        terraform = [*self._terraform, *([{"required_providers": required}] if required else [])]
        return {**({"terraform": terraform} if terraform else {}), **self._blocks}

    def has(self, kind: str, *labels: str) -> bool:
        """Says whether a body has this block."""
        return (kind, *labels) in self._taken

    def claim(self, kind: str, *labels: str) -> None:
        """Takes a name; raises :class:`ConfigurationError` when it is taken."""
        if (kind, *labels) in self._taken:
            raise ConfigurationError(
                f"{_ADDRESS.get(kind, f'{kind}.')}{'.'.join(labels)} is defined twice."
            )
        self._taken.add((kind, *labels))

    def claim_providers(self, value: Any) -> None:
        """Takes the names of provider configurations: the provider's, and its alias if any."""
        for (name,), configurations in labelled(value, 1, "provider"):
            for configuration in objects(configurations, f"provider.{name}"):
                alias = configuration.get("alias")
                self.claim("provider", name, *([str(alias)] if alias else []))

    def take_required_providers(self) -> dict[str, Any]:
        """Returns the required providers and takes them out of the merged body."""
        required, self.required_providers = self.required_providers, {}
        return required

    def mark_sensitive(self, variable: str) -> None:
        """Makes a variable that a body declares sensitive, as the workspace's value of it is."""
        declarations = objects(self._blocks["variable"][variable], f"var.{variable}")
        self._blocks["variable"][variable] = [{**each, "sensitive": True} for each in declarations]

    def _add_terraform(self, value: Any) -> None:
        blocks, required = split_terraform(value)
        self._terraform += blocks
        merge_required_providers(self.required_providers, required)

    def _add_providers(self, value: Any) -> None:
        self.claim_providers(value)
        providers = self._blocks.setdefault("provider", {})
        for (name,), configurations in labelled(value, 1, "provider"):
            providers.setdefault(name, []).extend(objects(configurations, f"provider.{name}"))

    def _add_labelled(self, kind: str, value: Any) -> None:
        """Adds labelled blocks; ``locals`` are alike, their names for labels."""
        for labels, body in labelled(value, LABELS.get(kind, 1), kind):
            self.claim(kind, *labels)
            target = self._blocks.setdefault(kind, {})
            for label in labels[:-1]:
                target = target.setdefault(label, {})
            target[labels[-1]] = body
