"""Shutting a worker in before it runs a line of its own: what an escaped one could not do afterwards.

In this order: resource limits → no new privileges → Landlock → as root a uid of the bot's own → who may look at its
memory and descriptors → a filter of system calls. A worker may read the Python environment, the code it comes from,
certificates and its own /proc; it writes nothing but descriptors that it was born with (its log); it may open TCP
connections and no TCP listener; it cannot signal, trace or slow a process outside. Best effort: an old kernel gives
less, and ``contain`` says which level was reached.

Plainly, what is not here: a fleet of an ordinary user runs all its workers as that user, there is no cgroup, the
filter names what is refused and not what is allowed, and a unix socket stays reachable by path for whoever may enter
its folder: passwords and ACLs guard those.
"""

import ctypes
import os
import resource
import sys
import zlib
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import landlockpy
from landlockpy import AccessFS, AccessNet, Scope

from hanfleet.core.startup import WorkerLimits
from hanfleet.launchers.call_filter import filter_calls

_PR_SET_DUMPABLE = 4
_PR_SET_NO_NEW_PRIVS = 38
# Loaded before the fork: the child loads nothing once it is shut in.
_libc = ctypes.CDLL(None, use_errno=True)

#: What name look-ups, time zones and TLS read. Missing ones are left out.
_SYSTEM_PATHS = (
    "/usr",
    "/lib",
    "/lib64",
    "/etc/ssl",
    "/etc/pki",
    "/etc/resolv.conf",
    "/run/systemd/resolve",
    "/etc/hosts",
    "/etc/host.conf",
    "/etc/nsswitch.conf",
    "/etc/gai.conf",
    "/etc/services",
    "/etc/localtime",
    "/etc/passwd",
    "/etc/ld.so.cache",
    "/dev/urandom",
    "/proc/stat",
    "/proc/meminfo",
    "/proc/sys/kernel/random/boot_id",
)
_READ = AccessFS.READ_FILE | AccessFS.READ_DIR
_READ_ONE = AccessFS.READ_FILE
# Everything in the file system that Landlock knows but for connecting to unix sockets (newer kernels only).
_HANDLED = ~AccessFS.RESOLVE_UNIX & landlockpy.fs_for_abi(landlockpy.flags.LATEST_ABI)


# Far above the uids of people, services and the ranges that container engines hand out.
_FIRST_UID, _UIDS = 1_900_000_000, 100_000_000
_PROCESSES = 64  # threads count, too
# Addresses that are no data: libraries that are loaded late, and what malloc sets aside for threads, 64 MiB at a time,
# for each of them if it may.
_ROOM_BYTES = 512 * 1024 * 1024
_M_ARENA_MAX, _ARENAS = -8, 2


@dataclass(frozen=True)
class Containment:
    """The level reached. ``landlock_abi`` 0: the kernel has none, so files are guarded by their modes alone.

    ``own_uid`` None: the worker runs as the fleet's user, which is not root, or root of a container with few uids.
    """

    limits: bool
    no_new_privs: bool
    landlock_abi: int
    own_uid: int | None
    call_filter: bool


def contain(bot_id: str, limits: WorkerLimits, code: Iterable[Path]) -> Containment:
    """Shut the calling process in, for good. ``code``: folders that it may read besides the Python environment.

    Raises OSError only where the system has a measure and refused it.
    """
    _limit(resource.RLIMIT_DATA, limits.data_bytes)
    _limit(resource.RLIMIT_NOFILE, limits.open_files)
    _limit(resource.RLIMIT_FSIZE, limits.file_size_bytes)
    # Not 0: only a limit of 1 keeps Linux from giving memory to the program that collects dumps, too (core(5)).
    _limit(resource.RLIMIT_CORE, 1)
    privileges = sys.platform == "linux"
    if privileges:
        _limit_addresses(limits.data_bytes)
        _prctl(_PR_SET_NO_NEW_PRIVS, 1)
    # Its rules name paths that only we may reach (an environment below /root, say), so it comes before the uid.
    abi = _landlock(code)
    own_uid = _become(bot_id) if os.geteuid() == 0 else None
    if privileges:
        # Of workers with one uid the supervisor has to see who connects (supervisor/knocks.py), and Landlock keeps them
        # from looking at each other. Without it nobody may look: root alone sees the descriptors of such a process.
        _prctl(_PR_SET_DUMPABLE, int(own_uid is None and abi > 0))
    call_filter = privileges and filter_calls(_libc)
    return Containment(limits=True, no_new_privs=privileges, landlock_abi=abi, own_uid=own_uid, call_filter=call_filter)


def uid_of(bot_id: str) -> int:
    """The uid of a bot's worker in a fleet that root runs: the same at every start, hardly ever another bot's."""
    return _FIRST_UID + zlib.crc32(bot_id.encode()) % _UIDS


def is_uid_of_bot(uid: int) -> bool:
    """Whether a worker of a fleet that root runs may have it."""
    return _FIRST_UID <= uid < _FIRST_UID + _UIDS


def _become(bot_id: str) -> int | None:
    """Give up root and all its capabilities for a uid that owns nothing. None where the system has no such uid."""
    uid = uid_of(bot_id)
    try:
        os.setgroups([])
        os.setresgid(uid, uid, uid)
    except OSError:
        # A container whose user namespace maps few uids: it keeps the root that it was given.
        return None
    _limit(resource.RLIMIT_NPROC, _PROCESSES)
    os.setresuid(uid, uid, uid)
    # Libraries look for settings there (asyncpg for keys), and may not even look into root's.
    os.environ["HOME"] = "/"
    return uid


def _limit(kind: int, value: int) -> None:
    """Lower soft and hard limit to ``value``; a hard limit that is lower already stays."""
    _, hard = resource.getrlimit(kind)
    bound = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(kind, (bound, bound))


def _limit_addresses(data_bytes: int) -> None:
    """What is made read-only once it is filled, moved, or grown as a stack is no data to the kernel, but has addresses.

    They are counted from those that every worker is born with: the interpreter and all that the zygote has loaded.
    """
    with suppress(AttributeError):  # another libc has no arenas
        _libc.mallopt(_M_ARENA_MAX, _ARENAS)
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    _limit(resource.RLIMIT_AS, pages * resource.getpagesize() + data_bytes + _ROOM_BYTES)


def _prctl(option: int, value: int) -> None:
    if _libc.prctl(option, value, 0, 0, 0) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def _landlock(code: Iterable[Path]) -> int:
    abi = landlockpy.abi_version()
    if abi == 0:
        return 0
    scoped = Scope.SIGNAL | Scope.ABSTRACT_UNIX_SOCKET
    with landlockpy.Ruleset(handled_fs=_HANDLED, handled_net=AccessNet.BIND_TCP, scoped=scoped) as ruleset:
        for path in (
            *_python_environment(),
            *code,
            *(Path(name) for name in _SYSTEM_PATHS),
            Path(f"/proc/{os.getpid()}"),
        ):
            if path.exists():
                ruleset.allow_path(path, _READ if path.is_dir() else _READ_ONE)
        ruleset.allow_path("/dev/null", AccessFS.READ_FILE | AccessFS.WRITE_FILE)
        ruleset.restrict()
    return abi


def _python_environment() -> Sequence[Path]:
    """Interpreter and installed packages; not sys.path, which may name the folder that somebody stood in."""
    return tuple(Path(prefix) for prefix in dict.fromkeys((sys.prefix, sys.base_prefix)) if prefix != "/")
