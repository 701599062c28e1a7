"""Ports for test servers: free on loopback and below the kernel's range for outgoing connections."""

import random
import socket

_FIRST, _LAST = 20_000, 31_999


def free_port() -> int:
    """A TCP port between 20000 and 31999 on which nothing listens right now."""
    chance = random.SystemRandom()
    while True:
        port = chance.randint(_FIRST, _LAST)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
