"""Putting the provider where an engine finds it, as if it were HashiCorp's."""

import shlex
import sys
from pathlib import Path

from tests.system.disk_provider.installation import LAUNCHER

SCRIPT = Path(__file__).parent / "provider.py"
PROGRAM = "registry.terraform.io/hashicorp/http/3.5.0/linux_amd64/terraform-provider-http_v3.5.0"
CLI_CONFIG = """provider_installation {{
  filesystem_mirror {{
    path    = "{mirror}"
    include = ["hashicorp/http"]
  }}
}}
"""


def cli_config(directory: Path) -> Path:
    """Makes a mirror with the provider in ``directory``; returns the engine's CLI configuration file."""
    program = directory / "mirror" / PROGRAM
    program.parent.mkdir(parents=True)
    values = {"home": directory, "python": sys.executable, "script": SCRIPT}
    quoted = {name: shlex.quote(str(value)) for name, value in values.items()}
    program.write_text(LAUNCHER.format(**quoted))
    program.chmod(0o755)
    config = directory / "terraform.tfrc"
    config.write_text(CLI_CONFIG.format(mirror=directory / "mirror"))
    return config
