"""What a worker may not ask of the kernel: seccomp's filter, which is asked at each system call (seccomp(2)).

It refuses what goes past the other measures of containment: other processes (limits of a process bound a worker only
while it is one), touching processes of the same user, memory that no limit counts or that outlives the process, what
the kernel counts for a user as a whole, and what Landlock leaves open on files. Threads may be made. No honest worker
makes one of these calls; everything else is allowed.

Programs are written in classic BPF (struct sock_filter in linux/filter.h): code, jumps if true and if not, value.
Numbers are those of asm/unistd_64.h (x86-64) and asm-generic/unistd.h (aarch64).
"""

import ctypes
import errno
import fcntl
import mmap
import platform
import struct
import sys
from collections.abc import Mapping, Sequence
from typing import NamedTuple

_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER = 22, 2
_LOAD, _AND, _IF_EQUAL, _IF_AT_LEAST, _RETURN = 0x20, 0x54, 0x15, 0x35, 0x06
_ALLOW, _FAIL, _KILL_PROCESS = 0x7FFF0000, 0x00050000, 0x80000000
_NUMBER, _ARCHITECTURE, _FIRST_ARGUMENT = 0, 4, 16  # offsets in struct seccomp_data; little endian


class _Machine(NamedTuple):
    """What linux/audit.h calls the architecture, and where its numbers stand in the tables below."""

    architecture: int
    column: int


_MACHINES = {"x86_64": _Machine(0xC000003E, 0), "aarch64": _Machine(0xC00000B7, 1)}

#: Linux 5.1 and later (the same on every machine): all libraries do without, for they run on older kernels, too. Among
#: them are io_uring, whose operations no filter sees, clone3, whose flags lie in memory, pidfds, mounts and
#: memfd_secret, and whatever comes. Numbers of the x32 interface, which nobody uses, are larger still.
FIRST_NEW = 424

#: Refused whatever their arguments. Numbers on x86-64 and aarch64; None: aarch64 has no such call.
REFUSED: Mapping[str, tuple[int, int | None]] = {
    # Another process, or another world around this one.
    "fork": (57, None),
    "vfork": (58, None),
    "unshare": (272, 97),
    "setns": (308, 268),
    # Priority and processors of any process of the same user; Landlock does not ask.
    "setpriority": (141, 140),
    "ioprio_set": (251, 30),
    "sched_setparam": (142, 118),
    "sched_setscheduler": (144, 119),
    "sched_setaffinity": (203, 122),
    "sched_setattr": (314, 274),
    # Memory that no limit of a process counts. Segments and queues outlive it, and PostgreSQL has one of its own.
    "memfd_create": (319, 279),
    "shmget": (29, 194),
    "shmat": (30, 196),
    "shmctl": (31, 195),
    "semget": (64, 190),
    "semop": (65, 193),
    "semctl": (66, 191),
    "semtimedop": (220, 192),
    "msgget": (68, 186),
    "msgsnd": (69, 189),
    "msgrcv": (70, 188),
    "msgctl": (71, 187),
    "mq_open": (240, 180),
    # Counted for the user as a whole: who takes all of it leaves none to the fleet.
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
    "inotify_init": (253, None),
    "inotify_init1": (294, 26),
    "fanotify_init": (300, 262),
    # The user's files wherever they lie: Landlock does not ask here. flock takes any file that can be read.
    "flock": (73, 32),
    "chmod": (90, None),
    "fchmod": (91, 52),
    "fchmodat": (268, 53),
    "chown": (92, None),
    "fchown": (93, 55),
    "lchown": (94, None),
    "fchownat": (260, 54),
    "setxattr": (188, 5),
    "lsetxattr": (189, 6),
    "fsetxattr": (190, 7),
    "removexattr": (197, 14),
    "lremovexattr": (198, 15),
    "fremovexattr": (199, 16),
    "utime": (132, None),
    "utimes": (235, None),
    "futimesat": (261, None),
    "utimensat": (280, 88),
    # Parts of the kernel that a worker has no use for and attackers have.
    "userfaultfd": (323, 282),
    "perf_event_open": (298, 241),
    "bpf": (321, 280),
}


