"""Putting the provider where an engine finds it."""

import shlex
import sys
from pathlib import Path

HERE = Path(__file__).parent
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
HOME={home} exec {python} {script}
"""


def cli_config(directory: Path) -> Path:
    """Makes a mirror with the provider in ``directory``; returns the engine's CLI configuration file."""
    program = directory / "mirror" / PROGRAM
    program.parent.mkdir(parents=True)
    values = {
        "home": directory,
        "python": sys.executable,
        "script": HERE / "provider.py",
    }
    quoted = {name: shlex.quote(str(value)) for name, value in values.items()}
    program.write_text(LAUNCHER.format(**quoted))
    program.chmod(0o755)
    config = directory / "terraform.tfrc"
    config.write_text(CLI_CONFIG.format(mirror=directory / "mirror"))
    return config
