"""Installing the provider where an engine finds it; its packages come from the network the first time only."""

import hashlib
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
REQUIREMENTS = HERE / "requirements.txt"
PROGRAM = "registry.terraform.io/tests/disk/1.0.0/linux_amd64/terraform-provider-disk_v1.0.0"
CLI_CONFIG = """provider_installation {{
  filesystem_mirror {{
    path    = "{mirror}"
    include = ["tests/disk"]
  }}
}}
"""
# The framework keeps a certificate in the home directory.
LAUNCHER = """#!/bin/sh
HOME={home} PYTHONPATH={packages} exec {python} {script}
"""


def cli_config(cache: Path, directory: Path) -> Path:
    """Makes a mirror with the provider in ``directory``; returns the engine's CLI configuration file."""
    program = directory / "mirror" / PROGRAM
    program.parent.mkdir(parents=True)
    values = {
        "home": directory,
        "packages": _packages(cache.absolute()),
        "python": sys.executable,
        "script": HERE / "provider.py",
    }
    quoted = {name: shlex.quote(str(value)) for name, value in values.items()}
    program.write_text(LAUNCHER.format(**quoted))
    program.chmod(0o755)
    config = directory / "terraform.tfrc"
    config.write_text(CLI_CONFIG.format(mirror=directory / "mirror"))
    return config


def _packages(cache: Path) -> Path:
    """The directory with what the provider imports."""
    digest = hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()[:12]
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    packages = cache / f"disk-provider-{python}-{digest}"
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
