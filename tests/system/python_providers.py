"""Installing providers written in Python where an engine finds them.

What they import, which ``provider_requirements.txt`` locks, comes from the network the first time only.
"""

import hashlib
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

REQUIREMENTS = Path(__file__).parent / "provider_requirements.txt"
REGISTRY = "registry.terraform.io"
PLATFORM = "linux_amd64"
CLI_CONFIG = """provider_installation {{
  filesystem_mirror {{
    path    = "{mirror}"
    include = ["{address}"]
  }}
}}
"""
# The framework keeps a certificate in the home directory.
LAUNCHER = """#!/bin/sh
HOME={home} PYTHONPATH={packages} exec {python} {script}
"""


def cli_config(address: str, version: str, script: Path, *, cache: Path, directory: Path) -> Path:
    """Makes a mirror with a provider in ``directory``; returns the engine's CLI configuration file.

    ``address`` is such as ``hashicorp/http``; ``script`` is the provider.
    """
    name = address.rpartition("/")[2]
    folder = directory / "mirror" / REGISTRY / address / version / PLATFORM
    folder.mkdir(parents=True)
    values = {
        "home": directory,
        "packages": _packages(cache.absolute()),
        "python": sys.executable,
        "script": script,
    }
    quoted = {name: shlex.quote(str(value)) for name, value in values.items()}
    program = folder / f"terraform-provider-{name}_v{version}"
    program.write_text(LAUNCHER.format(**quoted))
    program.chmod(0o755)
    config = directory / "terraform.tfrc"
    config.write_text(CLI_CONFIG.format(mirror=directory / "mirror", address=address))
    return config


def _packages(cache: Path) -> Path:
    """The directory with what the providers import."""
    digest = hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()[:12]
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    packages = cache / f"python-providers-{python}-{digest}"
    if packages.exists():
        return packages
    cache.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache) as scratch:
        target = Path(scratch, "packages")
        options = ["--no-deps", "--require-hashes", "--only-binary", ":all:", "--quiet"]
        subprocess.run(
            [
                sys.executable,
                "-m",
                "pip",
                "install",
                *options,
                "-r",
                REQUIREMENTS,
                "--target",
                target,
            ],
            check=True,
        )
        target.rename(packages)
    return packages
