"""Installing the provider ``http`` where an engine finds it, as if it were HashiCorp's."""

from pathlib import Path

from tests.system import python_providers

SCRIPT = Path(__file__).parent / "provider.py"


def cli_config(cache: Path, directory: Path) -> Path:
    """Makes a mirror with the provider in ``directory``; returns the engine's CLI configuration file."""
    return python_providers.cli_config(
        "hashicorp/http", "3.5.0", SCRIPT, cache=cache, directory=directory
    )
