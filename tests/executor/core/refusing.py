"""Makes the kernel refuse a system call to this process and all it starts, by seccomp(2).

It cannot be undone: for processes that a test starts for it.
"""

import ctypes
import os
import platform

CALLS = {
    "x86_64": {"fallocate": 285, "inotify_init1": 294},
    "aarch64": {"fallocate": 47, "inotify_init1": 26},
}
PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS = 22, 38
SECCOMP_MODE_FILTER = 2
LOAD_NUMBER, JUMP_IF_EQUAL, RETURN = 0x20, 0x15, 0x06
RET_ERRNO, RET_ALLOW = 0x00050000, 0x7FFF0000


class Instruction(ctypes.Structure):
    _fields_ = [
        ("code", ctypes.c_uint16),
        ("if_true", ctypes.c_uint8),
        ("if_false", ctypes.c_uint8),
        ("value", ctypes.c_uint32),
    ]


class Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_uint16), ("filter", ctypes.POINTER(Instruction))]


def refuse(call: str, number: int) -> None:
    """Lets ``call`` fail with the error ``number`` from now on."""
    code = (Instruction * 4)(
        Instruction(LOAD_NUMBER, 0, 0, 0),
        Instruction(JUMP_IF_EQUAL, 0, 1, CALLS[platform.machine()][call]),
        Instruction(RETURN, 0, 0, RET_ERRNO | number),
        Instruction(RETURN, 0, 0, RET_ALLOW),
    )
    libc = ctypes.CDLL(None, use_errno=True)
    program = ctypes.byref(Program(4, code))
    for arguments in (
        (PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0),
        (PR_SET_SECCOMP, SECCOMP_MODE_FILTER, program, 0, 0),
    ):
        if libc.prctl(*arguments) != 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
