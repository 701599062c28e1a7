"""A process that can make no other: seccomp's filter, which the kernel asks at each system call (seccomp(2)).

Threads may be made. Limits of a process bound a worker only while it is one process, and whoever kills it kills all of
it. Programs are written in classic BPF (struct sock_filter in linux/filter.h): code, jumps if true and if not, value.
"""

import ctypes
import errno
import platform
import struct
import sys
from collections.abc import Sequence
from typing import NamedTuple

_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER = 22, 2
_LOAD, _IF_EQUAL, _IF_AT_LEAST, _IF_ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_ALLOW, _FAIL, _KILL_PROCESS = 0x7FFF0000, 0x00050000, 0x80000000
_NUMBER, _ARCHITECTURE, _FIRST_ARGUMENT = 0, 4, 16  # offsets in struct seccomp_data; little endian
_CLONE_THREAD = 0x10000
_CLONE3 = 435
#: Calls of the x32 interface have numbers from here on; nobody uses it, and it would be a way around the filter.
_FOREIGN_NUMBERS = 0x40000000


class _Machine(NamedTuple):
    """What linux/audit.h calls the architecture, and the numbers of its calls that make processes."""

    architecture: int
    clone: int
    forks: Sequence[int]


_MACHINES = {
    "x86_64": _Machine(0xC000003E, 56, (57, 58)),
    "aarch64": _Machine(0xC00000B7, 220, ()),
}


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))


def stay_one_process(libc: ctypes.CDLL) -> bool:
    """Make no process from here on: trying fails with EPERM. Needs no_new_privs; cannot be undone.

    False where it cannot be had: an unknown kind of machine, or a kernel without seccomp.
    """
    machine = _MACHINES.get(platform.machine())
    if machine is None or sys.byteorder != "little":
        return False
    code = _filter(machine)
    program = _Program(len(code) // 8, code)
    return bool(libc.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.byref(program), 0, 0) == 0)


def _filter(machine: _Machine) -> bytes:
    refuse = _step(_RETURN, _FAIL | errno.EPERM)
    steps = [
        # A program of 32 bits has other numbers.
        _step(_LOAD, _ARCHITECTURE),
        _step(_IF_EQUAL, machine.architecture, if_true=1),
        _step(_RETURN, _KILL_PROCESS),
        _step(_LOAD, _NUMBER),
        _step(_IF_AT_LEAST, _FOREIGN_NUMBERS, if_false=1),
        refuse,
    ]
    for number in machine.forks:
        steps += [_step(_IF_EQUAL, number, if_false=1), refuse]
    # Its flags lie in memory, where no filter can look. Told that there is no such call, libc takes the older one.
    steps += [_step(_IF_EQUAL, _CLONE3, if_false=1), _step(_RETURN, _FAIL | errno.ENOSYS)]
    steps += [
        _step(_IF_EQUAL, machine.clone, if_false=3),
        _step(_LOAD, _FIRST_ARGUMENT),
        _step(_IF_ANY_BIT, _CLONE_THREAD, if_true=1),
        refuse,
        _step(_RETURN, _ALLOW),
    ]
    return b"".join(steps)


def _step(code: int, value: int, *, if_true: int = 0, if_false: int = 0) -> bytes:
    """``if_true``, ``if_false``: how many steps are left out then."""
    return struct.pack("<HBBI", code, if_true, if_false, value)
