"""The engine of the faults: the embedded Terraform behind a script that counts its starts."""

import shlex
import sys
import zipfile
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

from iacplatform.embedded.engine import EngineArchive, write_archive
from tests.faults import counted_engine as script

LAUNCHER = """#!/bin/sh
exec {python} -IS {script} {directory} {command}
"""


def counted_engine(real: EngineArchive, directory: Path) -> EngineArchive:
    """An archive whose program writes to ``directory/journal.jsonl`` and then is the real engine."""
    with zipfile.ZipFile(urlsplit(real.download_url).path) as content:
        launcher = content.read("terraform").decode()
    # exec <python> -IS <script> <library> "$@": what follows -IS is what the real one is made of.
    command = launcher.partition(" -IS ")[2].strip()
    launcher = LAUNCHER.format(
        python=shlex.quote(sys.executable),
        script=shlex.quote(str(Path(script.__file__).resolve())),
        directory=shlex.quote(str(directory)),
        command=command,
    )
    archive = directory / "counted-terraform.zip"
    checksum = write_archive(archive, launcher.encode())
    return replace(real, download_url=archive.as_uri(), checksum=checksum)
