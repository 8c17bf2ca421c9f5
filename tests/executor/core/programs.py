"""Engines that are programs of a test, to misbehave as no real engine can be made to."""

import hashlib
import sys
import textwrap
import zipfile
from pathlib import Path

from executor.core.accessor import EngineRelease


def registered(program: str, folder: Path) -> EngineRelease:
    """Returns a Python program as a registered release, which is downloaded from ``folder``."""
    archive = folder / "program.zip"
    with zipfile.ZipFile(archive, "w") as content:
        content.writestr("terraform", f"#!{sys.executable}\n{textwrap.dedent(program)}")
    checksum = hashlib.sha256(archive.read_bytes()).hexdigest()
    return EngineRelease("terraform", "1.0.0", archive.as_uri(), checksum)