class Argument(NamedTuple):
    """What a call is judged by: one of its arguments (from 0), of which ``mask`` is looked at, and values of it.

    Of an argument the lower 32 bits are compared: the kernel takes no more of these.
    """

    numbers: tuple[int, int]
    argument: int
    mask: int
    values: Sequence[int]


_ALL = 0xFFFFFFFF
_CLONE_FILES, _CLONE_THREAD = 0x400, 0x10000
_PR_SET_DUMPABLE = 4

#: Refused unless the argument has one of the values.
REFUSED_UNLESS: Mapping[str, Argument] = {
    # A thread, no process; and no thread has descriptors of its own, which the watch of the door would not see.
    "clone": Argument((56, 220), 0, _CLONE_THREAD | _CLONE_FILES, [_CLONE_THREAD | _CLONE_FILES]),
    # Its own limits: they cannot be raised again, and those of others are theirs.
    "prlimit64": Argument((302, 261), 0, _ALL, [0]),
    # Shared or without a file, not both: that is no data to RLIMIT_DATA.
    "mmap": Argument((9, 222), 3, mmap.MAP_SHARED | mmap.MAP_ANONYMOUS, [0, mmap.MAP_SHARED, mmap.MAP_ANONYMOUS]),
    # No leases and locks, for which others would wait, and no signals to others.
    "fcntl": Argument(
        (72, 25),
        1,
        _ALL,
        [fcntl.F_DUPFD, fcntl.F_GETFD, fcntl.F_SETFD, fcntl.F_GETFL, fcntl.F_SETFL, fcntl.F_DUPFD_CLOEXEC],
    ),
}

#: Refused if the argument has one of the values.
REFUSED_IF: Mapping[str, Argument] = {
    # Who may look at it was settled when it was shut in (launchers/containment.py).
    "prctl": Argument((157, 167), 0, _ALL, [_PR_SET_DUMPABLE]),
}


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))


def filter_calls(libc: ctypes.CDLL) -> bool:
    """Be refused these calls from here on (EPERM; ENOSYS for new ones). Needs no_new_privs; cannot be undone.

    False where it cannot be had: an unknown kind of machine, or a kernel without seccomp.
    """
    machine = _MACHINES.get(platform.machine())
    if machine is None or sys.byteorder != "little":
        return False
    code = _filter(machine)
    program = _Program(len(code) // 8, code)
    return bool(libc.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.byref(program), 0, 0) == 0)


def _filter(machine: _Machine) -> bytes:
    allow, refuse = _step(_RETURN, _ALLOW), _step(_RETURN, _FAIL | errno.EPERM)
    steps = [
        # A program of 32 bits has other numbers.
        _step(_LOAD, _ARCHITECTURE),
        _step(_IF_EQUAL, machine.architecture, if_true=1),
        _step(_RETURN, _KILL_PROCESS),
        _step(_LOAD, _NUMBER),
        # Told that there is no such call, a library takes the older one.
        _step(_IF_AT_LEAST, FIRST_NEW, if_false=1),
        _step(_RETURN, _FAIL | errno.ENOSYS),
    ]
    for numbers in REFUSED.values():
        if (number := numbers[machine.column]) is not None:
            steps += [_step(_IF_EQUAL, number, if_false=1), refuse]
    for calls, if_so, if_not in ((REFUSED_UNLESS, allow, refuse), (REFUSED_IF, refuse, allow)):
        for call in calls.values():
            judged = [_step(_LOAD, _FIRST_ARGUMENT + 8 * call.argument), _step(_AND, call.mask)]
            for value in call.values:
                judged += [_step(_IF_EQUAL, value, if_false=1), if_so]
            judged.append(if_not)
            steps += [_step(_IF_EQUAL, call.numbers[machine.column], if_false=len(judged)), *judged]
    steps.append(allow)
    return b"".join(steps)


def _step(code: int, value: int, *, if_true: int = 0, if_false: int = 0) -> bytes:
    """``if_true``, ``if_false``: how many steps are left out then."""
    return struct.pack("<HBBI", code, if_true, if_false, value)
