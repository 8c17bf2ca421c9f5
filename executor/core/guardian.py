"""How an engine is started so that it stops gracefully when its worker is killed, however hard.

``PR_SET_PDEATHSIG`` (prctl(2)) signals a process when its parent dies. But a killed worker's threads end
one by one, its children are passed from thread to thread, and each time the signal is sent again: with
twenty threads most engines got several SIGINTs, at the second of which Terraform ends at once and may
lose its state. So a guardian stands in between: a process of one thread, which is killed with the worker
and whose own death is the one SIGINT that the engine gets. Where coreutils and util-linux are at hand
it is ``timeout`` without a time; it ends as the engine has ended, by the same signal if that was one.

The signal is tied to the *thread* that starts the guardian: start and supervise in the same one.
``preexec_fn``, which could set it too, is unsafe in a process with threads.
"""

import functools
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

_WITHOUT_TOOLS = """
import ctypes, os, signal, sys
PR_SET_PDEATHSIG = 1
prctl = ctypes.CDLL(None).prctl
prctl(PR_SET_PDEATHSIG, int(signal.SIGKILL))
engine = os.fork()
if engine == 0:
    prctl(PR_SET_PDEATHSIG, int(signal.SIGINT))
    # Python has a mind of its own about signals that an engine must not inherit.
    for name in (signal.SIGINT, signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(name, signal.SIG_DFL)
    os.execv(sys.argv[1], sys.argv[1:])
code = os.waitstatus_to_exitcode(os.waitpid(engine, 0)[1])
if code < 0 and code != -signal.SIGKILL:
    signal.signal(-code, signal.SIG_DFL)
if code < 0:
    os.kill(os.getpid(), -code)
sys.exit(code)
"""


def guarded(argv: Sequence[str]) -> list[str]:
    """Returns the command that starts ``argv`` under a guardian: 3 ms, or 20 without the tools."""
    return [*_guardian(), *argv]


def send_signal(guardian: int, number: signal.Signals) -> None:
    """Signals the engine of a guardian; its whole group if it has none yet, so that none is started.

    Raises :class:`ProcessLookupError` when they have ended.
    """
    children = Path(f"/proc/{guardian}/task/{guardian}/children")
    try:
        engine = int(children.read_text().split()[0])
    except (OSError, IndexError):
        os.killpg(guardian, number)
    else:
        os.kill(engine, number)


@functools.cache
def _guardian() -> tuple[str, ...]:
    setpriv, timeout = shutil.which("setpriv"), shutil.which("timeout")
    if setpriv and timeout:
        guardian = (setpriv, "--pdeathsig", "KILL", timeout, "--foreground", "0")
        command = (*guardian, setpriv, "--pdeathsig", "INT")
        # Other implementations of either do not know the options.
        if subprocess.run([*command, "true"], check=False, capture_output=True).returncode == 0:
            return command
    return (sys.executable, "-I", "-S", "-c", _WITHOUT_TOOLS)
