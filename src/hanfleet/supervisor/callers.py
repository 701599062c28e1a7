"""Who is connected to a server through its unix socket, as the kernel tells: sock_diag(7), linux/unix_diag.h.

A server knows its clients by name once they have logged in; the kernel knows each by its uid, from the first moment.
Refuses to say which bot that is (supervisor/knocks.py).
"""

import os
import socket
import struct
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

_NETLINK_SOCK_DIAG, _SOCK_DIAG_BY_FAMILY = 4, 20
_REQUEST_OF_ALL = 0x301  # NLM_F_REQUEST | NLM_F_DUMP
_ERROR, _DONE = 2, 3
_STATES = 1 << 1 | 1 << 10  # established, listening
_SHOW = 0x01 | 0x04 | 0x08 | 0x40  # name, peer, who waits to be accepted, uid
_NAME, _PEER, _WAITING, _UID = 0, 2, 3, 7
_HEADER = struct.Struct("=IHHII")  # length, type, flags, sequence, port
_ASKED = struct.Struct("=BBHIIIII")  # family, protocol, padding, states, inode, what to show, cookie
_FOUND = struct.Struct("=BBBBIII")  # family, type, state, padding, inode, cookie
_ATTRIBUTE = struct.Struct("=HH")  # length, type
_ROOM = 1 << 16


@dataclass(frozen=True)
class _Socket:
    """``peers``: inodes of the far end; of a listening socket, of all who wait to be accepted."""

    inode: int
    name: str
    peers: tuple[int, ...]
    uid: int | None


@dataclass(frozen=True)
class Door:
    """Inodes of sockets. ``callers``: far ends of connections to the servers, accepted or not yet, and the uid that
    made each; ``ends``: the servers' own, which stay until they close them, too.
    """

    callers: Mapping[int, int]
    ends: frozenset[int]


def at_the_door(paths: Collection[str]) -> Door:
    """Who is connected to sockets at ``paths``, or waits to be.

    Raises OSError where the kernel does not tell (before Linux 5.3, or without unix_diag).
    """
    found = {each.inode: each for each in _sockets()}
    ends = {each.inode for each in found.values() if each.name in paths}
    far = {peer for inode in ends for peer in found[inode].peers}
    callers = {inode: uid for inode in far & found.keys() if (uid := found[inode].uid) is not None}
    return Door(callers, frozenset(ends))


def _sockets() -> Iterator[_Socket]:
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, _NETLINK_SOCK_DIAG) as kernel:
        asked = _ASKED.pack(socket.AF_UNIX, 0, 0, _STATES, 0, _SHOW, 0, 0)
        kernel.send(_HEADER.pack(_HEADER.size + len(asked), _SOCK_DIAG_BY_FAMILY, _REQUEST_OF_ALL, 1, 0) + asked)
        while True:
            answer = kernel.recv(_ROOM)
            at = 0
            while at < len(answer):
                length, kind, *_ = _HEADER.unpack_from(answer, at)
                if kind == _DONE:
                    return
                if kind == _ERROR:
                    number = -int(struct.unpack_from("=i", answer, at + _HEADER.size)[0])
                    raise OSError(number, os.strerror(number))
                yield _read(answer[at + _HEADER.size : at + length])
                at += _aligned(length)


def _read(message: bytes) -> _Socket:
    inode = _FOUND.unpack_from(message)[4]
    values: dict[int, bytes] = {}
    at = _FOUND.size
    while at < len(message):
        length, kind = _ATTRIBUTE.unpack_from(message, at)
        values[kind] = message[at + _ATTRIBUTE.size : at + length]
        at += _aligned(length)
    name = os.fsdecode(values.get(_NAME, b"").rstrip(b"\0"))
    peers = _numbers(values.get(_PEER, b"")) + _numbers(values.get(_WAITING, b""))
    return _Socket(inode, name, peers, next(iter(_numbers(values.get(_UID, b""))), None))


def _numbers(value: bytes) -> tuple[int, ...]:
    return struct.unpack(f"={len(value) // 4}I", value)


def _aligned(length: int) -> int:
    return (length + 3) & ~3
