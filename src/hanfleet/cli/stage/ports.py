"""Ports for servers that live as long as a stage: free now, and below the kernel's range for outgoing connections."""

import random
import socket

_FIRST, _LAST = 20_000, 31_999


def free_port(chance: random.Random) -> int:
    """A TCP port on loopback, 20000 to 31999, on which nothing listens right now."""
    while True:
        port = chance.randint(_FIRST, _LAST)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
